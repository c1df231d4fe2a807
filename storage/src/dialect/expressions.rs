//! Expressions: which part of a tree is printed by whom.
//! Operators, comparisons, functions and queries have files of their own.

use sqlite3_parser::ast::{Expr, Name, Operator, Select, Type as TypeName, UnaryOperator};

use super::comparisons::{self, Compare};
use super::convert::{self, condition};
use super::kind::{Affinity, Kind, Type};
use super::literals;
use super::names;
use super::refusal::{At, Fault, Outcome};
use super::term::Term;
use super::translator::Translator;

impl Translator<'_> {
    /// Prints an expression.
    pub(super) fn expression(&mut self, expression: &Expr<'_>) -> Outcome<Term> {
        if let Some(key) = self.group_key(expression) {
            return Ok(key);
        }
        let outer = self.collation_inside.take();
        let term = self.nested(|translator| translator.dispatch(expression));
        let mut term = term.at(expression)?;
        // SQLite's expressions have the collation that is written anywhere inside of them.
        if let Some(collation) = self.collation_inside {
            term.collation = Some(collation);
            term.is_collated = true;
        }
        self.collation_inside = outer.or(self.collation_inside);
        Ok(term)
    }

    /// Prints an expression where Postgres wants a `boolean`.
    pub(super) fn condition(&mut self, expression: &Expr<'_>) -> Outcome<String> {
        Ok(condition(&self.expression(expression)?))
    }

    fn dispatch(&mut self, expression: &Expr<'_>) -> Outcome<Term> {
        match expression {
            Expr::Literal(literal) => literals::literal(literal),
            Expr::Variable(spelling) => self.parameter(spelling),
            Expr::Id(id) => self.named(None, id.0),
            Expr::Name(name) => self.named(None, name.0),
            Expr::Qualified(table, column) => self.named(Some(table), column.0),
            Expr::DoublyQualified(_, table, column) => self.named(Some(table), column.0),
            Expr::Parenthesized(parts) => match &parts[..] {
                [one] => self.expression(one),
                _ => Err(Fault::refused(
                    "a row is not a value",
                    "its columns one by one",
                )),
            },
            Expr::Unary(operator, operand) => self.unary(*operator, operand),
            Expr::Binary(left, operator, right) => self.binary(left, *operator, right),
            Expr::IsNull(operand) => self.is_null(operand, false),
            Expr::NotNull(operand) => self.is_null(operand, true),
            Expr::Between {
                lhs,
                not,
                start,
                end,
            } => self.between(lhs, *not, start, end),
            Expr::InList { lhs, not, rhs } => self.in_expressions(lhs, *not, rhs.unwrap_or(&[])),
            Expr::InSelect { lhs, not, rhs } => self.in_select(lhs, *not, rhs),
            Expr::InTable { .. } => self.in_table(expression),
            Expr::Like {
                lhs,
                not,
                op,
                rhs,
                escape,
            } => self.like(lhs, *not, *op, rhs, *escape),
            Expr::Case {
                base,
                when_then_pairs,
                else_expr,
            } => self.case(*base, when_then_pairs, *else_expr),
            Expr::Cast { expr, type_name } => self.cast(expr, type_name.as_ref()),
            Expr::Collate(operand, name) => self.collate(operand, name),
            Expr::Exists(select) => self.exists(select),
            Expr::Subquery(select) => self.scalar(select),
            Expr::FunctionCall { .. } | Expr::FunctionCallStar { .. } => self.call(expression),
            Expr::Raise(resolve, message) => self.raise(*resolve, *message),
        }
    }

    fn named(&mut self, table: Option<&Name<'_>>, column: &str) -> Outcome<Term> {
        let (name, table) = (names::fold(column), table.map(names::folded));
        if let Some(term) = self.column(table.as_deref(), &name)? {
            return Ok(term);
        }
        match (table, name.as_str()) {
            (None, "true") => Ok(Term::constant(super::term::Constant::Integer(1))),
            (None, "false") => Ok(Term::constant(super::term::Constant::Integer(0))),
            (None, _) if column.starts_with('"') => Err(Fault::refused(
                format!("{column} is no column here; SQLite takes it for a string"),
                names::string(&names::unquoted(column)),
            )),
            (_, "rowid" | "oid" | "_rowid_") => Err(Fault::refused(
                "the table has no INTEGER PRIMARY KEY, so Postgres has no rowid for it",
                "a column id INTEGER PRIMARY KEY",
            )),
            (Some(table), _) => Err(Fault::unknown(format!("no such column: {table}.{name}"))),
            (None, _) => Err(Fault::unknown(format!("no such column: {name}"))),
        }
    }

    fn unary(&mut self, operator: UnaryOperator, operand: &Expr<'_>) -> Outcome<Term> {
        if let (UnaryOperator::Negative, Expr::Literal(literal)) = (operator, plain(operand))
            && let Some(term) = literals::negative(literal)
        {
            return Ok(term);
        }
        let term = self.expression(operand)?;
        match operator {
            UnaryOperator::Not => {
                let text = format!("(NOT {})", condition(&term));
                Ok(Term::truth(text).nullable(term.nullable))
            }
            UnaryOperator::Positive => {
                let mut term = term;
                term.affinity = Affinity::None;
                Ok(term)
            }
            UnaryOperator::Negative => self.negative(term),
            UnaryOperator::BitwiseNot => self.bitwise_not(term),
        }
    }

    fn binary(&mut self, left: &Expr<'_>, operator: Operator, right: &Expr<'_>) -> Outcome<Term> {
        let compare = match operator {
            Operator::And => return self.logical(left, "AND", right),
            Operator::Or => return self.logical(left, "OR", right),
            Operator::Equals => Compare::Equal,
            Operator::NotEquals => Compare::NotEqual,
            Operator::Less => Compare::Less,
            Operator::LessEquals => Compare::LessOrEqual,
            Operator::Greater => Compare::Greater,
            Operator::GreaterEquals => Compare::GreaterOrEqual,
            Operator::Is => return self.is(left, Compare::Is, right),
            Operator::IsNot => return self.is(left, Compare::IsNot, right),
            Operator::ArrowRight => return self.json_arrow(left, right, false),
            Operator::ArrowRightShift => return self.json_arrow(left, right, true),
            _ => return self.arithmetic(left, operator, right),
        };
        if let (Expr::Parenthesized(left), Expr::Parenthesized(right)) = (left, right)
            && (left.len() > 1 || right.len() > 1)
        {
            return self.compare_rows(left, compare, right);
        }
        let (left, right) = (self.expression(left)?, self.expression(right)?);
        Ok(self.compared(left, compare, right))
    }

    /// A chain of `AND` or `OR`, which may be longer than expressions are deep.
    fn logical(&mut self, left: &Expr<'_>, word: &str, right: &Expr<'_>) -> Outcome<Term> {
        let operator = if word == "AND" {
            Operator::And
        } else {
            Operator::Or
        };
        let (mut first, mut rest) = (left, vec![right]);
        while let Expr::Binary(left, known, right) = first
            && *known == operator
        {
            rest.push(right);
            first = left;
        }
        let first = self.expression(first)?;
        let (mut text, mut nullable) = (condition(&first), first.nullable);
        for next in rest.into_iter().rev() {
            let next = self.expression(next)?;
            nullable |= next.nullable;
            text = format!("{text} {word} {}", condition(&next));
        }
        Ok(Term::truth(format!("({text})")).nullable(nullable))
    }

    fn case(
        &mut self,
        base: Option<&Expr<'_>>,
        pairs: &[(Expr<'_>, Expr<'_>)],
        otherwise: Option<&Expr<'_>>,
    ) -> Outcome<Term> {
        let base = base.map(|base| self.expression(base)).transpose()?;
        base.as_ref().map_or(Ok(()), Term::repeatable)?;
        let (mut conditions, mut results) = (Vec::new(), Vec::new());
        for (when, then) in pairs {
            let when = self.expression(when)?;
            conditions.push(match &base {
                Some(base) => self.compared(base.clone(), Compare::Equal, when).text,
                None => condition(&when),
            });
            results.push(self.expression(then)?);
        }
        results.push(match otherwise {
            Some(otherwise) => self.expression(otherwise)?,
            None => Term::null(),
        });
        let nullable = results.iter().any(|result| result.nullable);
        let is_bytewise = results.iter().any(|result| result.is_bytewise);
        let (ty, results) = convert::unified(self, results);
        let mut text = String::from("(CASE");
        for (condition, result) in conditions.iter().zip(&results) {
            text.push_str(&format!(" WHEN {condition} THEN {}", result.value()));
        }
        if let Some(otherwise) = results.last() {
            text.push_str(&format!(" ELSE {} END)", otherwise.value()));
        }
        Ok(Term::new(text, ty).nullable(nullable).bytewise(is_bytewise))
    }

    fn cast(&mut self, operand: &Expr<'_>, name: Option<&TypeName<'_>>) -> Outcome<Term> {
        let term = self.expression(operand)?;
        convert::cast(&term, name.map_or("", |name| name.name))
    }

    fn collate(&mut self, operand: &Expr<'_>, name: &str) -> Outcome<Term> {
        let term = self.expression(operand)?;
        self.collation_inside = Some(comparisons::collation_named(&names::unquoted(name))?);
        Ok(term)
    }

    fn exists(&mut self, select: &Select<'_>) -> Outcome<Term> {
        let query = self.select(select)?;
        Ok(Term::truth(format!("EXISTS ({})", query.text)).nullable(false))
    }

    /// A query as a value. SQLite takes the first of several rows; Postgres fails then, which says more.
    fn scalar(&mut self, select: &Select<'_>) -> Outcome<Term> {
        let query = self.select(select)?;
        let [field] = &query.fields[..] else {
            return Err(Fault::wrong("a query that is a value has one column"));
        };
        let mut term = field.term().nullable(true);
        term.text = format!("({})", query.text);
        if term.ty == Type::Null {
            self.settle(&mut term, Kind::Text);
            term.ty = Type::Null;
        }
        Ok(term)
    }
}

/// Without parentheses around it.
pub(super) fn plain<'e>(expression: &'e Expr<'e>) -> &'e Expr<'e> {
    let mut expression = expression;
    while let Expr::Parenthesized(parts) = expression {
        let [one] = &parts[..] else {
            break;
        };
        expression = one;
    }
    expression
}

/// The number that a term of `GROUP BY` or `ORDER BY` is, which then names a column.
pub(super) fn ordinal(expression: &Expr<'_>) -> Option<i64> {
    let (mut expression, mut sign) = (plain(expression), 1);
    while let Expr::Unary(operator, operand) = expression {
        sign *= match operator {
            UnaryOperator::Negative => -1,
            UnaryOperator::Positive => 1,
            UnaryOperator::Not | UnaryOperator::BitwiseNot => return None,
        };
        expression = plain(operand);
    }
    match expression {
        Expr::Literal(_) => Some(sign * expression.is_integer()?),
        _ => None,
    }
}
