//! Aggregate functions, with `DISTINCT`, `ORDER BY`, `FILTER` and `OVER`.
//! Frames and window functions are left to [`super::windows`].

use super::calls::Call;
use super::convert;
use super::json::{json_group_array, json_group_object};
use super::kind::{Kind, Type};
use super::refusal::{Fault, Outcome};
use super::term::{Constant, Term};
use super::translator::Translator;

/// What stands around the arguments of an aggregate function.
struct Clauses {
    distinct: &'static str,
    order_by: String,
    tail: String,
}

impl Clauses {
    fn around(&self, function: &str, arguments: &str) -> String {
        let Self {
            distinct,
            order_by,
            tail,
        } = self;
        format!("{function}({distinct}{arguments}{order_by}){tail}")
    }
}

impl Translator<'_> {
    pub(super) fn aggregate(&mut self, call: &Call<'_>) -> Outcome<Term> {
        let is_window = call.over.is_some();
        self.begin_aggregate(call, is_window)?;
        let inside = self.inside_of_aggregate(call);
        self.end_aggregate(is_window);
        let (arguments, order_by, filter) = inside?;
        let over = match call.over {
            Some(over) => self.over(over)?,
            None => String::new(),
        };
        let clauses = Clauses {
            distinct: if call.is_distinct { "DISTINCT " } else { "" },
            order_by,
            tail: format!("{filter}{over}"),
        };
        self.aggregate_text(call, &arguments, &clauses)
    }

    fn begin_aggregate(&mut self, call: &Call<'_>, is_window: bool) -> Outcome<()> {
        let Some(scope) = self.scope() else {
            return Err(Fault::wrong(format!(
                "misuse of aggregate: {}()",
                call.name
            )));
        };
        if is_window {
            return Ok(());
        }
        if !scope.allows_aggregates || scope.aggregate_depth > 0 {
            return Err(Fault::wrong(format!(
                "misuse of aggregate: {}()",
                call.name
            )));
        }
        scope.has_aggregate = true;
        scope.aggregate_depth += 1;
        Ok(())
    }

    fn end_aggregate(&mut self, is_window: bool) {
        if let Some(scope) = self.scope().filter(|_| !is_window) {
            scope.aggregate_depth -= 1;
        }
    }

    fn inside_of_aggregate(&mut self, call: &Call<'_>) -> Outcome<(Vec<Term>, String, String)> {
        let arguments = self.arguments(call)?;
        let order_by = match call.order_by {
            [] => String::new(),
            columns => format!(" ORDER BY {}", self.sort_list(columns)?),
        };
        let filter = match call.filter {
            Some(filter) => format!(" FILTER (WHERE {})", self.condition(filter)?),
            None => String::new(),
        };
        Ok((arguments, order_by, filter))
    }

    fn aggregate_text(
        &mut self,
        call: &Call<'_>,
        arguments: &[Term],
        clauses: &Clauses,
    ) -> Outcome<Term> {
        match (call.name.as_str(), arguments) {
            ("count", []) => {
                let text = format!("count(*){}", clauses.tail);
                Ok(Term::of(text, Kind::Integer).nullable(false))
            }
            ("count", [one]) => {
                let text = clauses.around("count", &one.grouped());
                Ok(Term::of(text, Kind::Integer).nullable(false))
            }
            ("sum" | "total" | "avg", [one]) => self.sum(&call.name, one.clone(), clauses),
            ("min" | "max", [one]) => extreme(&call.name, one, clauses),
            ("group_concat" | "string_agg", [one]) if call.name == "group_concat" => {
                self.joined(one, None, clauses)
            }
            ("group_concat" | "string_agg", [one, separator]) => {
                self.joined(one, Some(separator), clauses)
            }
            ("json_group_array", [one]) => {
                json_group_array(one, |text| clauses.around("string_agg", text))
            }
            ("json_group_object", [name, value]) => {
                json_group_object(name, value, |text| clauses.around("string_agg", text))
            }
            _ => {
                let reason = format!("wrong number of arguments to function {}()", call.name);
                Err(Fault::wrong(reason))
            }
        }
    }

    fn sum(&mut self, name: &str, term: Term, clauses: &Clauses) -> Outcome<Term> {
        let term = match term.is(Kind::Text) && name != "sum" {
            // Both are reals, whatever number the text has.
            true => Term::of(format!("terrace.cast_real({})", term.value()), Kind::Real),
            false => self.number(term)?,
        };
        let argument = term.value();
        if term.is(Kind::Integer) {
            let sum = format!("({})::bigint", clauses.around("sum", &argument));
            let count = clauses.around("count", &argument);
            return Ok(match name {
                "sum" => Term::of(format!("({sum})"), Kind::Integer),
                "total" => total(&sum),
                _ => average(&sum, &count),
            });
        }
        let sum = clauses.around("terrace.sum", &argument);
        let count = clauses.around("count", &argument);
        Ok(match name {
            "sum" => Term::of(sum, Kind::Real),
            "total" => total(&sum),
            _ => average(&sum, &count),
        })
    }

    fn joined(
        &mut self,
        term: &Term,
        separator: Option<&Term>,
        clauses: &Clauses,
    ) -> Outcome<Term> {
        if separator.is_some() && !clauses.distinct.is_empty() {
            let reason = "DISTINCT aggregates must have exactly one argument";
            return Err(Fault::wrong(reason));
        }
        let separator = match separator.map(|separator| &separator.constant) {
            None => "','".to_owned(),
            Some(Some(Constant::Text(text))) => super::names::string(text),
            Some(_) => {
                let reason = "the separator of group_concat is not a string";
                return Err(Fault::refused(reason, "group_concat(…, ', ')"));
            }
        };
        let text = self.text(term.clone())?;
        if !clauses.distinct.is_empty() {
            return joined_distinct(term, &text, clauses);
        }
        let text = clauses.around("string_agg", &format!("{text}, {separator}"));
        Ok(Term::of(text, Kind::Text).bytewise(term.is_bytewise))
    }
}

/// In the order in which the texts come, where Postgres would sort them.
fn joined_distinct(term: &Term, text: &str, clauses: &Clauses) -> Outcome<Term> {
    if term.collation == Some(super::kind::Collation::NoCase) {
        return Err(Fault::refused(
            "group_concat(DISTINCT …) of a NOCASE column takes one of several spellings",
            "group_concat(DISTINCT lower(…))",
        ));
    }
    let Clauses { order_by, tail, .. } = clauses;
    let text = format!("terrace.joined({text}{order_by}){tail}");
    Ok(Term::of(text, Kind::Text).bytewise(term.is_bytewise))
}

fn total(sum: &str) -> Term {
    let text = format!("coalesce(({sum})::double precision, 0)");
    Term::of(text, Kind::Real).nullable(false)
}

fn average(sum: &str, count: &str) -> Term {
    let text = format!("(({sum})::double precision / nullif(({count})::double precision, 0))");
    Term::of(text, Kind::Real)
}

fn extreme(name: &str, term: &Term, clauses: &Clauses) -> Outcome<Term> {
    if term.collation == Some(super::kind::Collation::NoCase) && term.is(Kind::Text) {
        return Err(Fault::refused(
            "min and max of a NOCASE column take one of several spellings",
            "min(lower(…))",
        ));
    }
    let function = match term.ty {
        Type::Of(Kind::Blob) | Type::Any => format!("terrace.{name}"),
        _ => name.to_owned(),
    };
    let text = clauses.around(&function, &term.ordered());
    let ty = term.ty.of_value();
    let result = Term::new(text, ty).bytewise(true);
    Ok(match ty {
        Type::Null => convert::to_any(&result),
        _ => result,
    })
}
