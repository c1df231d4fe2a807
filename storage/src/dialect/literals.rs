//! Literals: numbers, strings, bytes, `NULL`, and the words for the present time.

use sqlite3_parser::ast::Literal;

use super::kind::Kind;
use super::names;
use super::refusal::{Fault, Outcome};
use super::term::{Constant, Term};

/// A literal as Postgres reads it.
pub(super) fn literal(literal: &Literal<'_>) -> Outcome<Term> {
    match literal {
        Literal::Numeric(text) => number(text),
        Literal::String(text) => Ok(Term::constant(Constant::Text(
            names::unquoted(text).into_owned(),
        ))),
        Literal::Blob(text) => Ok(blob(text)),
        Literal::Keyword(word) => keyword(word),
        Literal::Null => Ok(Term::null()),
        Literal::CurrentDate => Ok(now("date")),
        Literal::CurrentTime => Ok(now("time")),
        Literal::CurrentTimestamp => Ok(now("datetime")),
    }
}

fn keyword(word: &str) -> Outcome<Term> {
    match word.to_ascii_lowercase().as_str() {
        "true" => Ok(Term::constant(Constant::Integer(1))),
        "false" => Ok(Term::constant(Constant::Integer(0))),
        _ => Err(Fault::wrong(format!("{word} is not a value"))),
    }
}

/// The negative of a number, which may be the smallest integer, whose magnitude is not an integer.
pub(super) fn negative(literal: &Literal<'_>) -> Option<Term> {
    let Literal::Numeric(text) = literal else {
        return None;
    };
    let text = digits(text);
    if text == "9223372036854775808" {
        return Some(Term::constant(Constant::Integer(i64::MIN)));
    }
    if let Ok(integer) = text.parse::<i64>() {
        return Some(Term::constant(Constant::Integer(-integer)));
    }
    let real: f64 = text.parse().ok()?;
    real.is_finite()
        .then(|| Term::constant(Constant::Real(-real)))
}

fn number(text: &str) -> Outcome<Term> {
    let text = digits(text);
    if let Some(hexadecimal) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        let bits = u64::from_str_radix(hexadecimal, 16)
            .map_err(|_| Fault::wrong(format!("hex literal too big: {text}")))?;
        return Ok(Term::constant(Constant::Integer(bits.cast_signed())));
    }
    if let Ok(integer) = text.parse() {
        return Ok(Term::constant(Constant::Integer(integer)));
    }
    match text.parse::<f64>() {
        Ok(real) if real.is_finite() => Ok(Term::constant(Constant::Real(real))),
        _ => Err(Fault::impossible(format!("{text} is too large for a real"))),
    }
}

/// Without the underscores between digits.
fn digits(text: &str) -> String {
    text.chars().filter(|letter| *letter != '_').collect()
}

fn blob(text: &str) -> Term {
    let digits = text.trim_start_matches(['x', 'X']).trim_matches('\'');
    Term::of(
        format!("'\\x{}'::bytea", digits.to_ascii_lowercase()),
        Kind::Blob,
    )
    .nullable(false)
}

fn now(form: &str) -> Term {
    Term::of(format!("terrace.{form}_of(terrace.now())"), Kind::Text).nullable(false)
}
