//! Scalar functions of SQLite's core: text, numbers, and choices.
//! Dates, JSON and `printf` have files of their own. What Postgres lacks is in `functions/0001.sql`.

use super::calls::Call;
use super::comparisons::Compare;
use super::convert::{self, condition};
use super::kind::{Collation, Kind, Type};
use super::refusal::{Fault, Outcome};
use super::term::{Constant, Term};
use super::translator::{Source, Translator};

impl Translator<'_> {
    pub(super) fn scalar_function(&mut self, call: &Call<'_>) -> Outcome<Term> {
        if let Some(term) = self.date_function(call)? {
            return Ok(term);
        }
        if let Some(term) = self.json_function(call)? {
            return Ok(term);
        }
        let arguments = self.arguments(call)?;
        if let Some(term) = self.choice(&call.name, &arguments)? {
            return Ok(term);
        }
        if let Some(term) = self.text_function(&call.name, &arguments)? {
            return Ok(term);
        }
        if let Some(term) = self.number_function(&call.name, &arguments)? {
            return Ok(term);
        }
        if let Some(term) = self.session_function(&call.name, &arguments)? {
            return Ok(term);
        }
        Err(unknown(call))
    }

    fn choice(&mut self, name: &str, arguments: &[Term]) -> Outcome<Option<Term>> {
        Ok(Some(match (name, arguments) {
            ("coalesce" | "ifnull", [_, _, ..]) => self.coalesce(arguments),
            ("nullif", [left, right]) => {
                left.repeatable()?;
                self.null_if(left, right)
            }
            ("iif" | "if", [test, then]) => self.if_then(test, then, &Term::null()),
            ("iif" | "if", [test, then, otherwise]) => self.if_then(test, then, otherwise),
            ("min" | "max", [_, _, ..]) => self.extreme_of(name, arguments)?,
            ("typeof", [one]) => type_of(one),
            ("likely" | "unlikely", [one]) | ("likelihood", [one, _]) => one.clone(),
            _ => return Ok(None),
        }))
    }

    fn coalesce(&mut self, arguments: &[Term]) -> Term {
        let nullable = arguments.iter().all(|argument| argument.nullable);
        let is_bytewise = arguments.iter().any(|argument| argument.is_bytewise);
        let (ty, terms) = convert::unified(self, arguments.to_vec());
        let texts: Vec<String> = terms.iter().map(Term::value).collect();
        Term::new(format!("coalesce({})", texts.join(", ")), ty)
            .nullable(nullable)
            .bytewise(is_bytewise)
    }

    fn null_if(&mut self, left: &Term, right: &Term) -> Term {
        let equal = self.compared(left.clone(), Compare::Equal, right.clone());
        let text = format!(
            "(CASE WHEN {} THEN NULL ELSE {} END)",
            equal.text,
            left.value()
        );
        Term::new(text, left.ty.of_value()).bytewise(left.is_bytewise)
    }

    fn if_then(&mut self, test: &Term, then: &Term, otherwise: &Term) -> Term {
        let nullable = then.nullable || otherwise.nullable;
        let is_bytewise = then.is_bytewise || otherwise.is_bytewise;
        let (ty, both) = convert::unified(self, vec![then.clone(), otherwise.clone()]);
        let text = format!(
            "(CASE WHEN {} THEN {} ELSE {} END)",
            condition(test),
            both[0].value(),
            both[1].value()
        );
        Term::new(text, ty).nullable(nullable).bytewise(is_bytewise)
    }

    /// `min` and `max` of several values are `NULL` if one of them is, other than `least` and `greatest`.
    fn extreme_of(&mut self, name: &str, arguments: &[Term]) -> Outcome<Term> {
        let mut collations = arguments.iter().filter_map(|argument| argument.collation);
        if collations.any(|collation| collation == Collation::NoCase) {
            return Err(Fault::refused(
                "min and max of a NOCASE column take one of several spellings",
                "a CASE that compares lower(…)",
            ));
        }
        let nullable = arguments.iter().any(|argument| argument.nullable);
        let (ty, terms) = convert::unified(self, arguments.to_vec());
        let texts: Vec<String> = terms.iter().map(Term::ordered).collect();
        let function = if name == "min" { "least" } else { "greatest" };
        let text = format!("terrace.{function}(ARRAY[{}])", texts.join(", "));
        Ok(Term::new(text, ty).nullable(nullable).bytewise(true))
    }

    fn text_function(&mut self, name: &str, arguments: &[Term]) -> Outcome<Option<Term>> {
        let text = result_of(arguments, Kind::Text);
        let integer = result_of(arguments, Kind::Integer);
        match (name, arguments) {
            ("lower" | "upper", [one]) => {
                let result = format!("{name}({} COLLATE \"C\")", self.text(one.clone())?);
                Ok(Some(Term::of(result, Kind::Text).nullable(one.nullable)))
            }
            ("trim" | "ltrim" | "rtrim", [one]) => {
                let name = if name == "trim" { "btrim" } else { name };
                text(format!("{name}({})", self.text(one.clone())?))
            }
            ("trim" | "ltrim" | "rtrim", [one, letters]) => {
                let name = if name == "trim" { "btrim" } else { name };
                let (one, letters) = (self.text(one.clone())?, self.text(letters.clone())?);
                text(format!("{name}({one}, {letters})"))
            }
            ("length", [one]) if one.is(Kind::Blob) => {
                integer(format!("(octet_length({}))::bigint", one.value()))
            }
            ("length", [one]) => integer(format!("(length({}))::bigint", self.text(one.clone())?)),
            ("octet_length", [one]) => {
                let one = self.text_or_blob(one)?;
                integer(format!("(octet_length({one}))::bigint"))
            }
            ("like" | "glob", _) => self.like_function(name, arguments),
            ("substr" | "substring", [_, _, ..]) => self.substr(arguments),
            _ => self.search_function(name, arguments),
        }
    }

    fn search_function(&mut self, name: &str, arguments: &[Term]) -> Outcome<Option<Term>> {
        let text = result_of(arguments, Kind::Text);
        let integer = result_of(arguments, Kind::Integer);
        match (name, arguments) {
            ("replace", [one, from, to]) => {
                let (one, from) = (self.text(one.clone())?, self.text(from.clone())?);
                text(format!(
                    "replace({one}, {from}, {})",
                    self.text(to.clone())?
                ))
            }
            ("instr", [whole, part]) if whole.is(Kind::Blob) && part.is(Kind::Blob) => integer(
                format!("(position({} IN {}))::bigint", part.value(), whole.value()),
            ),
            ("instr", [whole, part]) => {
                let (whole, part) = (self.text(whole.clone())?, self.text(part.clone())?);
                integer(format!("(strpos({whole}, {part}))::bigint"))
            }
            ("unicode", [one]) => {
                let one = self.text(one.clone())?;
                Ok(Some(Term::of(
                    format!("nullif(ascii({one}), 0)::bigint"),
                    Kind::Integer,
                )))
            }
            _ => self.text_maker(name, arguments),
        }
    }

    fn text_maker(&mut self, name: &str, arguments: &[Term]) -> Outcome<Option<Term>> {
        let always = |text: String| Ok(Some(Term::of(text, Kind::Text).nullable(false)));
        match (name, arguments) {
            ("hex", [one]) => {
                let one = self.text_or_blob(one)?;
                always(format!("terrace.hex({one})"))
            }
            ("quote", [one]) if one.is(Kind::Real) => Err(Fault::refused(
                "quote of a real is written differently by each version of SQLite",
                "CAST(… AS TEXT)",
            )),
            ("quote", [one]) => always(format!("terrace.quote({})", one.value())),
            ("char", _) => {
                let letters: Outcome<Vec<String>> = arguments
                    .iter()
                    .map(|one| {
                        Ok(format!(
                            "chr(({})::integer)",
                            self.number(one.clone())?.value()
                        ))
                    })
                    .collect();
                always(format!("concat({})", letters?.join(", ")))
            }
            ("concat", [_, ..]) => always(format!("concat({})", self.texts(arguments)?)),
            ("concat_ws", [separator, _, ..]) => {
                let text = format!("concat_ws({})", self.texts(arguments)?);
                Ok(Some(
                    Term::of(text, Kind::Text).nullable(separator.nullable),
                ))
            }
            ("zeroblob", [one]) => {
                let count = self.number(one.clone())?;
                let text = format!("decode(repeat('00', ({})::integer), 'hex')", count.value());
                Ok(Some(Term::of(text, Kind::Blob)))
            }
            ("printf" | "format", [form, ..]) => self.printf(form, &arguments[1..]).map(Some),
            _ => Ok(None),
        }
    }

    fn texts(&mut self, arguments: &[Term]) -> Outcome<String> {
        let texts: Outcome<Vec<String>> =
            arguments.iter().map(|one| self.text(one.clone())).collect();
        Ok(texts?.join(", "))
    }

    fn like_function(&mut self, name: &str, arguments: &[Term]) -> Outcome<Option<Term>> {
        Ok(Some(match (name, arguments) {
            ("like", [pattern, one]) => self.like_text(one.clone(), pattern.clone(), None)?,
            ("like", [pattern, one, escape]) => {
                self.like_text(one.clone(), pattern.clone(), Some(escape.clone()))?
            }
            ("glob", [pattern, one]) => self.glob_text(one.clone(), pattern.clone())?,
            _ => return Ok(None),
        }))
    }

    fn substr(&mut self, arguments: &[Term]) -> Outcome<Option<Term>> {
        let kind = match arguments[0].ty {
            Type::Of(Kind::Blob) => Kind::Blob,
            _ => Kind::Text,
        };
        let mut texts = vec![self.text_or_blob(&arguments[0])?];
        for number in &arguments[1..] {
            let number = self.number(number.clone())?;
            texts.push(match number.is(Kind::Real) {
                true => format!("terrace.cast_integer({})", number.value()),
                false => number.value(),
            });
        }
        if texts.len() > 3 {
            return Ok(None);
        }
        // SQLite takes an empty blob for NULL here.
        let nullable = kind == Kind::Blob || arguments.iter().any(|argument| argument.nullable);
        let text = format!("terrace.substr({})", texts.join(", "));
        Ok(Some(
            Term::of(text, kind)
                .nullable(nullable)
                .bytewise(arguments[0].is_bytewise),
        ))
    }

    fn text_or_blob(&mut self, term: &Term) -> Outcome<String> {
        match term.ty {
            Type::Of(Kind::Blob) => Ok(term.value()),
            _ => self.text(term.clone()),
        }
    }

    fn session_function(&mut self, name: &str, arguments: &[Term]) -> Outcome<Option<Term>> {
        Ok(Some(match (name, arguments) {
            ("random", []) => Term::of("terrace.random()", Kind::Integer).nullable(false),
            ("randomblob", [one]) => {
                let count = self.number(one.clone())?;
                let text = format!("terrace.randomblob(({})::bigint)", count.value());
                Term::of(text, Kind::Blob).nullable(false)
            }
            ("last_insert_rowid", []) => self.session_value(&Source::LastInsertRowid),
            ("changes", []) => self.session_value(&Source::Changes),
            _ => return Ok(None),
        }))
    }
}

fn type_of(term: &Term) -> Term {
    let text = match (term.ty, term.kind()) {
        (Type::Any, _) => format!("terrace.type_of({})", term.text),
        (_, Some(kind)) => {
            let value = term.value();
            format!(
                "(CASE WHEN {value} IS NULL THEN 'null' ELSE '{}' END)",
                kind.name()
            )
        }
        _ => "'null'::text".to_owned(),
    };
    Term::of(text, Kind::Text).nullable(false)
}

/// Makes the result of a function that is `NULL` if one of its arguments is.
fn result_of(arguments: &[Term], kind: Kind) -> impl Fn(String) -> Outcome<Option<Term>> {
    let nullable = arguments.iter().any(|argument| argument.nullable);
    let is_bytewise = kind == Kind::Text && arguments.iter().any(|argument| argument.is_bytewise);
    move |text| {
        let result = Term::of(text, kind).nullable(nullable);
        Ok(Some(result.bytewise(is_bytewise)))
    }
}

fn unknown(call: &Call<'_>) -> Box<Fault> {
    let name = &call.name;
    match name.as_str() {
        "fts5" | "bm25" | "highlight" | "snippet" | "match" => {
            Fault::impossible("FTS5 has no counterpart in Postgres")
        }
        "soundex" | "load_extension" | "sqlite_version" | "sqlite_source_id" | "total_changes" => {
            Fault::impossible(format!("{name}() has no counterpart in Postgres"))
        }
        _ => Fault::unknown(format!(
            "no function {name}() with {} arguments that both engines have",
            call.arguments.len()
        )),
    }
}

/// A constant text, which decides what a function does.
pub(super) fn constant_text(term: &Term) -> Option<&str> {
    match &term.constant {
        Some(Constant::Text(text)) => Some(text),
        _ => None,
    }
}
