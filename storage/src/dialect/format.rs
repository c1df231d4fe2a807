//! `printf` and `format`: the format is read while it is translated, so each argument meets a function of its own.

use super::functions::constant_text;
use super::kind::Kind;
use super::names;
use super::refusal::{Fault, Outcome};
use super::term::Term;
use super::translator::Translator;

/// One substitution of a format.
#[derive(Default)]
struct Substitution {
    flags: String,
    width: usize,
    precision: Option<usize>,
    letter: char,
}

/// A piece of a format.
enum Piece {
    Text(String),
    Substitution(Substitution),
}

impl Translator<'_> {
    pub(super) fn printf(&mut self, form: &Term, arguments: &[Term]) -> Outcome<Term> {
        let Some(form) = constant_text(form) else {
            let reason = "the format of printf() is not a string";
            return Err(Fault::refused(reason, "printf('…', …)"));
        };
        let mut arguments = arguments.iter();
        let mut pieces = Vec::new();
        for piece in pieces_of(form)? {
            pieces.push(match piece {
                Piece::Text(text) => format!("{}::text", names::string(&text)),
                Piece::Substitution(substitution) => {
                    let argument = arguments.next().cloned().unwrap_or_else(Term::null);
                    self.substituted(&substitution, argument)?
                }
            });
        }
        let text = match pieces.is_empty() {
            true => "''::text".to_owned(),
            false => format!("({})", pieces.join(" || ")),
        };
        Ok(Term::of(text, Kind::Text).nullable(false))
    }

    fn substituted(&mut self, wanted: &Substitution, argument: Term) -> Outcome<String> {
        let (flags, width) = (names::string(&wanted.flags), wanted.width);
        Ok(match wanted.letter {
            'd' | 'i' | 'x' | 'X' | 'o' | 'u' => {
                let number = self.number(argument)?;
                let value = match number.is(Kind::Real) {
                    true => format!("terrace.cast_integer({})", number.value()),
                    false => number.value(),
                };
                let precision = wanted.precision.unwrap_or_default();
                let letter = wanted.letter;
                format!(
                    "terrace.format_integer('{letter}', {flags}, {width}, {precision}, {value})"
                )
            }
            'f' => {
                let number = self.number(argument)?;
                let value = format!("({})::double precision", number.value());
                let precision = wanted.precision.unwrap_or(6);
                format!("terrace.format_real({flags}, {width}, {precision}, {value})")
            }
            _ => {
                let value = self.text(argument)?;
                let precision = wanted
                    .precision
                    .map_or("NULL".to_owned(), |it| it.to_string());
                let letter = wanted.letter;
                format!("terrace.format_text('{letter}', {flags}, {width}, {precision}, {value})")
            }
        })
    }
}

fn pieces_of(form: &str) -> Outcome<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut rest = form;
    while let Some((before, after)) = rest.split_once('%') {
        if !before.is_empty() {
            pieces.push(Piece::Text(before.to_owned()));
        }
        let (piece, after) = substitution(after)?;
        pieces.push(piece);
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest.to_owned()));
    }
    Ok(pieces)
}

fn substitution(text: &str) -> Outcome<(Piece, &str)> {
    let mut wanted = Substitution::default();
    let flags = text.len() - text.trim_start_matches(['-', '+', ' ', '0', ',']).len();
    wanted.flags = text[..flags].to_owned();
    let (width, mut rest) = number(&text[flags..]);
    wanted.width = width.unwrap_or_default();
    if let Some(after) = rest.strip_prefix('.') {
        let (precision, after) = number(after);
        wanted.precision = Some(precision.unwrap_or_default());
        rest = after;
    }
    let rest = rest.trim_start_matches('l');
    let mut letters = rest.chars();
    match letters.next() {
        Some('%') => Ok((Piece::Text("%".to_owned()), letters.as_str())),
        Some(letter) if "dixXoufscqQwz".contains(letter) => {
            wanted.letter = letter;
            Ok((Piece::Substitution(wanted), letters.as_str()))
        }
        letter => {
            let letter = letter.map_or_else(String::new, String::from);
            let reason = format!("printf() has no %{letter} here that both engines write alike");
            Err(Fault::refused(reason, "%d, %f or %s"))
        }
    }
}

fn number(text: &str) -> (Option<usize>, &str) {
    let rest = text.trim_start_matches(|letter: char| letter.is_ascii_digit());
    (text[..text.len() - rest.len()].parse().ok(), rest)
}
