//! Conversions between kinds: by affinity, by assignment to a column, by `CAST`, and to a value of any kind.
//! Which one an operator wants is left to the operator.

use super::kind::{Affinity, Kind, Type};
use super::refusal::{Fault, Outcome};
use super::term::{Constant, Term};
use super::translator::Translator;

/// The constant that SQLite reads a text as, if the whole text is a number.
pub(super) fn number_in(text: &str) -> Option<Constant> {
    let text = text.trim_matches([' ', '\t', '\n', '\r', '\x0b', '\x0c']);
    let is_number = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    if !is_number {
        return None;
    }
    if let Ok(integer) = text.parse() {
        return Some(Constant::Integer(integer));
    }
    let real: f64 = text.parse().ok()?;
    real.is_finite().then_some(Constant::Real(real))
}

/// The text of a number, as SQLite writes it.
fn text_of(constant: &Constant) -> Option<String> {
    match constant {
        Constant::Integer(integer) => Some(integer.to_string()),
        Constant::Text(text) => Some(text.clone()),
        Constant::Real(_) => None,
    }
}

/// The expression where Postgres wants a `boolean`.
pub(super) fn condition(term: &Term) -> String {
    match term.ty {
        Type::Truth => term.text.clone(),
        Type::Of(Kind::Integer | Kind::Real) => format!("({} <> 0)", term.value()),
        Type::Of(Kind::Text) => format!("terrace.truth({})", term.value()),
        Type::Of(Kind::Blob) => format!("terrace.truth({})", term.value()),
        Type::Any => format!("terrace.truth({})", term.text),
        Type::Null => format!("{}::boolean", boolean_null(term)),
    }
}

/// A parameter cannot be a `boolean`, so one without a kind becomes an integer first.
fn boolean_null(term: &Term) -> &str {
    match term.parameter {
        Some(_) => "NULL",
        None => &term.text,
    }
}

/// The expression as text, as `||` and the affinity of text make it.
pub(super) fn to_text(term: &Term) -> Outcome<Term> {
    if let Some(text) = term.constant.as_ref().and_then(text_of) {
        return Ok(Term::constant(Constant::Text(text)));
    }
    let text = match term.ty {
        Type::Of(Kind::Text) => return Ok(term.clone()),
        Type::Truth | Type::Of(Kind::Integer) => format!("({})::text", term.value()),
        Type::Of(Kind::Real) => format!("terrace.real_text({})", term.value()),
        Type::Null => term.value(),
        Type::Any => format!("terrace.text_of({})", term.text),
        Type::Of(Kind::Blob) => {
            return Err(Fault::refused(
                "bytes are not converted to text without being told",
                "CAST(… AS TEXT)",
            ));
        }
    };
    Ok(Term::of(text, Kind::Text).nullable(term.nullable))
}

/// The expression after the numeric affinity of what it is compared with: a text that is a number becomes one.
pub(super) fn to_number_if_any(term: Term) -> Term {
    match (&term.ty, &term.constant) {
        (Type::Of(Kind::Text), Some(Constant::Text(text))) => match number_in(text) {
            Some(number) => Term::constant(number),
            None => term,
        },
        (Type::Of(Kind::Text), _) => {
            let text = format!("terrace.number_or_text({})", term.value());
            Term::new(text, Type::Any).nullable(term.nullable)
        }
        (Type::Any, _) => {
            let text = format!("terrace.number_or_text({})", term.text);
            Term::new(text, Type::Any).nullable(term.nullable)
        }
        _ => term,
    }
}

/// The expression as a value of any kind.
pub(super) fn to_any(term: &Term) -> Term {
    let text = match term.ty {
        Type::Any => return term.clone(),
        Type::Null => format!("{}::terrace.value", boolean_null(term)),
        _ => format!("terrace.any({})", term.value()),
    };
    Term::new(text, Type::Any).nullable(term.nullable)
}

/// The expression as a column of that kind stores it. What the column cannot hold fails by name when it comes.
pub(super) fn assigned(
    translator: &mut Translator<'_>,
    mut term: Term,
    kind: Kind,
) -> Outcome<String> {
    translator.settle(&mut term, kind);
    let Some(from) = term.kind() else {
        return Ok(format!("terrace.as_{}({})", kind.name(), term.text));
    };
    if from == kind {
        return Ok(term.operand());
    }
    let converted = match (from, kind) {
        (Kind::Text | Kind::Integer | Kind::Real, Kind::Integer | Kind::Real) => {
            let constant = match &term.constant {
                Some(Constant::Text(text)) => number_in(text),
                other => other.clone(),
            };
            return Ok(match (constant, kind) {
                (Some(Constant::Integer(integer)), Kind::Integer) => {
                    Term::constant(Constant::Integer(integer)).text
                }
                _ if from == Kind::Integer => format!("({})::double precision", term.value()),
                _ => format!("terrace.as_{}({})", kind.name(), term.value()),
            });
        }
        (Kind::Integer | Kind::Real, Kind::Text) => to_text(&term)?,
        (from, kind) => {
            let reason = format!(
                "{} stays {} in a column of {}, which Postgres cannot hold",
                describe(from),
                from.name(),
                kind.name()
            );
            return Err(Fault::refused(reason, "CAST(… AS the column's type)"));
        }
    };
    Ok(converted.operand())
}

fn describe(kind: Kind) -> &'static str {
    match kind {
        Kind::Integer => "an integer",
        Kind::Real => "a real",
        Kind::Text => "a text",
        Kind::Blob => "a blob",
    }
}

/// `CAST(… AS …)`.
pub(super) fn cast(term: &Term, words: &str) -> Outcome<Term> {
    let affinity = Affinity::of_type(words);
    let text = match affinity {
        Affinity::Integer => cast_to_integer(term),
        Affinity::Real => cast_to_real(term),
        Affinity::Text => cast_to_text(term)?,
        Affinity::Blob => cast_to_blob(term)?,
        Affinity::Numeric | Affinity::None => {
            return Err(Fault::refused(
                format!("a cast to {words} makes an integer or a real, by the value"),
                "CAST(… AS INTEGER) or CAST(… AS REAL)",
            ));
        }
    };
    let kind = match affinity {
        Affinity::Integer => Kind::Integer,
        Affinity::Real => Kind::Real,
        Affinity::Text => Kind::Text,
        _ => Kind::Blob,
    };
    let mut result = Term::of(text, kind)
        .nullable(term.nullable)
        .bytewise(term.is_bytewise && term.is(Kind::Text));
    result.affinity = affinity;
    result.collation = term.collation;
    Ok(result)
}

fn cast_to_integer(term: &Term) -> String {
    match term.ty {
        Type::Truth | Type::Of(Kind::Integer) => term.value(),
        Type::Null => format!("{}::bigint", boolean_null(term)),
        _ => format!("terrace.cast_integer({})", term.value()),
    }
}

fn cast_to_real(term: &Term) -> String {
    match term.ty {
        Type::Of(Kind::Real) => term.value(),
        Type::Truth | Type::Of(Kind::Integer) => format!("({})::double precision", term.value()),
        Type::Null => format!("{}::double precision", boolean_null(term)),
        _ => format!("terrace.cast_real({})", term.value()),
    }
}

fn cast_to_text(term: &Term) -> Outcome<String> {
    Ok(match term.ty {
        Type::Of(Kind::Blob) => format!("convert_from({}, 'UTF8')", term.value()),
        _ => to_text(term)?.value(),
    })
}

fn cast_to_blob(term: &Term) -> Outcome<String> {
    Ok(match term.ty {
        Type::Of(Kind::Blob) => term.value(),
        Type::Null => format!("{}::bytea", boolean_null(term)),
        _ => format!("convert_to({}, 'UTF8')", to_text(term)?.value()),
    })
}

/// The common type of several expressions, and each in it.
pub(super) fn unified(translator: &mut Translator<'_>, mut terms: Vec<Term>) -> (Type, Vec<Term>) {
    let mut known = terms.iter().filter(|term| term.ty != Type::Null);
    let Some(first) = known.next().map(|term| term.ty.of_value()) else {
        return (Type::Null, terms);
    };
    let is_same = known.all(|term| term.ty.of_value() == first);
    match first {
        Type::Of(kind) if is_same => {
            for term in &mut terms {
                translator.settle(term, kind);
            }
            (first, terms)
        }
        _ => (Type::Any, terms.iter().map(to_any).collect()),
    }
}
