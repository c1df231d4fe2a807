//! Calls: which functions are scalar, aggregate or window functions, and the clauses after their arguments.
//! What each function becomes is left to the files of its subject.

use sqlite3_parser::ast::{
    Distinctness, Expr, FunctionCallOrder, FunctionTail, Over, SortedColumn,
};

use super::names;
use super::refusal::{Fault, Outcome};
use super::term::Term;
use super::translator::Translator;

/// A call as it was written.
pub(super) struct Call<'e> {
    /// As identifiers are compared.
    pub(super) name: String,
    pub(super) arguments: &'e [Expr<'e>],
    pub(super) is_distinct: bool,
    pub(super) order_by: &'e [SortedColumn<'e>],
    pub(super) filter: Option<&'e Expr<'e>>,
    pub(super) over: Option<&'e Over<'e>>,
}

impl<'e> Call<'e> {
    fn of(expression: &'e Expr<'e>) -> Option<Self> {
        let tail = |tail: &'e Option<FunctionTail<'e>>| {
            let tail = tail.as_ref();
            (
                tail.and_then(|tail| tail.filter_clause),
                tail.and_then(|tail| tail.over_clause),
            )
        };
        match expression {
            Expr::FunctionCall {
                name,
                distinctness,
                args,
                order_by,
                filter_over,
            } => {
                let (filter, over) = tail(filter_over);
                let order_by: &'e [SortedColumn<'e>] = match order_by {
                    Some(FunctionCallOrder::SortList(columns)) => columns,
                    None => &[],
                };
                Some(Self {
                    name: names::fold(name.0),
                    arguments: args.unwrap_or(&[]),
                    is_distinct: *distinctness == Some(Distinctness::Distinct),
                    order_by,
                    filter,
                    over,
                })
            }
            Expr::FunctionCallStar { name, filter_over } => {
                let (filter, over) = tail(filter_over);
                Some(Self {
                    name: names::fold(name.0),
                    arguments: &[],
                    is_distinct: false,
                    order_by: &[],
                    filter,
                    over,
                })
            }
            _ => None,
        }
    }

    fn is_aggregate(&self) -> bool {
        match self.name.as_str() {
            "count" | "sum" | "total" | "avg" | "group_concat" | "string_agg"
            | "json_group_array" | "json_group_object" => true,
            "min" | "max" => self.arguments.len() == 1,
            _ => false,
        }
    }

    /// A call without the clauses of aggregate functions.
    fn is_plain(&self) -> bool {
        !self.is_distinct && self.order_by.is_empty() && self.filter.is_none()
    }
}

impl Translator<'_> {
    pub(super) fn call(&mut self, expression: &Expr<'_>) -> Outcome<Term> {
        let Some(call) = Call::of(expression) else {
            return Err(Fault::wrong("not a call"));
        };
        if call.is_aggregate() {
            return self.aggregate(&call);
        }
        if call.over.is_some() {
            return self.window_function(&call);
        }
        if !call.is_plain() {
            let reason = format!("{} is no aggregate function", call.name);
            return Err(Fault::wrong(reason));
        }
        self.scalar_function(&call)
    }

    /// All arguments.
    pub(super) fn arguments(&mut self, call: &Call<'_>) -> Outcome<Vec<Term>> {
        call.arguments
            .iter()
            .map(|argument| self.expression(argument))
            .collect()
    }
}
