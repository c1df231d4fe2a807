//! Indexes that would help a query, and indexes that help none. They are tried on a [`Copy`] of the database.

use std::time::Instant;

use rusqlite::Connection as Sqlite;
use tokio::task::spawn_blocking;

use super::copy::{Copy, Cost};
use super::database::Database;
use super::failures;
use crate::clock;
use crate::failure::EngineFailure;
use crate::sql::candidates::{Candidate, candidates};
use crate::sql::error::Error;
use crate::sql::examined::{Examined, Helpful, Index, Listed, Measure, Query, Tried, covers};
use crate::sql::limits::{MAX_QUIET_STEPS, MIN_INDEX_GAIN};
use crate::sql::shapes::Example;
use crate::sql::words::{Words, quoted};

/// The name of an index while it is tried.
const TRIED: &str = "terrace_tried";

impl Database {
    /// Looks at queries and at all indexes. The database is read for as long as its rows take to copy.
    pub(crate) async fn examine(
        &self,
        queries: Vec<Query>,
        deadline: Instant,
    ) -> Result<Examined, Error> {
        let costly = queries.iter().filter(|query| query.is_costly);
        let texts: Vec<_> = costly
            .map(|query| query.example.sql.to_ascii_lowercase())
            .collect();
        let copied = self.pool().elsewhere(deadline, move |connection| {
            // A name inside of another one copies a table too many.
            let is_wanted = |table: &str| {
                let table = table.to_ascii_lowercase();
                texts.iter().any(|text| text.contains(&table))
            };
            let copied = connection.internally(|sqlite| Copy::of(sqlite, is_wanted, deadline));
            copied.map_err(|error| failures::error(&error, None))
        });
        let copy = copied.await?;
        let examined = spawn_blocking(move || examine(&copy, &queries, deadline)).await;
        // The task fails only if the runtime shuts down.
        let examined = examined.map_err(|_| EngineFailure::Closed)?;
        examined.map_err(|error| failures::error(&error, None))
    }
}

fn examine(copy: &Copy, queries: &[Query], deadline: Instant) -> rusqlite::Result<Examined> {
    let tried = queries.iter().map(|query| {
        let is_time = clock::now() < deadline;
        is_time.then(|| tried(copy, query)).flatten()
    });
    let queries: Vec<Option<Tried>> = tried.collect();
    let plans: Option<Vec<_>> = queries
        .iter()
        .map(|tried| Some(&tried.as_ref()?.plan))
        .collect();
    let mut indexes = indexes(copy)?;
    for index in &mut indexes {
        let named = format!("INDEX {}", index.name);
        let is_named = |step: &String| {
            step.match_indices(&named).any(|(at, _)| {
                let rest = &step[at + named.len()..];
                rest.is_empty() || rest.starts_with(' ')
            })
        };
        // If one plan is not known, that one may use it.
        let is_planned = plans
            .as_ref()
            .is_none_or(|plans| plans.iter().any(|plan| plan.iter().any(is_named)));
        index.is_used |= is_planned;
    }
    Ok(Examined { queries, indexes })
}

/// Tries the candidates for a query. `None` if it cannot run on the copy.
fn tried(copy: &Copy, query: &Query) -> Option<Tried> {
    let example = &query.example;
    if !query.is_costly {
        let plan = copy.plan(example).ok()?;
        return Some(Tried {
            plan,
            ..Tried::default()
        });
    }
    let before = copy.cost(example).ok()?;
    let words = Words::of(&example.sql);
    let index = best(copy, example, &before, candidates(&words, &copy.columns));
    let index = index.or_else(|| {
        let (delete, candidates) = of_foreign_keys(copy, &words)?;
        best(copy, &delete, &copy.cost(&delete).ok()?, candidates)
    });
    let plan = before.plan;
    Some(Tried {
        plan,
        index,
        growing: None,
    })
}

fn best(
    copy: &Copy,
    example: &Example,
    before: &Cost,
    candidates: Vec<Candidate>,
) -> Option<Helpful> {
    let tried = candidates.into_iter().filter_map(|candidate| {
        let (table, parts) = (quoted(&candidate.table), candidate.parts.join(", "));
        let make = format!("CREATE INDEX {TRIED} ON {table} ({parts})");
        let cost = copy.with_index(&make, TRIED, || copy.cost(example))?;
        let is_planned = cost.plan.iter().any(|step| step.contains(TRIED));
        let is_used = is_planned || is_foreign(copy, &candidate.table, &candidate.parts);
        is_used.then_some((candidate, cost.steps))
    });
    let (candidate, after) =
        tried.min_by_key(|(candidate, steps)| (*steps, candidate.parts.len()))?;
    let saved = before.steps.saturating_sub(after);
    let is_better = before.steps >= after.saturating_mul(MIN_INDEX_GAIN);
    (is_better && saved >= MAX_QUIET_STEPS / 10).then(|| Helpful {
        statement: candidate.statement(),
        before: before.steps,
        after,
        measure: Measure::Steps,
    })
}

/// The keys by which SQLite looks for the children of rows that are deleted, and a statement that deletes a row: those of the
/// example are gone.
fn of_foreign_keys(copy: &Copy, words: &Words<'_>) -> Option<(Example, Vec<Candidate>)> {
    let parent = words.name(2).filter(|_| words.verb() == "DELETE")?;
    let table = quoted(&parent.name);
    let delete = Example {
        sql: format!("DELETE FROM {table} WHERE rowid IN (SELECT rowid FROM {table} LIMIT 1)")
            .into(),
        parameters: Vec::new(),
    };
    let keys = copy.foreign_keys.iter();
    let keys = keys.filter(|key| key.parent.eq_ignore_ascii_case(&parent.name));
    let candidates = keys.map(|key| Candidate {
        table: key.table.clone(),
        parts: key.columns.iter().map(|column| quoted(column)).collect(),
    });
    Some((delete, candidates.collect()))
}

/// Whether the columns begin with those of a foreign key. That use of an index is not always part of a plan.
fn is_foreign(copy: &Copy, table: &str, parts: &[String]) -> bool {
    copy.foreign_keys.iter().any(|key| {
        let columns: Vec<_> = key.columns.iter().map(|column| quoted(column)).collect();
        key.table == table && covers(&columns, parts)
    })
}

/// The indexes that no constraint made and that are not unique.
fn indexes(copy: &Copy) -> rusqlite::Result<Vec<Index>> {
    let all = listed(&copy.sqlite)?;
    let optional = all
        .iter()
        .filter(|(index, is_own)| *is_own && !index.is_unique);
    let indexes = optional.map(|(index, _)| Index {
        name: index.name.clone(),
        table: index.table.clone(),
        covered_by: index.covering(all.iter().map(|(other, _)| other)),
        is_used: is_foreign(copy, &index.table, &index.parts),
    });
    Ok(indexes.collect())
}

/// The indexes as SQLite lists them, and whether a statement of its own made each.
fn listed(sqlite: &Sqlite) -> rusqlite::Result<Vec<(Listed, bool)>> {
    let read = "SELECT l.name, s.name, l.\"unique\", l.partial, l.origin = 'c' \
        FROM sqlite_schema AS s, pragma_index_list(s.name) AS l WHERE s.type = 'table' ORDER BY s.rowid, l.name";
    let mut statement = sqlite.prepare(read)?;
    let rows = statement.query_map([], |row| {
        let index = Listed {
            name: row.get(0)?,
            table: row.get(1)?,
            parts: Vec::new(),
            is_unique: row.get(2)?,
            is_partial: row.get(3)?,
        };
        Ok((index, row.get(4)?))
    })?;
    let mut all: Vec<(Listed, bool)> = rows.collect::<Result<_, _>>()?;
    for (index, _) in &mut all {
        let read =
            "SELECT name, \"desc\", coll FROM pragma_index_xinfo(?1) WHERE key ORDER BY seqno";
        let mut statement = sqlite.prepare_cached(read)?;
        let parts = statement.query_map([&index.name], |row| {
            let (name, is_down): (Option<String>, bool) = (row.get(0)?, row.get(1)?);
            let collation: String = row.get(2)?;
            // An expression has no name: no two of them count as the same.
            let part = name.map_or_else(|| format!("({})", index.name), |name| quoted(&name));
            let order = if is_down { " DESC" } else { "" };
            let collation = if collation == "BINARY" {
                String::new()
            } else {
                format!(" COLLATE {collation}")
            };
            Ok(format!("{part}{collation}{order}"))
        })?;
        index.parts = parts.collect::<Result<_, _>>()?;
    }
    Ok(all)
}
