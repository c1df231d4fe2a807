//! `FROM`: tables, views, subqueries and joins, and the columns they bring.

use sqlite3_parser::ast::{
    As, Expr, FromClause, JoinConstraint, JoinOperator, JoinType, JoinedSelectTable, QualifiedName,
    Select, SelectTable,
};

use super::comparisons::Compare;
use super::kind::{Affinity, Collation, Kind, Type};
use super::names;
use super::refusal::{At, Fault, Outcome};
use super::scope::{Field, Item, Scope};
use super::translator::Translator;

/// The columns that `json_each` and `json_tree` bring, besides those that tell nothing of the value.
const JSON_EACH: [(&str, Type); 6] = [
    ("key", Type::Any),
    ("value", Type::Any),
    ("type", Type::Of(Kind::Text)),
    ("atom", Type::Any),
    ("fullkey", Type::Of(Kind::Text)),
    ("path", Type::Of(Kind::Text)),
];

impl Translator<'_> {
    /// ` FROM …`, and its items.
    pub(super) fn from(&mut self, from: Option<&FromClause<'_>>) -> Outcome<(String, Vec<Item>)> {
        let Some((from, first)) = from.and_then(|from| Some((from, from.select?))) else {
            return Ok((String::new(), Vec::new()));
        };
        let joins = from.joins.as_deref().unwrap_or(&[]);
        // Postgres finds the best order of many tables only if they are a list.
        let comma = match joins.iter().all(is_plain) {
            true => ", ",
            false => " CROSS JOIN ",
        };
        let (text, items) = self.joined_tables(first, joins, comma)?;
        Ok((format!(" FROM {text}"), items))
    }

    fn joined_tables(
        &mut self,
        first: &SelectTable<'_>,
        joins: &[JoinedSelectTable<'_>],
        comma: &str,
    ) -> Outcome<(String, Vec<Item>)> {
        let (mut text, mut items) = self.source_item(first)?;
        for join in joins {
            let (right, right_items) = match &join.table {
                // Only the arguments of a function may name the tables before it.
                SelectTable::TableCall(..) => {
                    let scope = Scope::of(std::mem::take(&mut items));
                    let work = |translator: &mut Self| translator.source_item(&join.table);
                    let (source, scope) = self.within(scope, work)?;
                    items = scope.items;
                    source
                }
                table => self.source_item(table)?,
            };
            let word = join_word(join.operator);
            let left_count = items.len();
            items.extend(right_items);
            let condition = self.join_condition(join, &mut items, left_count)?;
            set_nullable(join.operator, &mut items, left_count);
            text = match condition {
                Some(condition) => format!("{text} {word} {right} ON {condition}"),
                None if word == "JOIN" => format!("{text}{comma}{right}"),
                None => format!("{text} {word} {right} ON true"),
            };
        }
        Ok((text, items))
    }

    fn join_condition(
        &mut self,
        join: &JoinedSelectTable<'_>,
        items: &mut Vec<Item>,
        left_count: usize,
    ) -> Outcome<Option<String>> {
        let is_natural = matches!(
            join.operator,
            JoinOperator::TypedJoin(Some(kinds)) if kinds.contains(JoinType::NATURAL)
        );
        let columns = match &join.constraint {
            Some(JoinConstraint::On(condition)) => {
                let scope = Scope::of(std::mem::take(items));
                let (text, scope) =
                    self.within(scope, |translator| translator.condition(condition))?;
                *items = scope.items;
                return Ok(Some(text));
            }
            Some(JoinConstraint::Using(columns)) => columns.iter().map(names::folded).collect(),
            None if is_natural => common_columns(items, left_count),
            None => return Ok(None),
        };
        let outer = JoinType::RIGHT;
        if matches!(join.operator, JoinOperator::TypedJoin(Some(kinds)) if kinds.contains(outer)) {
            let reason = "USING and NATURAL of a right or full join";
            return Err(Fault::refused(
                reason,
                "ON, and coalesce(…) for the columns",
            ));
        }
        let mut conditions = Vec::new();
        for column in columns {
            conditions.push(self.using(&column, items, left_count)?);
        }
        Ok(match conditions.is_empty() {
            true => None,
            false => Some(conditions.join(" AND ")),
        })
    }

    /// Both columns of one name are one, which is the left one.
    fn using(&mut self, column: &str, items: &mut [Item], left_count: usize) -> Outcome<String> {
        let (left, right) = items.split_at_mut(left_count);
        let in_items = |field: &&mut Field| field.name == column && !field.is_merged;
        let left = left
            .iter_mut()
            .flat_map(|item| &mut item.fields)
            .find(in_items);
        let right = right
            .iter_mut()
            .flat_map(|item| &mut item.fields)
            .find(in_items);
        let (Some(left), Some(right)) = (left, right) else {
            let reason =
                format!("cannot join using column {column} - column not present in both tables");
            return Err(Fault::wrong(reason));
        };
        right.is_merged = true;
        let (left, right) = (left.term(), right.term());
        Ok(self.compared(left, Compare::Equal, right).text)
    }

    /// One item, or several in parentheses.
    fn source_item(&mut self, table: &SelectTable<'_>) -> Outcome<(String, Vec<Item>)> {
        self.unplaced_item(table).at(table)
    }

    fn unplaced_item(&mut self, table: &SelectTable<'_>) -> Outcome<(String, Vec<Item>)> {
        match table {
            SelectTable::Table(name, alias, _) => {
                let (text, item) = self.named_item(name, alias.as_ref())?;
                Ok((text, vec![item]))
            }
            SelectTable::Select(select, alias) => {
                let (text, item) = self.subquery(select, alias.as_ref())?;
                Ok((text, vec![item]))
            }
            SelectTable::Sub(from, _) => {
                let Some(first) = from.select else {
                    return Err(Fault::wrong("an empty FROM"));
                };
                let joins = from.joins.as_deref().unwrap_or(&[]);
                let (text, items) = self.joined_tables(first, joins, " CROSS JOIN ")?;
                Ok((format!("({text})"), items))
            }
            SelectTable::TableCall(name, arguments, alias) => {
                let (text, item) =
                    self.table_function(name, arguments.unwrap_or(&[]), alias.as_ref())?;
                Ok((text, vec![item]))
            }
        }
    }

    pub(super) fn named_item(
        &mut self,
        name: &QualifiedName<'_>,
        alias: Option<&As<'_>>,
    ) -> Outcome<(String, Item)> {
        let table = table_name(name)?;
        self.reads_changing |= self.changing.as_ref() == Some(&table);
        let shown = alias.map_or_else(|| table.clone(), alias_name);
        let printed = format!("{} AS {}", names::quoted(&table), names::quoted(&shown));
        let common = self
            .commons
            .iter()
            .rev()
            .find(|common| common.name == table);
        let Some(common) = common else {
            return Ok((printed, self.table(&table, &shown)?));
        };
        let mut fields = common.fields.clone();
        for field in &mut fields {
            field.text = format!("{}.{}", names::quoted(&shown), names::quoted(&field.name));
        }
        Ok((printed, derived(shown, fields)))
    }

    fn subquery(&mut self, select: &Select<'_>, alias: Option<&As<'_>>) -> Outcome<(String, Item)> {
        let mut query = self.select(select)?;
        let name = match alias {
            Some(alias) => alias_name(alias),
            None => self.new_name(),
        };
        let columns = query.column_list();
        let text = format!("({}) AS {}{columns}", query.text, names::quoted(&name));
        let fields = query.qualified(&name);
        Ok((text, derived(name, fields)))
    }

    fn table_function(
        &mut self,
        name: &QualifiedName<'_>,
        arguments: &[Expr<'_>],
        alias: Option<&As<'_>>,
    ) -> Outcome<(String, Item)> {
        let function = names::folded(&name.name);
        let most = match function.as_str() {
            "json_each" => 2,
            "json_tree" => 1,
            _ => 0,
        };
        if arguments.is_empty() || arguments.len() > most {
            let reason = format!(
                "the table function {function}() with these arguments has no counterpart in Postgres"
            );
            return Err(Fault::impossible(reason));
        }
        let mut texts = Vec::new();
        for argument in arguments {
            let term = self.expression(argument)?;
            texts.push(self.text(term)?);
        }
        if texts.len() < most {
            texts.push("'$'".to_owned());
        }
        let shown = alias.map_or_else(|| function.clone(), alias_name);
        let text = format!(
            "terrace.{function}({}) AS {}",
            texts.join(", "),
            names::quoted(&shown)
        );
        let fields = JSON_EACH.iter().map(|(name, ty)| Field {
            name: (*name).to_owned(),
            shown: (*name).to_owned(),
            ty: *ty,
            affinity: Affinity::None,
            nullable: true,
            is_bytewise: false,
            collation: Collation::Binary,
            text: format!("{}.{}", names::quoted(&shown), names::quoted(name)),
            is_merged: false,
        });
        let fields = fields.collect();
        Ok((text, derived(shown, fields)))
    }
}

fn derived(name: String, fields: Vec<Field>) -> Item {
    Item {
        name,
        fields,
        rowid: None,
        key: None,
    }
}

/// The name that `AS` gives.
pub(super) fn alias_name(alias: &As<'_>) -> String {
    match alias {
        As::As(name) | As::Elided(name) => names::folded(name),
    }
}

fn join_word(operator: JoinOperator) -> &'static str {
    let JoinOperator::TypedJoin(Some(kinds)) = operator else {
        return "JOIN";
    };
    match (
        kinds.contains(JoinType::LEFT),
        kinds.contains(JoinType::RIGHT),
    ) {
        (true, true) => "FULL JOIN",
        (true, false) => "LEFT JOIN",
        (false, true) => "RIGHT JOIN",
        (false, false) => "JOIN",
    }
}

/// Whether a join pairs all rows.
fn is_plain(join: &JoinedSelectTable<'_>) -> bool {
    let is_natural = matches!(
        join.operator,
        JoinOperator::TypedJoin(Some(kinds)) if kinds.contains(JoinType::NATURAL)
    );
    join.constraint.is_none() && !is_natural && join_word(join.operator) == "JOIN"
}

/// An outer join brings rows in which one side is `NULL`.
fn set_nullable(operator: JoinOperator, items: &mut [Item], left_count: usize) {
    let word = join_word(operator);
    let (left, right) = items.split_at_mut(left_count);
    if matches!(word, "FULL JOIN" | "RIGHT JOIN") {
        left.iter_mut().for_each(Item::make_nullable);
    }
    if matches!(word, "FULL JOIN" | "LEFT JOIN") {
        right.iter_mut().for_each(Item::make_nullable);
    }
}

fn common_columns(items: &[Item], left_count: usize) -> Vec<String> {
    let (left, right) = items.split_at(left_count);
    let is_left = |name: &str| {
        left.iter()
            .flat_map(|item| &item.fields)
            .any(|field| field.name == name)
    };
    let right = right.iter().flat_map(|item| &item.fields);
    right
        .filter(|field| is_left(&field.name))
        .map(|field| field.name.clone())
        .collect()
}

/// The name of a table, which is in the one database that there is.
pub(super) fn table_name(name: &QualifiedName<'_>) -> Outcome<String> {
    if let Some(database) = &name.db_name
        && names::folded(database) != "main"
    {
        let reason = format!("the database {} is not carried over", database.0);
        return Err(Fault::refused(reason, "a table of the main database"));
    }
    let table = names::folded(&name.name);
    if table.starts_with("sqlite_") || table.starts_with("pragma_") {
        let reason = format!("{table} is SQLite's own");
        return Err(Fault::impossible(reason));
    }
    Ok(table)
}
