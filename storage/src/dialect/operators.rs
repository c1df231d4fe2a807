//! Operators that compute: arithmetic, bits, `||`, `LIKE` and `GLOB`.

use sqlite3_parser::ast::{Expr, LikeOperator, Operator};

use super::convert;
use super::kind::{Kind, Type};
use super::refusal::{Fault, Outcome};
use super::term::{Constant, Term};
use super::translator::Translator;

impl Translator<'_> {
    pub(super) fn arithmetic(
        &mut self,
        left: &Expr<'_>,
        operator: Operator,
        right: &Expr<'_>,
    ) -> Outcome<Term> {
        let (left, right) = (self.expression(left)?, self.expression(right)?);
        match operator {
            Operator::Concat => self.concatenation(&left, &right),
            Operator::BitwiseAnd => self.bits(left, "&", right),
            Operator::BitwiseOr => self.bits(left, "|", right),
            Operator::LeftShift => self.shift(left, right, "shift_left"),
            Operator::RightShift => self.shift(left, right, "shift_right"),
            Operator::Modulus => self.remainder(left, right),
            Operator::Divide => self.quotient(left, right),
            Operator::Add => self.computed(left, "+", right),
            Operator::Subtract => self.computed(left, "-", right),
            Operator::Multiply => self.computed(left, "*", right),
            _ => Err(Fault::impossible(
                "this operator has no counterpart in Postgres",
            )),
        }
    }

    fn computed(&mut self, left: Term, symbol: &str, right: Term) -> Outcome<Term> {
        let (left, right) = (self.number(left)?, self.number(right)?);
        let kind = result_kind(&left, &right);
        let text = format!(
            "({} {symbol} {})",
            in_kind(&left, kind),
            in_kind(&right, kind)
        );
        Ok(Term::of(text, kind).nullable(left.nullable || right.nullable))
    }

    /// SQLite divides by zero to `NULL`.
    fn quotient(&mut self, left: Term, right: Term) -> Outcome<Term> {
        let (left, right) = (self.number(left)?, self.number(right)?);
        let kind = result_kind(&left, &right);
        let (left_text, right_text) = (in_kind(&left, kind), in_kind(&right, kind));
        let text = format!("({left_text} / nullif({right_text}, 0))");
        Ok(Term::of(text, kind))
    }

    /// SQLite makes integers of both sides first.
    fn remainder(&mut self, left: Term, right: Term) -> Outcome<Term> {
        let (left, right) = (self.number(left)?, self.number(right)?);
        let kind = result_kind(&left, &right);
        let (left, right) = (in_integers(&left), in_integers(&right));
        let text = format!("({left} % nullif({right}, 0))");
        Ok(match kind {
            Kind::Real => Term::of(format!("({text})::double precision"), kind),
            _ => Term::of(text, kind),
        })
    }

    pub(super) fn negative(&mut self, term: Term) -> Outcome<Term> {
        let term = self.number(term)?;
        let kind = result_kind(&term, &term);
        // SQLite subtracts from zero, which keeps a real zero positive.
        let text = match kind {
            Kind::Real => format!("(0.0::double precision - {})", in_kind(&term, kind)),
            _ => format!("(- {})", in_kind(&term, kind)),
        };
        Ok(Term::of(text, kind).nullable(term.nullable))
    }

    pub(super) fn bitwise_not(&mut self, term: Term) -> Outcome<Term> {
        let term = self.number(term)?;
        let text = format!("(~ {})", in_integers(&term));
        Ok(Term::of(text, Kind::Integer).nullable(term.nullable))
    }

    fn bits(&mut self, left: Term, symbol: &str, right: Term) -> Outcome<Term> {
        let (left, right) = (self.number(left)?, self.number(right)?);
        let text = format!("({} {symbol} {})", in_integers(&left), in_integers(&right));
        Ok(Term::of(text, Kind::Integer).nullable(left.nullable || right.nullable))
    }

    fn shift(&mut self, left: Term, right: Term, function: &str) -> Outcome<Term> {
        let (left, right) = (self.number(left)?, self.number(right)?);
        let (value, by) = (in_integers(&left), in_integers(&right));
        let text = format!("terrace.{function}({value}, {by})");
        Ok(Term::of(text, Kind::Integer).nullable(left.nullable || right.nullable))
    }

    fn concatenation(&mut self, left: &Term, right: &Term) -> Outcome<Term> {
        let nullable = left.nullable || right.nullable;
        let is_bytewise = left.is_bytewise || right.is_bytewise;
        let (mut left, mut right) = (convert::to_text(left)?, convert::to_text(right)?);
        self.settle(&mut left, Kind::Text);
        self.settle(&mut right, Kind::Text);
        let text = format!("({} || {})", left.value(), right.value());
        Ok(Term::of(text, Kind::Text)
            .nullable(nullable)
            .bytewise(is_bytewise))
    }

    /// The operand as a number whose kind is known.
    pub(super) fn number(&mut self, mut term: Term) -> Outcome<Term> {
        if let Some(Constant::Text(text)) = &term.constant
            && let Some(number) = convert::number_in(text)
        {
            return Ok(Term::constant(number));
        }
        self.settle(&mut term, Kind::Integer);
        match term.kind() {
            Some(Kind::Integer | Kind::Real) => Ok(term),
            Some(kind) => Err(Fault::refused(
                format!(
                    "arithmetic on {} makes an integer or a real, by the value",
                    kind.name()
                ),
                "CAST(… AS INTEGER) or CAST(… AS REAL)",
            )),
            None => Err(Fault::refused(
                "arithmetic on a value whose kind differs from row to row",
                "CAST(… AS INTEGER) or CAST(… AS REAL)",
            )),
        }
    }

    pub(super) fn like(
        &mut self,
        left: &Expr<'_>,
        is_not: bool,
        operator: LikeOperator,
        pattern: &Expr<'_>,
        escape: Option<&Expr<'_>>,
    ) -> Outcome<Term> {
        let (left, pattern) = (self.expression(left)?, self.expression(pattern)?);
        let escape = escape.map(|escape| self.expression(escape)).transpose()?;
        let matched = match operator {
            LikeOperator::Like => self.like_text(left, pattern, escape)?,
            LikeOperator::Glob => self.glob_text(left, pattern)?,
            LikeOperator::Match => {
                return Err(Fault::refused("Postgres has no MATCH", "LIKE"));
            }
            LikeOperator::Regexp => {
                return Err(Fault::refused("SQLite has no REGEXP of its own", "GLOB"));
            }
        };
        let not = if is_not { "NOT " } else { "" };
        Ok(Term::truth(format!("({not}{})", matched.text)).nullable(matched.nullable))
    }

    /// In the collation of bytes, `ILIKE` knows the case of ASCII letters only, as SQLite does.
    pub(super) fn like_text(
        &mut self,
        left: Term,
        pattern: Term,
        escape: Option<Term>,
    ) -> Outcome<Term> {
        let nullable = left.nullable || pattern.nullable;
        let escape = match escape.map(|escape| escape.constant) {
            None => String::from("''"),
            Some(Some(Constant::Text(text))) if text.chars().count() == 1 => {
                super::names::string(&text)
            }
            Some(_) => {
                let reason = "the ESCAPE is not one letter in quotes";
                return Err(Fault::refused(reason, "ESCAPE '\\'"));
            }
        };
        let (left, pattern) = (self.text(left)?, self.text(pattern)?);
        let text = format!("({left} COLLATE \"C\" ILIKE {pattern} ESCAPE {escape})");
        Ok(Term::truth(text).nullable(nullable))
    }

    pub(super) fn glob_text(&mut self, left: Term, pattern: Term) -> Outcome<Term> {
        let nullable = left.nullable || pattern.nullable;
        let (left, pattern) = (self.text(left)?, self.text(pattern)?);
        let text = format!("terrace.glob({pattern}, {left})");
        Ok(Term::truth(text).nullable(nullable))
    }

    /// The operand as printed text.
    pub(super) fn text(&mut self, term: Term) -> Outcome<String> {
        let mut term = term;
        self.settle(&mut term, Kind::Text);
        Ok(convert::to_text(&term)?.value())
    }
}

fn result_kind(left: &Term, right: &Term) -> Kind {
    if left.is(Kind::Real) || right.is(Kind::Real) {
        Kind::Real
    } else {
        Kind::Integer
    }
}

/// Two bare constants would be of a smaller type, which overflows earlier.
fn in_kind(term: &Term, kind: Kind) -> String {
    match (kind, term.exact_integer()) {
        #[expect(clippy::cast_precision_loss, reason = "it is exact")]
        (Kind::Real, Some(integer)) => Term::constant(Constant::Real(integer as f64)).text,
        (Kind::Real, None) if term.ty != Type::Of(Kind::Real) => {
            format!("({})::double precision", term.value())
        }
        _ => term.value(),
    }
}

fn in_integers(term: &Term) -> String {
    if term.is(Kind::Real) {
        format!("terrace.cast_integer({})", term.value())
    } else {
        term.value()
    }
}
