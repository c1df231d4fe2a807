//! The sizes of the tables when a function first asked, and later. So a table that grows can be told from one that is large.
//!
//! A table grows if both its pages and the rows that the server has counted say so: pages alone also grow with each change of a
//! row until the server's upkeep, and the server counts rows some seconds late.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::connection::Connection;
use super::failures::Failed;
use super::job::Stop;

/// Each table: its pages now, its rows by the last upkeep and by the pages since then, and the rows that were inserted and not
/// deleted since the server counts.
const SIZES: &str = "SELECT c.relname, s.pages, \
    CASE WHEN c.relpages > 0 AND c.reltuples > 0 THEN (c.reltuples / c.relpages * s.pages)::bigint ELSE 0 END, \
    pg_stat_get_tuples_inserted(c.oid) - pg_stat_get_tuples_deleted(c.oid) \
    FROM pg_class AS c, LATERAL (SELECT pg_relation_size(c.oid) / current_setting('block_size')::bigint AS pages) AS s \
    WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace";

/// The tables, by name.
pub(super) type Sizes = BTreeMap<String, Size>;

/// The size of a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) pages: u64,
    /// An estimate; 0 if the server has none.
    pub(super) rows: u64,
    /// Since the server counts.
    pub(super) inserted: i64,
}

impl Size {
    /// The rows when the table had another size, which was `self`, judged by how many it has now. If the server had counted nothing
    /// of a table that had pages, its count of new rows cannot be told from those that were there, so the table has not grown.
    pub(super) fn rows_before(self, now: Self) -> u64 {
        if self.pages > 0 && self.inserted <= 0 {
            return now.rows;
        }
        let by_pages = now.rows * self.pages.min(now.pages) / now.pages.max(1);
        let counted = u64::try_from(now.inserted.saturating_sub(self.inserted)).unwrap_or(0);
        by_pages.max(now.rows.saturating_sub(counted))
    }
}

/// The sizes when a function first asked.
#[derive(Debug, Default)]
pub(super) struct FirstSizes(Mutex<State>);

#[derive(Debug, Default)]
enum State {
    #[default]
    Unknown,
    Asked,
    Known(Sizes),
}

impl FirstSizes {
    pub(super) fn of(&self, table: &str) -> Option<Size> {
        match &*self.state() {
            State::Known(sizes) => sizes.get(table).copied(),
            State::Unknown | State::Asked => None,
        }
    }

    /// Whether they have to be read. Who is told so reads them, and the next one is not.
    pub(super) fn begin(&self) -> bool {
        let mut state = self.state();
        let is_first = matches!(*state, State::Unknown);
        if is_first {
            *state = State::Asked;
        }
        is_first
    }

    /// Notes what was read. If it could not be read, the next one is told to.
    pub(super) fn end(&self, sizes: Option<Sizes>) {
        *self.state() = sizes.map_or(State::Unknown, State::Known);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) async fn read(
    connection: &mut Connection,
    stop: &mut Stop<'_>,
) -> Result<Sizes, Failed> {
    let rows = connection.texts(SIZES, stop).await?;
    let sizes = rows.into_iter().filter_map(|row| {
        let [name, pages, rows, inserted] = <[String; 4]>::try_from(row).ok()?;
        let size = Size {
            pages: pages.parse().ok()?,
            rows: rows.parse().ok()?,
            inserted: inserted.parse().ok()?,
        };
        Some((name, size))
    });
    Ok(sizes.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(first: (u64, i64), now: (u64, u64, i64), expected: u64) {
        let size = |(pages, rows, inserted)| Size {
            pages,
            rows,
            inserted,
        };
        let first = size((first.0, 0, first.1));
        assert_eq!(first.rows_before(size(now)), expected);
    }

    #[test]
    fn pages_and_counts_must_both_have_grown() {
        check((10, 1_000), (20, 2_000, 2_000), 1_000);
        // Changed rows leave old versions behind.
        check((10, 1_000), (20, 2_000, 1_000), 2_000);
        // The server counts rows late that were there at first.
        check((20, 0), (20, 2_000, 2_000), 2_000);
        check((20, 0), (40, 2_000, 2_000), 2_000);
        check((0, 0), (20, 2_000, 2_000), 0);
        check((30, 3_000), (20, 2_000, 2_000), 2_000);
        check((0, 0), (0, 0, 0), 0);
    }
}
