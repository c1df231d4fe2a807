//! `ORDER BY`: SQLite takes `NULL` for the smallest value, and names columns of the result by number or name.

use sqlite3_parser::ast::{Expr, NullsOrder, SortOrder, SortedColumn};

use super::arm::Output;
use super::comparisons;
use super::expressions::ordinal;
use super::names;
use super::refusal::{At, Fault, Outcome};
use super::scope::Field;
use super::term::Term;
use super::translator::Translator;

impl Translator<'_> {
    /// ` ORDER BY …` of a query with one arm.
    pub(super) fn order_by(
        &mut self,
        columns: &[SortedColumn<'_>],
        outputs: &[Output],
    ) -> Outcome<String> {
        if columns.is_empty() {
            return Ok(String::new());
        }
        let sorted: Outcome<Vec<String>> = columns
            .iter()
            .map(|column| {
                let term = self.order_term(&column.expr, outputs).at(&column.expr)?;
                Ok(sorted(&term, column))
            })
            .collect();
        Ok(format!(" ORDER BY {}", sorted?.join(", ")))
    }

    fn order_term(&mut self, expression: &Expr<'_>, outputs: &[Output]) -> Outcome<Term> {
        if let Some(number) = ordinal(expression) {
            let at = usize::try_from(number)
                .ok()
                .and_then(|number| number.checked_sub(1));
            let output = at.and_then(|at| outputs.get(at));
            let output = output.ok_or_else(|| Fault::wrong("ORDER BY term out of range"))?;
            return Ok(output.term.clone());
        }
        if let Expr::Collate(operand, name) = expression {
            let mut term = self.order_term(operand, outputs)?;
            term.collation = Some(comparisons::collation_named(&names::unquoted(name))?);
            return Ok(term);
        }
        if let Expr::Id(id) = expression {
            let name = names::fold(id.0);
            let aliases = self.scopes.last().map(|scope| &scope.aliases);
            let named = aliases
                .into_iter()
                .flatten()
                .find(|(alias, _)| *alias == name);
            if let Some((_, term)) = named {
                return Ok(term.clone());
            }
        }
        self.expression(expression)
    }

    /// An order inside of a window or an aggregate function, where no column of the result is meant.
    pub(super) fn sort_list(&mut self, columns: &[SortedColumn<'_>]) -> Outcome<String> {
        let sorted: Outcome<Vec<String>> = columns
            .iter()
            .map(|column| Ok(sorted(&self.expression(&column.expr)?, column)))
            .collect();
        Ok(sorted?.join(", "))
    }

    /// Which column of a result an order means, by number, name or text.
    pub(super) fn output_position(
        &mut self,
        fields: &[Field],
        column: &SortedColumn<'_>,
    ) -> Option<usize> {
        let expression = uncollated(&column.expr);
        if let Some(number) = ordinal(expression) {
            let at = usize::try_from(number).ok()?.checked_sub(1)?;
            return (at < fields.len()).then_some(at);
        }
        let name = match expression {
            Expr::Id(id) => names::fold(id.0),
            Expr::Name(name) | Expr::Qualified(_, name) => names::folded(name),
            _ => self.text_of(expression).to_ascii_lowercase(),
        };
        fields.iter().position(|field| field.name == name)
    }
}

/// Gives a column of a result the collation that its order is written with.
pub(super) fn apply_collation(term: &mut Term, expression: &Expr<'_>) -> Outcome<()> {
    if let Expr::Collate(_, name) = expression {
        term.collation = Some(comparisons::collation_named(&names::unquoted(name))?);
    }
    Ok(())
}

fn uncollated<'e>(expression: &'e Expr<'e>) -> &'e Expr<'e> {
    let mut expression = expression;
    while let Expr::Collate(operand, _) = expression {
        expression = operand;
    }
    expression
}

/// One term of an order. Postgres takes `NULL` for the largest value unless it is told.
pub(super) fn sorted(term: &Term, column: &SortedColumn<'_>) -> String {
    let is_descending = column.order == Some(SortOrder::Desc);
    let direction = if is_descending { " DESC" } else { "" };
    let nulls = match (column.nulls, is_descending) {
        _ if !term.nullable => "",
        (Some(NullsOrder::First), _) | (None, false) => " NULLS FIRST",
        (Some(NullsOrder::Last), _) | (None, true) => " NULLS LAST",
    };
    format!("{}{direction}{nulls}", term.ordered())
}
