//! Triggers: a function in PL/pgSQL with the translated statements, and the trigger that calls it.

use sqlite3_parser::ast::{Expr, ResolveType, Stmt};

use super::names;
use super::refusal::{Fault, Outcome};
use super::term::Term;
use super::translator::Translator;

impl Translator<'_> {
    pub(super) fn create_trigger(&mut self, _statement: &Stmt<'_>) -> Outcome<Vec<String>> {
        Err(Fault::refused("triggers are not carried over yet", "the statements of the trigger in a batch"))
    }

    pub(super) fn drop_trigger(&mut self, if_exists: bool, name: &str) -> Outcome<Vec<String>> {
        match self.schema.triggers.get(name) {
            Some(table) => Ok(vec![format!(
                "DROP TRIGGER {} ON {}",
                names::quoted(name),
                names::quoted(table)
            )]),
            None if if_exists => Ok(Vec::new()),
            None => Err(Fault::unknown(format!("no such trigger: {name}"))),
        }
    }

    pub(super) fn raise(
        &mut self,
        _resolve: ResolveType,
        _message: Option<&Expr<'_>>,
    ) -> Outcome<Term> {
        Err(Fault::wrong("RAISE() may only be used within a trigger-program"))
    }
}
