//! Remembers what kind of statement a text is, so that finding out costs nothing the second time.
//! Finding out is left to the connection that compiles it.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::connection::StatementKind;
use crate::sql::limits::{KIND_CACHE_CAPACITY, MAX_CACHED_STATEMENT_BYTES, MAX_KIND_CACHE_BYTES};

/// The kinds of the statements seen so far; bounded in number and bytes.
#[derive(Debug, Default)]
pub(super) struct StatementKinds(Mutex<Remembered>);

#[derive(Debug, Default)]
struct Remembered {
    kinds: HashMap<Box<str>, StatementKind>,
    /// Of the texts together.
    bytes: usize,
}

impl StatementKinds {
    pub(super) fn get(&self, sql: &str) -> Option<StatementKind> {
        self.lock().kinds.get(sql).copied()
    }

    /// Remembers a kind. All are forgotten when there are too many: an app that makes so many different
    /// statements gains nothing from any of them.
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
