//! Remembers the kind of each statement, so that it is determined only once. The connection determines the kind by
//! compiling the statement.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::connection::StatementKind;
use crate::sql::limits::{KIND_CACHE_CAPACITY, MAX_CACHED_STATEMENT_BYTES, MAX_KIND_CACHE_BYTES};

/// The kinds of earlier statements, bounded in number and bytes.
#[derive(Debug, Default)]
pub(super) struct StatementKinds(Mutex<Remembered>);

#[derive(Debug, Default)]
struct Remembered {
    kinds: HashMap<Box<str>, StatementKind>,
    /// The total size of the texts.
    bytes: usize,
}

impl StatementKinds {
    pub(super) fn get(&self, sql: &str) -> Option<StatementKind> {
        self.lock().kinds.get(sql).copied()
    }

    /// Remembers a kind. At the limit all kinds are forgotten: an app with so many different statements rarely repeats
    /// one.
    pub(super) fn remember(&self, sql: &str, kind: StatementKind) {
        if sql.len() > MAX_CACHED_STATEMENT_BYTES {
            return;
        }
        let mut remembered = self.lock();
        if let Some(known) = remembered.kinds.get_mut(sql) {
            *known = kind;
            return;
        }
        let is_full = remembered.kinds.len() >= KIND_CACHE_CAPACITY
            || remembered.bytes + sql.len() > MAX_KIND_CACHE_BYTES;
        if is_full {
            *remembered = Remembered::default();
        }
        remembered.bytes += sql.len();
        remembered.kinds.insert(sql.into(), kind);
    }

    fn lock(&self) -> MutexGuard<'_, Remembered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_of_remembered_statements_is_bounded() {
        let kinds = StatementKinds::default();
        for number in 0..=KIND_CACHE_CAPACITY {
            kinds.remember(&format!("SELECT {number}"), StatementKind::Read);
        }
        assert_eq!(kinds.lock().kinds.len(), 1);
        let last = format!("SELECT {KIND_CACHE_CAPACITY}");
        assert_eq!(kinds.get(&last), Some(StatementKind::Read));
    }

    #[test]
    fn bytes_of_remembered_statements_are_bounded() {
        let kinds = StatementKinds::default();
        let long = "x".repeat(MAX_CACHED_STATEMENT_BYTES - 20);
        for number in 0..2_000 {
            kinds.remember(&format!("SELECT {number}, '{long}'"), StatementKind::Read);
            assert!(kinds.lock().bytes <= MAX_KIND_CACHE_BYTES);
        }
    }

    #[test]
    fn a_statement_that_is_remembered_again_is_counted_once() {
        let kinds = StatementKinds::default();
        for kind in [StatementKind::Read, StatementKind::LongRead] {
            kinds.remember("SELECT 1", kind);
            assert_eq!(kinds.get("SELECT 1"), Some(kind));
        }
        assert_eq!(kinds.lock().bytes, "SELECT 1".len());
    }

    #[test]
    fn long_statement_is_not_remembered() {
        let kinds = StatementKinds::default();
        let sql = format!("SELECT '{}'", "x".repeat(MAX_CACHED_STATEMENT_BYTES));
        kinds.remember(&sql, StatementKind::Read);
        assert_eq!(kinds.get(&sql), None);
    }
}
