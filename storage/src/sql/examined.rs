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
    /// The rows that a call returned, on average.
    pub(crate) returned: u64,
}

/// What was found out.
#[derive(Debug, Default)]
pub(crate) struct Examined {
    /// For each query in the order of the question; `None` if it was not looked at.
    pub(crate) queries: Vec<Option<Tried>>,
    pub(crate) indexes: Vec<Index>,
}

/// A query, and the index that helps it most, if one does.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tried {
    /// The steps of its plan.
    pub(crate) plan: Vec<String>,
    pub(crate) index: Option<Helpful>,
    /// A table that it reads as a whole, and that has grown since functions first asked, if the engine counts no reads.
    pub(crate) growing: Option<Growing>,
}

/// A table that grows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Growing {
    /// Its rows when a function first asked.
    pub(crate) first: u64,
    pub(crate) now: u64,
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

/// An index as an engine lists it.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) name: String,
    pub(crate) table: String,
    /// Its columns and expressions, each with its order.
    pub(crate) parts: Vec<String>,
    pub(crate) is_unique: bool,
    pub(crate) is_partial: bool,
}

impl Listed {
    /// An index of `all` that serves what this one serves.
    pub(crate) fn covering<'l>(&self, mut all: impl Iterator<Item = &'l Self>) -> Option<String> {
        let found = all.find(|other| {
            let is_same = self.parts == other.parts && !other.is_unique;
            // Of two equal ones, the one whose name comes first stays.
            let is_other = self.name != other.name && (!is_same || other.name < self.name);
            let is_comparable = other.table == self.table && !other.is_partial && is_other;
            is_comparable && covers(&self.parts, &other.parts)
        });
        found
            .filter(|_| !self.is_partial)
            .map(|other| other.name.clone())
    }
}

/// The index that has all `parts` of another one first.
pub(crate) fn covers(parts: &[String], other: &[String]) -> bool {
    !parts.is_empty() && other.len() >= parts.len() && other[..parts.len()] == *parts
}
