//! Triggers: a function in PL/pgSQL with the translated statements, and the trigger that calls it.
//!
//! SQLite runs a trigger between two rows, Postgres after all rows of a statement. So a trigger that reads or changes
//! its own table is refused: it would see another table.

use sqlite3_parser::ast::fmt::ToTokens;
use sqlite3_parser::ast::{
    Expr, InsertBody, ResolveType, Stmt, TriggerCmd, TriggerEvent, TriggerTime,
};

use super::change::{Delete, Update};
use super::definitions::refuse_temporary;
use super::from::table_name;
use super::insert::Insert;
use super::kind::Kind;
use super::names;
use super::printed::Printed;
use super::refusal::{At, Fault, Outcome};
use super::scope::{Item, Scope};
use super::term::Term;
use super::tokens::tokens_of;
use super::translator::{Translator, checked_name};

impl Translator<'_> {
    pub(super) fn create_trigger(&mut self, statement: &Stmt<'_>) -> Outcome<Vec<String>> {
        let Stmt::CreateTrigger {
            temporary,
            if_not_exists,
            trigger_name,
            time,
            event,
            tbl_name,
            when_clause,
            commands,
            ..
        } = statement
        else {
            return Err(Fault::wrong("not a trigger"));
        };
        let (name, table) = (names::folded(&trigger_name.name), table_name(tbl_name)?);
        if *if_not_exists && self.schema.triggers.contains_key(&name) {
            return Ok(Vec::new());
        }
        refuse_temporary(*temporary, "trigger")?;
        let time = time_text(*time)?;
        self.changeable(&table).at(tbl_name)?;
        check_commands(commands, &table)?;
        let items = self.row_items(event, &table)?;
        let work = |translator: &mut Self| translator.trigger_body(when_clause.as_ref(), commands);
        let (body, _) = self.within(Scope::of(items), work)?;
        let end = match (time, event) {
            ("BEFORE", TriggerEvent::Delete) => "RETURN OLD;",
            ("BEFORE", _) => "RETURN NEW;",
            _ => "RETURN NULL;",
        };
        let function = function_of(&name);
        let event = event_text(event);
        let (quoted, table) = (names::quoted(checked_name(&name)?), names::quoted(&table));
        Ok(vec![
            format!(
                "CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $terrace$ BEGIN {body} {end} END $terrace$"
            ),
            format!(
                "CREATE TRIGGER {quoted} {time} {event} ON {table} FOR EACH ROW EXECUTE FUNCTION {function}()"
            ),
        ])
    }

    fn row_items(&self, event: &TriggerEvent<'_>, table: &str) -> Outcome<Vec<Item>> {
        let words: &[&str] = match event {
            TriggerEvent::Delete => &["old"],
            TriggerEvent::Insert => &["new"],
            TriggerEvent::Update | TriggerEvent::UpdateOf(_) => &["old", "new"],
        };
        let items = words.iter().map(|word| {
            let mut item = self.table(table, word)?;
            for field in &mut item.fields {
                // Only the qualified name means a row of the trigger.
                field.is_merged = true;
                field.nullable = true;
            }
            item.rowid = None;
            Ok(item)
        });
        items.collect()
    }

    fn trigger_body(
        &mut self,
        condition: Option<&Expr<'_>>,
        commands: &[TriggerCmd<'_>],
    ) -> Outcome<String> {
        let condition = condition
            .map(|condition| self.condition(condition))
            .transpose()?;
        let mut texts = Vec::new();
        for command in commands {
            texts.push(format!("{};", self.trigger_command(command).at(command)?));
        }
        if !self.parameters.is_empty() {
            return Err(Fault::wrong("trigger cannot use variables"));
        }
        let body = texts.join(" ");
        Ok(match condition {
            Some(condition) => format!("IF {condition} THEN {body} END IF;"),
            None => body,
        })
    }

    fn trigger_command(&mut self, command: &TriggerCmd<'_>) -> Outcome<String> {
        let printed = match command {
            TriggerCmd::Select(select) => {
                let query = self.select(select)?;
                return Ok(format!("PERFORM * FROM ({}) AS terrace_rows", query.text));
            }
            TriggerCmd::Update {
                or_conflict,
                tbl_name,
                sets,
                from,
                where_clause,
            } => self.update(&Update {
                with: None,
                resolve: *or_conflict,
                table: tbl_name,
                sets,
                from: from.as_ref(),
                where_clause: where_clause.as_ref(),
                returning: &[],
            })?,
            TriggerCmd::Insert {
                or_conflict,
                tbl_name,
                col_names,
                select,
                upsert,
            } => {
                let body = InsertBody::Select(select, *upsert);
                self.insert(&Insert {
                    with: None,
                    resolve: *or_conflict,
                    table: tbl_name,
                    columns: col_names.as_ref(),
                    body: &body,
                    returning: &[],
                })?
            }
            TriggerCmd::Delete {
                tbl_name,
                where_clause,
            } => self.delete(&Delete {
                with: None,
                table: tbl_name,
                where_clause: where_clause.as_ref(),
                returning: &[],
            })?,
        };
        Ok(without_rowid(&printed))
    }

    pub(super) fn drop_trigger(&mut self, if_exists: bool, name: &str) -> Outcome<Vec<String>> {
        match self.schema.triggers.get(name) {
            Some(table) => Ok(vec![
                format!(
                    "DROP TRIGGER {} ON {}",
                    names::quoted(name),
                    names::quoted(table)
                ),
                format!("DROP FUNCTION {}()", function_of(name)),
            ]),
            None if if_exists => Ok(Vec::new()),
            None => Err(Fault::unknown(format!("no such trigger: {name}"))),
        }
    }

    /// `RAISE(ABORT, …)`, which ends the statement.
    pub(super) fn raise(
        &mut self,
        resolve: ResolveType,
        message: Option<&Expr<'_>>,
    ) -> Outcome<Term> {
        let Some(message) = message.filter(|_| resolve == ResolveType::Abort) else {
            let reason = "RAISE with another word than ABORT";
            return Err(Fault::refused(reason, "RAISE(ABORT, …)"));
        };
        let message = self.expression(message)?;
        let message = self.text(message)?;
        Ok(Term::of(format!("terrace.raise({message})"), Kind::Integer))
    }
}

fn time_text(time: Option<TriggerTime>) -> Outcome<&'static str> {
    match time {
        Some(TriggerTime::After) => Ok("AFTER"),
        Some(TriggerTime::Before) | None => Ok("BEFORE"),
        Some(TriggerTime::InsteadOf) => {
            let reason = "INSTEAD OF: a view is not changed";
            Err(Fault::refused(reason, "statements on the view's tables"))
        }
    }
}

fn function_of(trigger: &str) -> String {
    names::quoted(&format!("{trigger}__trigger"))
}

fn event_text(event: &TriggerEvent<'_>) -> String {
    match event {
        TriggerEvent::Delete => "DELETE".to_owned(),
        TriggerEvent::Insert => "INSERT".to_owned(),
        TriggerEvent::Update => "UPDATE".to_owned(),
        TriggerEvent::UpdateOf(columns) => {
            let columns: Vec<String> = columns
                .iter()
                .map(|column| names::quoted(&names::folded(column)))
                .collect();
            format!("UPDATE OF {}", columns.join(", "))
        }
    }
}

/// The rowid is for whoever called; a trigger has nowhere to put it.
fn without_rowid(printed: &Printed) -> String {
    let text = printed.texts.concat();
    match text.rfind(" RETURNING ") {
        Some(at) if printed.has_rowid => text[..at].to_owned(),
        _ => text,
    }
}

/// A command may not name the trigger's own table.
fn check_commands(commands: &[TriggerCmd<'_>], table: &str) -> Outcome<()> {
    let names_table = |command: &TriggerCmd<'_>| {
        let tokens = tokens_of(command);
        tokens.iter().any(|token| token == table)
    };
    match commands.iter().find(|command| names_table(command)) {
        None => Ok(()),
        Some(command) => Err(refused_table(command)),
    }
}

fn refused_table(command: &impl ToTokens) -> Box<Fault> {
    let reason = "a trigger that reads or changes its own table: Postgres runs it after all rows of a statement";
    Fault::refused(reason, "the change in the statement itself").at(command)
}
