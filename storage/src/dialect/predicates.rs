//! Predicates: `IS`, `BETWEEN`, `IN`, and rows beside rows.
//! How two values are compared is left to [`super::comparisons`].

use sqlite3_parser::ast::{Expr, Literal, Select};

use super::comparisons::Compare;
use super::convert::condition;
use super::kind::{Collation, Type};
use super::names;
use super::refusal::{At, Fault, Outcome};
use super::scope::Field;
use super::select::Query;
use super::term::Term;
use super::translator::Translator;

impl Translator<'_> {
    pub(super) fn is_null(&mut self, operand: &Expr<'_>, is_not: bool) -> Outcome<Term> {
        let term = self.expression(operand)?;
        // A composite value `IS NOT NULL` in Postgres only if none of its parts is null.
        let text = match is_not {
            true => format!("(NOT ({} IS NULL))", term.value()),
            false => format!("({} IS NULL)", term.value()),
        };
        Ok(Term::truth(text).nullable(false))
    }

    /// `IS`, which also asks for truth where `TRUE` or `FALSE` stands on the right.
    pub(super) fn is(
        &mut self,
        left: &Expr<'_>,
        compare: Compare,
        right: &Expr<'_>,
    ) -> Outcome<Term> {
        if matches!(right, Expr::Literal(Literal::Null)) {
            return self.is_null(left, compare == Compare::IsNot);
        }
        let term = self.expression(left)?;
        let word = match right {
            Expr::Id(id) => names::fold(id.0),
            _ => String::new(),
        };
        if matches!(word.as_str(), "true" | "false") && self.column(None, &word)?.is_none() {
            let not = if compare == Compare::IsNot {
                "NOT "
            } else {
                ""
            };
            let text = format!("({} IS {not}{word})", condition(&term));
            return Ok(Term::truth(text).nullable(false));
        }
        let right = self.expression(right)?;
        Ok(self.compared(term, compare, right))
    }

    /// `(a, b) < (c, d)`, whose columns must have one kind each.
    pub(super) fn compare_rows(
        &mut self,
        left: &[Expr<'_>],
        compare: Compare,
        right: &[Expr<'_>],
    ) -> Outcome<Term> {
        if left.len() != right.len() {
            return Err(Fault::wrong("row value misused"));
        }
        let (mut lefts, mut rights) = (Vec::new(), Vec::new());
        for (left, right) in left.iter().zip(right) {
            let (mut left, mut right) = (self.expression(left)?, self.expression(right)?);
            match (left.kind(), right.kind()) {
                (Some(a), Some(b)) if a == b => {}
                (Some(kind), None) => self.settle(&mut right, kind),
                (None, Some(kind)) => self.settle(&mut left, kind),
                _ => {
                    let reason = "the columns of both rows must have the same kinds";
                    return Err(Fault::refused(reason, "a comparison of each column"));
                }
            }
            lefts.push(left.ordered());
            rights.push(right.grouped());
        }
        let symbol = compare.symbol();
        let text = format!(
            "(ROW({}) {symbol} ROW({}))",
            lefts.join(", "),
            rights.join(", ")
        );
        Ok(Term::truth(text))
    }

    pub(super) fn between(
        &mut self,
        operand: &Expr<'_>,
        is_not: bool,
        start: &Expr<'_>,
        end: &Expr<'_>,
    ) -> Outcome<Term> {
        let operand = self.expression(operand)?;
        operand.repeatable()?;
        let (start, end) = (self.expression(start)?, self.expression(end)?);
        let from = self.compared(operand.clone(), Compare::GreaterOrEqual, start);
        let to = self.compared(operand, Compare::LessOrEqual, end);
        let not = if is_not { "NOT " } else { "" };
        let text = format!("({not}({} AND {}))", from.text, to.text);
        Ok(Term::truth(text).nullable(from.nullable || to.nullable))
    }

    pub(super) fn in_expressions(
        &mut self,
        left: &Expr<'_>,
        is_not: bool,
        members: &[Expr<'_>],
    ) -> Outcome<Term> {
        let mut left = self.expression(left)?;
        let members: Outcome<Vec<Term>> = members
            .iter()
            .map(|member| self.expression(member))
            .collect();
        let members = members?;
        if let (Type::Null, Some(kind)) = (left.ty, members.iter().find_map(Term::kind)) {
            self.settle(&mut left, kind);
        }
        left.repeatable()?;
        Ok(self.in_list(&left, members, is_not))
    }

    pub(super) fn in_select(
        &mut self,
        left: &Expr<'_>,
        is_not: bool,
        select: &Select<'_>,
    ) -> Outcome<Term> {
        if let Expr::Parenthesized(parts) = left
            && parts.len() > 1
        {
            return self.row_in_select(parts, is_not, select);
        }
        let left = self.expression(left)?;
        let query = self.select(select)?;
        self.in_query(left, is_not, &query)
    }

    fn row_in_select(
        &mut self,
        parts: &[Expr<'_>],
        is_not: bool,
        select: &Select<'_>,
    ) -> Outcome<Term> {
        let mut row = Vec::new();
        for part in parts {
            row.push(self.expression(part)?);
        }
        let query = self.select(select)?;
        if query.fields.len() != row.len() {
            return Err(Fault::wrong(
                "a query after IN has as many columns as the row",
            ));
        }
        let is_alike = |(left, field): (&Term, &Field)| {
            let has_case = left.collation == Some(Collation::NoCase);
            left.kind().is_some() && left.kind() == field.ty.kind() && !has_case
        };
        if !row.iter().zip(&query.fields).all(is_alike) {
            let reason = "a row IN a query whose columns are of other kinds";
            return Err(Fault::refused(reason, "EXISTS (SELECT 1 … WHERE …)"));
        }
        let not = if is_not { "NOT " } else { "" };
        let row: Vec<String> = row.iter().map(Term::value).collect();
        let text = format!("(({}) {not}IN ({}))", row.join(", "), query.text);
        Ok(Term::truth(text))
    }

    /// `IN` with the name of a table, which has one column.
    pub(super) fn in_table(&mut self, expression: &Expr<'_>) -> Outcome<Term> {
        let Expr::InTable {
            lhs: left,
            not: is_not,
            rhs: table,
            args: None,
        } = expression
        else {
            let reason = "IN a table function";
            return Err(Fault::refused(reason, "IN (SELECT value FROM …)"));
        };
        let left = self.expression(left)?;
        let (from, item) = self.named_item(table, None).at(table)?;
        let columns: Vec<&str> = item
            .fields
            .iter()
            .map(|field| field.text.as_str())
            .collect();
        let query = Query {
            text: format!("SELECT {} FROM {from}", columns.join(", ")),
            fields: item.fields,
        };
        self.in_query(left, *is_not, &query)
    }

    fn in_query(&mut self, left: Term, is_not: bool, query: &Query) -> Outcome<Term> {
        let [field] = &query.fields[..] else {
            return Err(Fault::wrong("a query after IN has one column"));
        };
        let not = if is_not { "NOT " } else { "" };
        let nullable = left.nullable || field.nullable;
        let has_case = left.collation == Some(Collation::NoCase);
        if left.kind() == field.ty.kind() && left.kind().is_some() && !has_case {
            let text = format!("({} {not}IN ({}))", left.value(), query.text);
            return Ok(Term::truth(text).nullable(nullable));
        }
        let name = self.new_name();
        let mut column = field.term();
        column.text = format!("\"{name}\".\"c\"");
        let Some((left, column)) = self.in_pair(left, column) else {
            return Err(Fault::refused(
                "the query after IN has another kind than the left side",
                "a CAST on one of them",
            ));
        };
        let text = format!(
            "({left} {not}IN (SELECT {column} FROM ({}) AS \"{name}\"(\"c\")))",
            query.text
        );
        Ok(Term::truth(text).nullable(nullable))
    }
}
