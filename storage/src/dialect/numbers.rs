//! Scalar functions of numbers: SQLite's core and its mathematical functions.

use super::kind::Kind;
use super::refusal::Outcome;
use super::term::Term;
use super::translator::Translator;

/// Functions of one real that are the same in Postgres wherever they are defined.
const OF_ONE: [&str; 14] = [
    "asinh", "atan", "cos", "cosh", "degrees", "exp", "radians", "sin", "sinh", "tan", "tanh",
    "acos", "asin", "sqrt",
];

/// The other functions of numbers.
const OTHERS: [&str; 16] = [
    "abs", "sign", "round", "ceil", "ceiling", "floor", "trunc", "mod", "pow", "power", "pi", "ln",
    "log", "log10", "log2", "atan2",
];

impl Translator<'_> {
    pub(super) fn number_function(
        &mut self,
        name: &str,
        arguments: &[Term],
    ) -> Outcome<Option<Term>> {
        if !OTHERS.contains(&name) && !OF_ONE.contains(&name) {
            return Ok(None);
        }
        let numbers: Outcome<Vec<Term>> = arguments
            .iter()
            .map(|one| self.number(one.clone()))
            .collect();
        let numbers = numbers?;
        let nullable = numbers.iter().any(|number| number.nullable);
        let values: Vec<String> = numbers.iter().map(Term::value).collect();
        let reals: Vec<String> = numbers.iter().map(real).collect();
        let of_real = |text: String| Ok(Some(Term::of(text, Kind::Real)));
        match (name, &numbers[..]) {
            ("abs", [one]) => {
                let kind = one.kind().unwrap_or(Kind::Integer);
                let text = format!("abs({})", values[0]);
                Ok(Some(Term::of(text, kind).nullable(nullable)))
            }
            ("sign", [_]) => {
                let text = format!("(sign({}))::bigint", reals[0]);
                Ok(Some(Term::of(text, Kind::Integer).nullable(nullable)))
            }
            ("round", [_]) => of_real(format!("terrace.round({}, 0)", reals[0])),
            ("round", [_, digits]) if digits.is(Kind::Integer) => {
                of_real(format!("terrace.round({}, {})", reals[0], values[1]))
            }
            ("ceil" | "ceiling" | "floor" | "trunc", [one]) => {
                let kind = one.kind().unwrap_or(Kind::Integer);
                let text = match kind {
                    Kind::Real => format!("{name}({})", values[0]),
                    _ => values[0].clone(),
                };
                Ok(Some(Term::of(text, kind).nullable(nullable)))
            }
            _ => Ok(mathematical(name, &reals)),
        }
    }
}

fn two(name: &str) -> &str {
    if name == "power" { "pow" } else { name }
}

fn real(term: &Term) -> String {
    match term.is(Kind::Real) {
        true => term.value(),
        false => format!("({})::double precision", term.value()),
    }
}

/// A function that makes a real of reals; none where Postgres would fail and SQLite says `NULL`.
fn mathematical(name: &str, reals: &[String]) -> Option<Term> {
    let text = match (name, reals) {
        ("pi", []) => "pi()".to_owned(),
        ("mod" | "pow" | "power" | "atan2" | "log", [left, right]) => {
            format!("terrace.{}({left}, {right})", two(name))
        }
        ("log", [one]) => format!("terrace.log10({one})"),
        ("ln" | "log10" | "log2" | "acos" | "asin" | "sqrt", [one]) => {
            format!("terrace.{name}({one})")
        }
        (_, [one]) => format!("{name}({one})"),
        _ => return None,
    };
    Some(Term::of(text, Kind::Real))
}
