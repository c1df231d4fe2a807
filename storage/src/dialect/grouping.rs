//! `GROUP BY`, and which columns a query with groups may show.

use sqlite3_parser::ast::{As, Expr, ResultColumn};

use super::arm::Body;
use super::expressions::ordinal;
use super::names;
use super::refusal::{Fault, Outcome};
use super::scope::{Found, Scope};
use super::term::Term;
use super::tokens::tokens_of;
use super::translator::Translator;

impl Translator<'_> {
    /// Forgets what the scope saw before the query's own clauses.
    pub(super) fn begin_groups(&mut self, body: &Body<'_>) -> Outcome<()> {
        if let Some(scope) = self.scope() {
            scope.bare.clear();
            scope.group_keys.clear();
        }
        if body.having.is_some() && body.group_by.is_empty() {
            let reason = "HAVING without GROUP BY";
            return Err(Fault::refused(reason, "GROUP BY, or WHERE"));
        }
        Ok(())
    }

    /// The printed keys.
    pub(super) fn group_by(&mut self, body: &Body<'_>) -> Outcome<Vec<String>> {
        let mut keys = Vec::new();
        let mut known = Vec::new();
        for expression in body.group_by {
            let meant = self.meant(expression, body.columns)?;
            let term = self.expression(meant)?;
            keys.push(term.grouped());
            if !is_column(meant) {
                known.push((tokens_of(meant), term));
            }
        }
        if let Some(scope) = self.scope() {
            scope.bare.clear();
            scope.group_keys = known;
        }
        Ok(keys)
    }

    /// What a term of `GROUP BY` stands for: a column of the result by its number or name, or itself.
    fn meant<'e>(
        &mut self,
        expression: &'e Expr<'e>,
        columns: &'e [ResultColumn<'e>],
    ) -> Outcome<&'e Expr<'e>> {
        if let Some(number) = ordinal(expression) {
            let at = usize::try_from(number)
                .ok()
                .and_then(|number| number.checked_sub(1));
            return match at.and_then(|at| columns.get(at)) {
                Some(ResultColumn::Expr(meant, _)) => Ok(meant),
                _ => Err(Fault::wrong("GROUP BY term out of range")),
            };
        }
        let Expr::Id(id) = expression else {
            return Ok(expression);
        };
        let name = names::fold(id.0);
        let scope = self.scopes.last();
        let is_field = |scope: &Scope| !matches!(scope.find(None, &name), Found::Nothing);
        if scope.is_some_and(is_field) {
            return Ok(expression);
        }
        let named = columns.iter().find_map(|column| match column {
            ResultColumn::Expr(meant, Some(As::As(alias) | As::Elided(alias)))
                if names::folded(alias) == name =>
            {
                Some(meant)
            }
            _ => None,
        });
        Ok(named.unwrap_or(expression))
    }

    /// The printed key that an expression of a query with groups is.
    pub(super) fn group_key(&mut self, expression: &Expr<'_>) -> Option<Term> {
        let scope = self.scopes.last()?;
        if scope.group_keys.is_empty() || scope.aggregate_depth > 0 || is_column(expression) {
            return None;
        }
        let tokens = tokens_of(expression);
        let known = scope.group_keys.iter().find(|(key, _)| *key == tokens);
        let known = known.map(|(_, term)| term);
        // A group without case has several spellings to show.
        known.filter(|term| term.grouped() == term.value()).cloned()
    }

    /// SQLite shows a column of some row of a group. Which one, no standard says.
    pub(super) fn check_groups(&mut self, body: &Body<'_>, keys: &[String]) -> Outcome<()> {
        let Some(scope) = self.scopes.last() else {
            return Ok(());
        };
        if body.group_by.is_empty() && !scope.has_aggregate {
            return Ok(());
        }
        let is_told = |item: usize| {
            let item = &scope.items[item];
            item.key
                .as_ref()
                .is_some_and(|key| key.iter().all(|at| keys.contains(&item.fields[*at].text)))
        };
        let bare = scope
            .bare
            .iter()
            .find(|bare| !keys.contains(&bare.text) && !is_told(bare.item));
        match bare {
            None => Ok(()),
            Some(bare) => {
                let shown = &bare.shown;
                let mut fault = Fault::refused(
                    format!(
                        "the column {shown} is neither in GROUP BY nor in an aggregate function"
                    ),
                    format!("GROUP BY …, {shown}, or min({shown})"),
                );
                fault.tokens = vec![shown.to_ascii_lowercase()];
                Err(fault)
            }
        }
    }
}

fn is_column(expression: &Expr<'_>) -> bool {
    matches!(
        expression,
        Expr::Id(_)
            | Expr::Name(_)
            | Expr::Qualified(..)
            | Expr::DoublyQualified(..)
            | Expr::Literal(_)
            | Expr::Variable(_)
    )
}
