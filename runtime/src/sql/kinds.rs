//! Remembers what kind of statement a text is, so that finding out costs nothing the second time.
//! Finding out is left to the connection that compiles it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::connection::Kind;
use super::limits::{KIND_CACHE_CAPACITY, MAX_CACHED_STATEMENT_BYTES};

/// The kinds of the statements seen so far; bounded.
#[derive(Debug, Default)]
pub(super) struct Kinds(Mutex<HashMap<Box<str>, Kind>>);

impl Kinds {
    pub(super) fn get(&self, sql: &str) -> Option<Kind> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(sql)
            .copied()
    }

    /// Remembers a kind. All are forgotten when there are too many: an app that makes so many different
    /// statements gains nothing from any of them.
    pub(super) fn remember(&self, sql: &str, kind: Kind) {
        if sql.len() > MAX_CACHED_STATEMENT_BYTES {
            return;
        }
        let mut kinds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kinds.len() >= KIND_CACHE_CAPACITY {
            kinds.clear();
        }
        kinds.insert(sql.into(), kind);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_of_remembered_statements_is_bounded() {
        let kinds = Kinds::default();
        for number in 0..=KIND_CACHE_CAPACITY {
            kinds.remember(&format!("SELECT {number}"), Kind::Read);
        }
        let remembered = kinds.0.lock().unwrap().len();
        assert_eq!(remembered, 1);
        assert_eq!(
            kinds.get(&format!("SELECT {KIND_CACHE_CAPACITY}")),
            Some(Kind::Read)
        );
    }

    #[test]
    fn long_statement_is_not_remembered() {
        let kinds = Kinds::default();
        let sql = format!("SELECT '{}'", "x".repeat(MAX_CACHED_STATEMENT_BYTES));
        kinds.remember(&sql, Kind::Read);
        assert_eq!(kinds.get(&sql), None);
    }
}
