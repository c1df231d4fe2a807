//! Functions of date and time. A time is read into milliseconds since the start of the Julian period, as SQLite does,
//! by `terrace.moment`, and written by a function of its own.

use super::calls::Call;
use super::functions::constant_text;
use super::kind::{Kind, Type};
use super::names;
use super::refusal::{Fault, Outcome};
use super::term::Term;
use super::translator::Translator;

/// Modifiers that depend on where a server stands or that change how a result is written.
const REFUSED: [(&str, &str); 4] = [
    ("localtime", "times in UTC"),
    ("utc", "times in UTC"),
    ("ceiling", "a date that every month has"),
    ("floor", "a date that every month has"),
];

/// The letters of `strftime` that `terrace.strftime` knows.
const LETTERS: &str = "dfFHIjklmMpPRsSTuwWYeGgVU%";

impl Translator<'_> {
    pub(super) fn date_function(&mut self, call: &Call<'_>) -> Outcome<Option<Term>> {
        let (kind, rest) = match call.name.as_str() {
            "date" | "time" | "datetime" => (Kind::Text, 0),
            "julianday" => (Kind::Real, 0),
            "unixepoch" => (Kind::Integer, 0),
            "strftime" => (Kind::Text, 1),
            "timediff" => {
                let reason = "timediff() has no counterpart in Postgres";
                return Err(Fault::refused(reason, "julianday(…) - julianday(…)"));
            }
            _ => return Ok(None),
        };
        let arguments = self.arguments(call)?;
        if arguments.len() < rest {
            return Err(Fault::wrong("strftime() needs a format"));
        }
        let times: Vec<Term> = arguments[rest..]
            .iter()
            .filter(|argument| !is_subsecond(argument))
            .cloned()
            .collect();
        let has_parts = times.len() < arguments.len() - rest;
        let moment = match times.is_empty() {
            true => "terrace.now()".to_owned(),
            false => self.moment(&times)?,
        };
        if has_parts && let Some(term) = with_parts(&call.name, &moment) {
            return Ok(Some(term));
        }
        if rest == 0 {
            let text = format!("terrace.{}_of({moment})", call.name);
            return Ok(Some(Term::of(text, kind)));
        }
        let Some(form) = constant_text(&arguments[0]) else {
            let reason = "the format of strftime() is not a string";
            return Err(Fault::refused(reason, "strftime('%Y-%m-%d', …)"));
        };
        check_format(form)?;
        let text = format!("terrace.strftime({}, {moment})", names::string(form));
        Ok(Some(Term::of(text, kind)))
    }

    fn moment(&mut self, arguments: &[Term]) -> Outcome<String> {
        let Some((time, modifiers)) = arguments.split_first() else {
            return Ok("terrace.now()".to_owned());
        };
        let mut texts = Vec::with_capacity(modifiers.len());
        for modifier in modifiers {
            check_modifier(modifier)?;
            texts.push(self.text(modifier.clone())?);
        }
        let is_now = constant_text(time).is_some_and(|text| text.eq_ignore_ascii_case("now"));
        let time = match time.ty {
            _ if is_now => "terrace.now()".to_owned(),
            Type::Of(Kind::Real) => format!("terrace.moment({}", time.value()),
            Type::Of(Kind::Integer) | Type::Truth => {
                format!("terrace.moment(({})::double precision", time.value())
            }
            Type::Of(Kind::Blob) | Type::Any => {
                return Err(Fault::refused("a time of unknown kind", "CAST(… AS TEXT)"));
            }
            Type::Of(Kind::Text) | Type::Null => {
                format!("terrace.moment({}", self.text(time.clone())?)
            }
        };
        Ok(match (is_now, texts.is_empty()) {
            (true, true) => time,
            (true, false) => format!("terrace.modified({time}, ARRAY[{}])", texts.join(", ")),
            (false, true) => format!("{time}, ARRAY[]::text[])"),
            (false, false) => format!("{time}, ARRAY[{}])", texts.join(", ")),
        })
    }
}

fn is_subsecond(argument: &Term) -> bool {
    let text = constant_text(argument).map(str::trim);
    text.is_some_and(|text| {
        text.eq_ignore_ascii_case("subsec") || text.eq_ignore_ascii_case("subsecond")
    })
}

/// The results that the modifier `subsec` changes.
fn with_parts(name: &str, moment: &str) -> Option<Term> {
    let form = match name {
        "time" => "%H:%M:%f",
        "datetime" => "%Y-%m-%d %H:%M:%f",
        "unixepoch" => {
            let text = format!("(({moment} - 210866760000000)::double precision / 1000)");
            return Some(Term::of(text, Kind::Real));
        }
        _ => return None,
    };
    let text = format!("terrace.strftime('{form}', {moment})");
    Some(Term::of(text, Kind::Text))
}

fn check_modifier(modifier: &Term) -> Outcome<()> {
    let Some(text) = constant_text(modifier) else {
        return Ok(());
    };
    let text = text.trim().to_ascii_lowercase();
    match REFUSED.iter().find(|(word, _)| *word == text) {
        Some((word, portable)) => {
            let reason = format!("the modifier '{word}' has no counterpart in Postgres");
            Err(Fault::refused(reason, *portable))
        }
        None => Ok(()),
    }
}

fn check_format(form: &str) -> Outcome<()> {
    let mut letters = form.chars();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            continue;
        }
        match letters.next() {
            Some(letter) if LETTERS.contains(letter) => {}
            letter => {
                let letter = letter.map_or_else(String::new, String::from);
                let reason = format!("strftime() has no %{letter} that both engines write alike");
                return Err(Fault::impossible(reason));
            }
        }
    }
    Ok(())
}
