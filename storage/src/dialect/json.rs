//! JSON functions. SQLite keeps JSON as text in its own order, so Postgres' `json` is used, never `jsonb`.

use sqlite3_parser::ast::Expr;

use super::calls::Call;
use super::kind::{Kind, Type};
use super::refusal::{Fault, Outcome};
use super::term::{Constant, Term};
use super::translator::Translator;

impl Translator<'_> {
    /// `->` gives JSON, `->>` a value.
    pub(super) fn json_arrow(
        &mut self,
        left: &Expr<'_>,
        right: &Expr<'_>,
        is_value: bool,
    ) -> Outcome<Term> {
        let document = self.expression(left)?;
        let path = self.expression(right)?;
        let document = self.text(document)?;
        let path = match &path.constant {
            Some(Constant::Integer(index)) if *index < 0 => format!("'$[#{index}]'"),
            Some(Constant::Integer(index)) => format!("'$[{index}]'"),
            Some(Constant::Text(text)) if text.starts_with('$') => path.value(),
            Some(Constant::Text(text)) => {
                super::names::string(&format!("$.\"{}\"", text.replace('"', "\\\"")))
            }
            _ => {
                let reason = "the path after an arrow is no constant";
                return Err(Fault::refused(reason, "json_extract(…, '$.' || …)"));
            }
        };
        let element = format!("terrace.json_at({document}, {path})");
        Ok(json_result(&element, is_value))
    }

    pub(super) fn json_function(&mut self, call: &Call<'_>) -> Outcome<Option<Term>> {
        if !call.name.starts_with("json") {
            return Ok(None);
        }
        let arguments = self.arguments(call)?;
        let integer = |text: String| Ok(Some(Term::of(text, Kind::Integer)));
        match (call.name.as_str(), &arguments[..]) {
            ("json", [one]) => {
                let text = format!("terrace.json({})", self.text(one.clone())?);
                Ok(Some(json(text)))
            }
            ("json_quote", [one]) => Ok(Some(json(json_value(one)?))),
            ("json_extract", [document, path]) => {
                let (document, path) = (self.text(document.clone())?, self.text(path.clone())?);
                let element = format!("terrace.json_at({document}, {path})");
                Ok(Some(json_result(&element, true)))
            }
            ("json_extract", [document, paths @ ..]) if !paths.is_empty() => {
                self.json_several(document, paths).map(Some)
            }
            ("json_valid", [one]) => {
                integer(format!("terrace.json_valid({})", self.text(one.clone())?))
            }
            ("json_type" | "json_array_length", [document, rest @ ..]) if rest.len() < 2 => {
                let document = self.text(document.clone())?;
                let path = match rest {
                    [path] => self.text(path.clone())?,
                    _ => "'$'".to_owned(),
                };
                let text = format!("terrace.{}({document}, {path})", call.name);
                Ok(Some(match call.name.as_str() {
                    "json_type" => Term::of(text, Kind::Text),
                    _ => Term::of(text, Kind::Integer),
                }))
            }
            ("json_array", _) => {
                let values = json_values(&arguments)?;
                Ok(Some(json(format!("('[' || {} || ']')", joined(&values)))))
            }
            ("json_object", _) if arguments.len() % 2 == 0 => json_object(&arguments).map(Some),
            _ => self.json_change(call, &arguments).map(Some),
        }
    }

    /// Functions that change a document.
    fn json_change(&mut self, call: &Call<'_>, arguments: &[Term]) -> Outcome<Term> {
        match (call.name.as_str(), arguments) {
            ("json_set" | "json_insert" | "json_replace", [document, pairs @ ..])
                if pairs.len() % 2 == 0 =>
            {
                self.json_changed(&call.name, document, pairs)
            }
            ("json_remove", [document, paths @ ..]) => {
                let mut text = self.text(document.clone())?;
                for path in paths {
                    text = format!("terrace.json_remove({text}, {})", constant_path(path)?);
                }
                Ok(json(text))
            }
            ("json_patch", [document, patch]) => {
                let (document, patch) = (self.text(document.clone())?, self.text(patch.clone())?);
                Ok(json(format!("terrace.json_patch({document}, {patch})")))
            }
            (name, _) => Err(Fault::impossible(format!(
                "{name}() with {} arguments has no counterpart in Postgres that keeps the order of names",
                arguments.len()
            ))),
        }
    }

    /// Several values become an array.
    fn json_several(&mut self, document: &Term, paths: &[Term]) -> Outcome<Term> {
        document.repeatable()?;
        let document = self.text(document.clone())?;
        let mut members = Vec::new();
        for path in paths {
            let path = self.text(path.clone())?;
            let element = format!("terrace.json(terrace.json_at({document}, {path}))");
            members.push(format!("coalesce({element}, 'null')"));
        }
        let text = format!(
            "CASE WHEN {document} IS NOT NULL THEN '[' || {} || ']' END",
            joined(&members)
        );
        Ok(json(format!("({text})")))
    }

    /// `json_set` and its like: each pair of a path and a value changes what the one before made.
    fn json_changed(&mut self, name: &str, document: &Term, pairs: &[Term]) -> Outcome<Term> {
        let mut text = self.text(document.clone())?;
        for pair in pairs.chunks(2) {
            let (path, value) = (constant_path(&pair[0])?, json_value(&pair[1])?);
            text = format!("terrace.{name}({text}, {path}, {value})");
        }
        Ok(json(text))
    }
}

/// SQLite reads other paths too, and some of them as nothing to do.
fn constant_path(path: &Term) -> Outcome<String> {
    match &path.constant {
        Some(Constant::Text(text)) if text.starts_with('$') => Ok(path.value()),
        _ => Err(Fault::refused(
            "the path of a change is no constant",
            "'$.name'",
        )),
    }
}

fn joined(members: &[String]) -> String {
    match members {
        [] => "''".to_owned(),
        _ => members.join(" || ',' || "),
    }
}

fn json(text: String) -> Term {
    let mut term = Term::of(text, Kind::Text);
    term.is_json = true;
    term
}

fn json_result(element: &str, is_value: bool) -> Term {
    if is_value {
        Term::new(format!("terrace.json_value({element})"), Type::Any)
    } else {
        json(format!("terrace.json({element})"))
    }
}

fn json_name(name: &Term) -> Outcome<String> {
    if !name.is(Kind::Text) {
        let reason = "json_object() labels must be TEXT";
        return Err(Fault::wrong(reason));
    }
    Ok(format!("to_json({})::text", name.value()))
}

fn json_values(arguments: &[Term]) -> Outcome<Vec<String>> {
    arguments.iter().map(json_value).collect()
}

/// The value as JSON: a text is quoted, unless it is JSON already.
fn json_value(term: &Term) -> Outcome<String> {
    if term.is_json {
        return Ok(format!("coalesce({}, 'null')", term.text));
    }
    let text = match term.ty {
        Type::Null => return Ok("'null'".to_owned()),
        Type::Of(Kind::Text) => format!("to_json({})::text", term.value()),
        Type::Of(Kind::Integer) | Type::Truth => format!("({})::text", term.value()),
        Type::Of(Kind::Real) => format!("terrace.real_text({})", term.value()),
        Type::Of(Kind::Blob) => return Err(Fault::wrong("JSON cannot hold BLOB values")),
        Type::Any => {
            let reason = "a value whose kind differs from row to row may be JSON or text";
            return Err(Fault::refused(
                reason,
                "CAST(… AS TEXT), or -> instead of ->>",
            ));
        }
    };
    Ok(match term.nullable {
        true => format!("coalesce({text}, 'null')"),
        false => text,
    })
}

fn json_object(arguments: &[Term]) -> Outcome<Term> {
    let mut members = Vec::new();
    for pair in arguments.chunks(2) {
        let name = json_name(&pair[0])?;
        members.push(format!("({name} || ':' || {})", json_value(&pair[1])?));
    }
    Ok(json(format!("('{{' || {} || '}}')", joined(&members))))
}

pub(super) fn json_group_array(term: &Term, around: impl Fn(&str) -> String) -> Outcome<Term> {
    let value = json_value(term)?;
    let list = around(&format!("{value}, ','"));
    Ok(json(format!("('[' || coalesce({list}, '') || ']')")))
}

pub(super) fn json_group_object(
    name: &Term,
    value: &Term,
    around: impl Fn(&str) -> String,
) -> Outcome<Term> {
    let name = match name.is(Kind::Integer) {
        true => format!("to_json(({})::text)::text", name.value()),
        false => json_name(name)?,
    };
    let value = json_value(value)?;
    let list = around(&format!("{name} || ':' || {value}, ','"));
    Ok(json(format!("('{{' || coalesce({list}, '') || '}}')")))
}
