//! Conflicts of an `INSERT`: `OR …` and `ON CONFLICT`.

use sqlite3_parser::ast::{Expr, ResolveType, Upsert, UpsertDo, UpsertIndex};

use super::insert::Target;
use super::names;
use super::refusal::{At, Fault, Outcome};
use super::schema::Key;
use super::scope::{Item, Scope};
use super::translator::Translator;

impl Translator<'_> {
    pub(super) fn on_conflict(
        &mut self,
        resolve: Option<ResolveType>,
        upsert: Option<&Upsert<'_>>,
        target: &Target<'_>,
    ) -> Outcome<String> {
        match (resolve, upsert) {
            (None | Some(ResolveType::Abort), None) => Ok(String::new()),
            (Some(ResolveType::Ignore), None) => Ok(" ON CONFLICT DO NOTHING".to_owned()),
            (Some(ResolveType::Replace), None) => self.replace(target),
            (None | Some(ResolveType::Abort), Some(upsert)) => self.upsert(upsert, target),
            (Some(ResolveType::Rollback | ResolveType::Fail), _) => Err(Fault::refused(
                "OR ROLLBACK and OR FAIL end a statement half-way, which Postgres does not",
                "INSERT without OR",
            )),
            (Some(_), Some(_)) => Err(Fault::refused(
                "OR and ON CONFLICT in one statement",
                "one ON CONFLICT",
            )),
        }
    }

    /// `OR REPLACE` deletes each row that is in conflict. With one key that is an update of all columns.
    fn replace(&mut self, target: &Target<'_>) -> Outcome<String> {
        let table = target.table;
        let [key] = &table.keys[..] else {
            return Err(Fault::refused(
                "OR REPLACE may delete several rows where a table has several keys, or none",
                "ON CONFLICT (…) DO UPDATE SET …",
            ));
        };
        let has_effect = self.schema.children(&table.name).any(|child| {
            let mut references = child.references.iter();
            references.any(|reference| reference.parent == table.name && reference.has_effect)
        });
        if has_effect || !key.is_plain {
            return Err(Fault::refused(
                "OR REPLACE deletes the row, and with it what refers to it",
                "ON CONFLICT (…) DO UPDATE SET …",
            ));
        }
        let columns = table.columns.iter().enumerate();
        let changed =
            columns.filter(|(at, column)| !key.columns.contains(at) && !column.is_generated);
        let sets: Vec<String> = changed
            .map(|(_, column)| {
                let column = names::quoted(&column.name);
                format!("{column} = EXCLUDED.{column}")
            })
            .collect();
        let columns = key_columns(target, key);
        Ok(match sets.is_empty() {
            true => format!(" ON CONFLICT ({columns}) DO NOTHING"),
            false => format!(" ON CONFLICT ({columns}) DO UPDATE SET {}", sets.join(", ")),
        })
    }

    fn upsert(&mut self, upsert: &Upsert<'_>, target: &Target<'_>) -> Outcome<String> {
        if upsert.next.is_some() {
            return Err(Fault::refused(
                "several ON CONFLICT clauses",
                "one ON CONFLICT clause",
            ));
        }
        let conflict = match (&upsert.index, &upsert.do_clause) {
            (Some(index), _) => format!(" {}", self.conflict_target(index, target)?),
            (None, UpsertDo::Nothing) => String::new(),
            (None, UpsertDo::Set { .. }) => match &target.table.keys[..] {
                [key] if key.is_plain => format!(" ({})", key_columns(target, key)),
                _ => {
                    return Err(Fault::refused(
                        "DO UPDATE without columns on a table with several keys",
                        "ON CONFLICT (…) DO UPDATE",
                    ));
                }
            },
        };
        let UpsertDo::Set { sets, where_clause } = &upsert.do_clause else {
            return Ok(format!(" ON CONFLICT{conflict} DO NOTHING"));
        };
        let items = vec![
            Item::of_table(target.table, &target.alias),
            Item::of_table(target.table, "excluded"),
        ];
        let mut scope = Scope::of(items);
        // A column without a table is the one of the row that is there.
        for field in &mut scope.items[1].fields {
            field.is_merged = true;
        }
        let work = |translator: &mut Self| {
            let work = |translator: &mut Self| translator.sets(sets, target.table);
            let sets = translator.while_changing(&target.table.name, false, work)?;
            let condition = match where_clause {
                Some(condition) => format!(" WHERE {}", translator.condition(condition)?),
                None => String::new(),
            };
            Ok(format!("{sets}{condition}"))
        };
        let (text, _) = self.within(scope, work)?;
        Ok(format!(" ON CONFLICT{conflict} DO UPDATE SET {text}"))
    }

    fn conflict_target(&mut self, index: &UpsertIndex<'_>, target: &Target<'_>) -> Outcome<String> {
        let item = Item::of_table(target.table, &target.alias);
        let work = |translator: &mut Self| {
            let mut columns = Vec::new();
            for column in index.targets {
                columns.push(translator.target_column(&column.expr, target)?);
            }
            let condition = match &index.where_clause {
                Some(condition) => format!(" WHERE {}", translator.condition(condition)?),
                None => String::new(),
            };
            Ok(format!("({}){condition}", columns.join(", ")))
        };
        let (text, _) = self.within(Scope::of(vec![item]), work)?;
        Ok(text)
    }

    fn target_column(&mut self, expression: &Expr<'_>, target: &Target<'_>) -> Outcome<String> {
        let (Expr::Id(_) | Expr::Name(_)) = expression else {
            let reason = "an expression or a collation in a conflict's columns";
            return Err(Fault::refused(reason, "a unique index of plain columns")).at(expression);
        };
        let term = self.expression(expression)?;
        let column = format!("{}.", names::quoted(&target.alias));
        let column = term
            .text
            .strip_prefix(&column)
            .unwrap_or(&term.text)
            .to_owned();
        Ok(match term.grouped() == term.text {
            true => column,
            false => format!("(terrace.nocase({column}))"),
        })
    }
}

fn key_columns(target: &Target<'_>, key: &Key) -> String {
    let columns = key.columns.iter();
    let columns: Vec<String> = columns
        .map(|at| {
            let column = &target.table.columns[*at];
            let name = names::quoted(&column.name);
            match column.collation {
                super::kind::Collation::Binary => name,
                super::kind::Collation::NoCase => format!("(terrace.nocase({name}))"),
            }
        })
        .collect();
    columns.join(", ")
}
