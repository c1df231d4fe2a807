//! `UPDATE` and `DELETE`.

use sqlite3_parser::ast::{
    Expr, FromClause, Limit, QualifiedName, ResolveType, ResultColumn, Select, Set, SortedColumn,
    With,
};

use super::convert;
use super::from::table_name;
use super::insert::column_position;
use super::kind::Kind;
use super::names;
use super::printed::Printed;
use super::refusal::{At, Fault, Outcome};
use super::schema::Table;
use super::scope::{Item, Scope};
use super::translator::Translator;

/// The clauses of an `UPDATE`.
pub(super) struct Update<'e> {
    pub(super) with: Option<&'e With<'e>>,
    pub(super) resolve: Option<ResolveType>,
    pub(super) table: &'e QualifiedName<'e>,
    pub(super) sets: &'e [Set<'e>],
    pub(super) from: Option<&'e FromClause<'e>>,
    pub(super) where_clause: Option<&'e Expr<'e>>,
    pub(super) returning: &'e [ResultColumn<'e>],
}

/// The clauses of a `DELETE`.
pub(super) struct Delete<'e> {
    pub(super) with: Option<&'e With<'e>>,
    pub(super) table: &'e QualifiedName<'e>,
    pub(super) where_clause: Option<&'e Expr<'e>>,
    pub(super) returning: &'e [ResultColumn<'e>],
}

impl Translator<'_> {
    pub(super) fn update(&mut self, update: &Update<'_>) -> Outcome<Printed> {
        if !matches!(update.resolve, None | Some(ResolveType::Abort)) {
            return Err(Fault::refused(
                "UPDATE OR …",
                "UPDATE … WHERE NOT EXISTS (…)",
            ));
        }
        let with = self.with(update.with)?;
        let name = table_name(update.table)?;
        let table = self.changeable(&name).at(update.table)?;
        let alias = update.table.alias.as_ref().map_or(name, names::folded);
        let (from, others) = self.from(update.from)?;
        let returned = Item::of_table(table, &alias);
        let mut items = vec![returned.clone()];
        items.extend(others);
        let work = |translator: &mut Self| {
            let work = |translator: &mut Self| translator.sets(update.sets, table);
            let sets = translator.while_changing(&table.name, true, work)?;
            let condition = translator.where_clause(update.where_clause)?;
            Ok(format!("{sets}{from}{condition}"))
        };
        let (rest, _) = self.within(Scope::of(items), work)?;
        let target = aliased(table, &alias);
        let mut text = format!("{with}UPDATE {target} SET {rest}");
        let fields = self.returning(update.returning, &table.name, returned, &mut text)?;
        Ok(Printed::write(text, fields, false))
    }

    pub(super) fn delete(&mut self, delete: &Delete<'_>) -> Outcome<Printed> {
        let with = self.with(delete.with)?;
        let name = table_name(delete.table)?;
        let table = self.changeable(&name).at(delete.table)?;
        let alias = delete.table.alias.as_ref().map_or(name, names::folded);
        let item = Item::of_table(table, &alias);
        let scope = Scope::of(vec![item.clone()]);
        let (condition, _) = self.within(scope, |translator| {
            translator.where_clause(delete.where_clause)
        })?;
        let target = aliased(table, &alias);
        let mut text = format!("{with}DELETE FROM {target}{condition}");
        let fields = self.returning(delete.returning, &table.name, item, &mut text)?;
        Ok(Printed::write(text, fields, false))
    }

    fn where_clause(&mut self, condition: Option<&Expr<'_>>) -> Outcome<String> {
        match condition {
            Some(condition) => Ok(format!(" WHERE {}", self.condition(condition)?)),
            None => Ok(String::new()),
        }
    }

    /// The assignments of `SET`.
    pub(super) fn sets(&mut self, sets: &[Set<'_>], table: &Table) -> Outcome<String> {
        let mut texts: Vec<(String, String)> = Vec::new();
        for set in sets {
            let values: &[Expr<'_>] = match &set.expr {
                Expr::Parenthesized(values) if set.col_names.len() > 1 => values,
                one => std::slice::from_ref(one),
            };
            if let Expr::Subquery(select) = &set.expr
                && set.col_names.len() > 1
            {
                texts.push(self.set_from_query(set, select, table).at(set)?);
                continue;
            }
            if values.len() != set.col_names.len() {
                let (names, values) = (set.col_names.len(), values.len());
                let reason = format!("{names} columns assigned {values} values");
                return Err(Fault::wrong(reason)).at(set);
            }
            for (column, value) in set.col_names.iter().zip(values) {
                let (column, value) = self.set(&names::folded(column), value, table).at(set)?;
                // Of several values for one column, SQLite takes the last.
                texts.retain(|(known, _)| *known != column);
                texts.push((column, value));
            }
        }
        let texts = texts
            .iter()
            .map(|(column, value)| format!("{column} = {value}"));
        Ok(texts.collect::<Vec<_>>().join(", "))
    }

    /// The columns in parentheses, and a query that gives their values.
    fn set_from_query(
        &mut self,
        set: &Set<'_>,
        select: &Select<'_>,
        table: &Table,
    ) -> Outcome<(String, String)> {
        let query = self.select(select)?;
        if query.fields.len() != set.col_names.len() {
            return Err(Fault::wrong("a query gives a value for each column"));
        }
        let name = self.new_name();
        let (mut columns, mut values, mut inner) = (Vec::new(), Vec::new(), Vec::new());
        for (at, (column, field)) in set.col_names.iter().zip(&query.fields).enumerate() {
            let column = &table.columns[column_position(table, &names::folded(column))?];
            let mut term = field.term();
            term.text = format!("\"{name}\".\"c{at}\"");
            inner.push(format!("\"c{at}\""));
            columns.push(names::quoted(&column.name));
            let kind = column.ty.kind().unwrap_or(Kind::Text);
            values.push(convert::assigned(self, term, kind)?);
        }
        let value = format!(
            "(SELECT {} FROM ({}) AS \"{name}\"({}))",
            values.join(", "),
            query.text,
            inner.join(", ")
        );
        Ok((format!("({})", columns.join(", ")), value))
    }

    fn set(&mut self, column: &str, value: &Expr<'_>, table: &Table) -> Outcome<(String, String)> {
        let at = column_position(table, column)?;
        let column = &table.columns[at];
        let term = self.expression(value)?;
        let value = convert::assigned(self, term, column.ty.kind().unwrap_or(Kind::Text))?;
        Ok((names::quoted(&column.name), value))
    }
}

/// SQLite takes `ORDER BY` and `LIMIT` here only if it is built so.
pub(super) fn check_unlimited(
    order_by: Option<&[SortedColumn<'_>]>,
    limit: Option<&Limit<'_>>,
) -> Outcome<()> {
    if order_by.is_none() && limit.is_none() {
        return Ok(());
    }
    let reason = "ORDER BY and LIMIT of a statement that changes rows";
    Err(Fault::refused(
        reason,
        "WHERE id IN (SELECT id … ORDER BY … LIMIT …)",
    ))
}

fn aliased(table: &Table, alias: &str) -> String {
    let name = names::quoted(&table.name);
    match table.name == alias {
        true => name,
        false => format!("{name} AS {}", names::quoted(alias)),
    }
}
