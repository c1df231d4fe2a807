//! What an engine finds out about queries and indexes for [`super::advice`], without running or changing anything of the
//! database.

use std::sync::Arc;

use super::shapes::Example;

/// A query to look at.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    pub(crate) example: Arc<Example>,
    /// Whether indexes are tried for it. Otherwise only its plan is read.
    pub(crate) is_costly: bool,
}

/// What was found out.
#[derive(Debug, Default)]
pub(crate) struct Examined {
    /// For each query in the order of the question; `None` if it was not looked at.
    pub(crate) queries: Vec<Option<Tried>>,
    pub(crate) indexes: Vec<Index>,
}

/// A query, and the index that helps it most, if one does.
#[derive(Clone, Debug)]
pub(crate) struct Tried {
    /// The steps of its plan.
    pub(crate) plan: Vec<String>,
    pub(crate) index: Option<Helpful>,
}

/// An index that helps a query.
#[derive(Clone, Debug)]
pub(crate) struct Helpful {
    /// The statement that makes it.
    pub(crate) statement: String,
    /// What the query cost without it, in the engine's unit.
    pub(crate) before: u64,
    /// What it cost with it.
    pub(crate) after: u64,
    /// How that is known.
    pub(crate) measure: Measure,
}

/// How the cost of a query is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Measure {
    /// It ran on a copy of some rows, and its steps were counted.
    Steps,
    /// The planner of the server says so, with an index that it takes for real.
    Planned,
    /// It follows from the plan without the index.
    Judged,
}

/// An index that no constraint needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Index {
    pub(crate) name: String,
    pub(crate) table: String,
    /// An index that begins with the same columns.
    pub(crate) covered_by: Option<String>,
    /// Whether some query uses it, or a foreign key needs it.
    pub(crate) is_used: bool,
}

/// The index that has all `parts` of another one first.
pub(crate) fn covers(parts: &[String], other: &[String]) -> bool {
    !parts.is_empty() && other.len() >= parts.len() && other[..parts.len()] == *parts
}
