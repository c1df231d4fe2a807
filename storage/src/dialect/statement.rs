//! Statements: which file prints which, and what each does to a session.

use sqlite3_parser::ast::{Cmd, Name, PragmaBody, QualifiedName, Stmt};

use super::change::{self, Delete, Update};
use super::insert::Insert;
use super::names;
use super::printed::{Effect, Printed};
use super::refusal::{At, Fault, Outcome};
use super::translator::Translator;

impl Translator<'_> {
    /// Prints what the parser read.
    pub(super) fn command(&mut self, command: &Cmd<'_>) -> Outcome<Printed> {
        match command {
            Cmd::Stmt(statement) => self.statement(statement),
            Cmd::Explain(_) | Cmd::ExplainQueryPlan(_) => Err(Fault::impossible(
                "EXPLAIN shows SQLite's own program; each engine explains itself in its own way",
            )),
        }
    }

    fn statement(&mut self, statement: &Stmt<'_>) -> Outcome<Printed> {
        match statement {
            Stmt::Select(select) => {
                let query = self.select(select)?;
                Ok(Printed {
                    texts: vec![query.text],
                    effect: Effect::Read,
                    fields: query.fields,
                    has_rowid: false,
                })
            }
            Stmt::Insert {
                with,
                or_conflict,
                tbl_name,
                columns,
                body,
                returning,
            } => self.insert(&Insert {
                with: with.as_ref(),
                resolve: *or_conflict,
                table: tbl_name,
                columns: columns.as_ref(),
                body,
                returning: returning.unwrap_or(&[]),
            }),
            other => self.change_statement(other),
        }
    }

    fn change_statement(&mut self, statement: &Stmt<'_>) -> Outcome<Printed> {
        match statement {
            Stmt::Update {
                with,
                or_conflict,
                tbl_name,
                sets,
                from,
                where_clause,
                returning,
                order_by,
                limit,
                ..
            } => {
                change::check_unlimited(*order_by, *limit)?;
                self.update(&Update {
                    with: with.as_ref(),
                    resolve: *or_conflict,
                    table: tbl_name,
                    sets,
                    from: from.as_ref(),
                    where_clause: where_clause.as_ref(),
                    returning: returning.unwrap_or(&[]),
                })
            }
            Stmt::Delete {
                with,
                tbl_name,
                where_clause,
                returning,
                order_by,
                limit,
                ..
            } => {
                change::check_unlimited(*order_by, *limit)?;
                self.delete(&Delete {
                    with: with.as_ref(),
                    table: tbl_name,
                    where_clause: where_clause.as_ref(),
                    returning: returning.unwrap_or(&[]),
                })
            }
            other => self.other_statement(other),
        }
    }

    fn other_statement(&mut self, statement: &Stmt<'_>) -> Outcome<Printed> {
        match statement {
            Stmt::CreateTable { .. }
            | Stmt::CreateIndex { .. }
            | Stmt::CreateView { .. }
            | Stmt::CreateTrigger { .. }
            | Stmt::AlterTable(..)
            | Stmt::DropTable { .. }
            | Stmt::DropIndex { .. }
            | Stmt::DropView { .. }
            | Stmt::DropTrigger { .. } => Ok(Printed::schema(self.definition(statement)?)),
            Stmt::CreateVirtualTable { module_name, .. } => {
                let module = names::folded(module_name);
                let reason = format!(
                    "virtual tables, such as those of {module}, have no counterpart in Postgres"
                );
                Err(Fault::impossible(reason)).at(module_name)
            }
            Stmt::Begin(..) => Ok(transaction("BEGIN", Effect::Begin)),
            Stmt::Commit(_) => Ok(transaction("COMMIT", Effect::Commit)),
            Stmt::Rollback {
                savepoint_name: Some(name),
                ..
            } => savepoint("ROLLBACK TO SAVEPOINT", name),
            Stmt::Rollback { .. } => Ok(transaction("ROLLBACK", Effect::RollBack)),
            Stmt::Savepoint(name) => savepoint("SAVEPOINT", name),
            Stmt::Release(name) => savepoint("RELEASE SAVEPOINT", name),
            Stmt::Analyze(_) => Ok(transaction("ANALYZE", Effect::Schema)),
            Stmt::Reindex { obj_name } => self.reindex(obj_name.as_ref()),
            Stmt::Pragma(name, body) => pragma(name, body.as_ref()),
            Stmt::Vacuum(..) => Err(Fault::impossible("Postgres frees space by itself")),
            Stmt::Attach { .. } | Stmt::Detach(_) => Err(Fault::impossible(
                "a database in another file has no counterpart in Postgres",
            )),
            _ => Err(Fault::impossible(
                "this statement has no counterpart in Postgres",
            )),
        }
    }
}

impl Translator<'_> {
    /// Postgres keeps its indexes in order by itself.
    fn reindex(&self, name: Option<&QualifiedName<'_>>) -> Outcome<Printed> {
        if let Some(name) = name {
            let known = names::folded(&name.name);
            let is_collation = matches!(known.as_str(), "binary" | "nocase" | "rtrim");
            let schema = self.schema;
            if !is_collation
                && !schema.tables.contains_key(&known)
                && !schema.indexes.contains_key(&known)
            {
                let reason = "unable to identify the object to be reindexed";
                return Err(Fault::unknown(reason)).at(name);
            }
        }
        Ok(Printed::without_rows(Vec::new(), Effect::Nothing))
    }
}

fn transaction(text: &str, effect: Effect) -> Printed {
    Printed::without_rows(vec![text.to_owned()], effect)
}

fn savepoint(words: &str, name: &Name<'_>) -> Outcome<Printed> {
    let name = names::folded(name);
    let text = format!(
        "{words} {}",
        names::quoted(super::translator::checked_name(&name)?)
    );
    Ok(Printed::without_rows(vec![text], Effect::Savepoint))
}

/// Postgres always enforces foreign keys. Other pragmas are SQLite's own.
fn pragma(name: &QualifiedName<'_>, body: Option<&PragmaBody<'_>>) -> Outcome<Printed> {
    let word = names::folded(&name.name);
    let value = match body {
        Some(PragmaBody::Equals(value) | PragmaBody::Call(value)) => value.to_string(),
        None => String::new(),
    };
    let value = names::fold(value.trim());
    if word == "foreign_keys" && matches!(value.as_str(), "on" | "1" | "true" | "yes") {
        return Ok(Printed::without_rows(Vec::new(), Effect::Nothing));
    }
    let reason = format!("PRAGMA {word} is SQLite's own");
    Err(Fault::impossible(reason)).at(&name.name)
}
