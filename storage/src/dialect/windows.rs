//! Window functions and the windows they see: partitions, orders and frames.

use sqlite3_parser::ast::{
    FrameBound, FrameClause, FrameExclude, FrameMode, Over, Window, WindowDef,
};

use super::calls::Call;
use super::convert;
use super::kind::Kind;
use super::names;
use super::refusal::{Fault, Outcome};
use super::term::Term;
use super::translator::Translator;

impl Translator<'_> {
    pub(super) fn window_function(&mut self, call: &Call<'_>) -> Outcome<Term> {
        let arguments = self.arguments(call)?;
        let Some(over) = call.over else {
            return Err(Fault::wrong(format!(
                "misuse of window function {}()",
                call.name
            )));
        };
        if call.filter.is_some() || call.is_distinct {
            return Err(Fault::wrong(
                "FILTER and DISTINCT are for aggregate functions",
            ));
        }
        let over = self.over(over)?;
        let name = call.name.as_str();
        let integer = |text: String| Ok(Term::of(text, Kind::Integer).nullable(false));
        match (name, &arguments[..]) {
            ("row_number" | "rank" | "dense_rank", []) => integer(format!("{name}(){over}")),
            ("percent_rank" | "cume_dist", []) => {
                Ok(Term::of(format!("{name}(){over}"), Kind::Real).nullable(false))
            }
            ("ntile", [count]) => {
                let count = self.small_integer(count)?;
                integer(format!("(ntile({count}){over})::bigint"))
            }
            ("lag" | "lead", [value]) => Ok(moved(name, value, "1", None, &over)),
            ("lag" | "lead", [value, offset]) => {
                let offset = self.small_integer(offset)?;
                Ok(moved(name, value, &offset, None, &over))
            }
            ("lag" | "lead", [value, offset, default]) => {
                let offset = self.small_integer(offset)?;
                let (ty, both) = convert::unified(self, vec![value.clone(), default.clone()]);
                let mut term = moved(name, &both[0], &offset, Some(&both[1]), &over);
                term.ty = ty;
                Ok(term)
            }
            ("first_value" | "last_value", [value]) => {
                let text = format!("{name}({}){over}", value.value());
                Ok(Term::new(text, value.ty.of_value()).bytewise(value.is_bytewise))
            }
            ("nth_value", [value, position]) => {
                let position = self.small_integer(position)?;
                let text = format!("nth_value({}, {position}){over}", value.value());
                Ok(Term::new(text, value.ty.of_value()).bytewise(value.is_bytewise))
            }
            _ => Err(Fault::wrong(format!("no such window function: {name}"))),
        }
    }

    fn small_integer(&mut self, term: &Term) -> Outcome<String> {
        let term = self.number(term.clone())?;
        if !term.is(Kind::Integer) {
            return Err(Fault::refused(
                "a real where an integer is wanted",
                "an integer",
            ));
        }
        Ok(format!("({})::integer", term.value()))
    }

    /// ` OVER …`.
    pub(super) fn over(&mut self, over: &Over<'_>) -> Outcome<String> {
        Ok(match over {
            Over::Name(name) => format!(" OVER {}", names::quoted(&names::folded(name))),
            Over::Window(window) => format!(" OVER ({})", self.window(window)?),
        })
    }

    /// ` WINDOW …`.
    pub(super) fn window_clause(&mut self, windows: &[WindowDef<'_>]) -> Outcome<String> {
        let windows: Outcome<Vec<String>> = windows
            .iter()
            .map(|definition| {
                let name = names::quoted(&names::folded(&definition.name));
                Ok(format!("{name} AS ({})", self.window(&definition.window)?))
            })
            .collect();
        Ok(format!(" WINDOW {}", windows?.join(", ")))
    }

    fn window(&mut self, window: &Window<'_>) -> Outcome<String> {
        let mut parts = Vec::new();
        if let Some(base) = &window.base {
            parts.push(names::quoted(&names::folded(base)));
        }
        if let Some(columns) = window.partition_by {
            let columns: Outcome<Vec<String>> = columns
                .iter()
                .map(|column| Ok(self.expression(column)?.grouped()))
                .collect();
            parts.push(format!("PARTITION BY {}", columns?.join(", ")));
        }
        if let Some(columns) = window.order_by {
            parts.push(format!("ORDER BY {}", self.sort_list(columns)?));
        }
        if let Some(frame) = &window.frame_clause {
            parts.push(self.frame(frame)?);
        }
        Ok(parts.join(" "))
    }

    fn frame(&mut self, frame: &FrameClause<'_>) -> Outcome<String> {
        let mode = match frame.mode {
            FrameMode::Groups => "GROUPS",
            FrameMode::Range => "RANGE",
            FrameMode::Rows => "ROWS",
        };
        let is_range = frame.mode == FrameMode::Range;
        let start = self.bound(&frame.start, is_range)?;
        let mut text = match &frame.end {
            Some(end) => format!("{mode} BETWEEN {start} AND {}", self.bound(end, is_range)?),
            None => format!("{mode} {start}"),
        };
        text.push_str(match frame.exclude {
            None => "",
            Some(FrameExclude::NoOthers) => " EXCLUDE NO OTHERS",
            Some(FrameExclude::CurrentRow) => " EXCLUDE CURRENT ROW",
            Some(FrameExclude::Group) => " EXCLUDE GROUP",
            Some(FrameExclude::Ties) => " EXCLUDE TIES",
        });
        Ok(text)
    }

    fn bound(&mut self, bound: &FrameBound<'_>, is_range: bool) -> Outcome<String> {
        let (expression, word) = match bound {
            FrameBound::CurrentRow => return Ok("CURRENT ROW".to_owned()),
            FrameBound::UnboundedFollowing => return Ok("UNBOUNDED FOLLOWING".to_owned()),
            FrameBound::UnboundedPreceding => return Ok("UNBOUNDED PRECEDING".to_owned()),
            FrameBound::Following(expression) => (expression, "FOLLOWING"),
            FrameBound::Preceding(expression) => (expression, "PRECEDING"),
        };
        if is_range {
            return Err(Fault::refused(
                "RANGE with a distance depends on how numbers are compared",
                "ROWS, or GROUPS",
            ));
        }
        let term = self.expression(expression)?;
        let term = self.number(term)?;
        if !term.is(Kind::Integer) {
            return Err(Fault::wrong("the distance of a frame is an integer"));
        }
        Ok(format!("{} {word}", term.value()))
    }
}

fn moved(name: &str, value: &Term, offset: &str, default: Option<&Term>, over: &str) -> Term {
    let default = default.map_or_else(String::new, |default| format!(", {}", default.value()));
    let text = format!("{name}({}, {offset}{default}){over}", value.value());
    Term::new(text, value.ty.of_value()).bytewise(value.is_bytewise)
}
