//! The statements that a connection has prepared under names.

use std::num::NonZeroUsize;

use lru::LruCache;
use tokio_postgres::Statement;

use super::translations::Translation;
use crate::sql::limits::{MAX_PREPARED_BYTES, PREPARED_CACHE_CAPACITY};

/// Prepared statements by the number of their translation, bounded by number and bytes.
#[derive(Debug)]
pub(super) struct Prepared {
    statements: LruCache<u64, (Statement, usize)>,
    bytes: usize,
}

impl Default for Prepared {
    fn default() -> Self {
        let capacity =
            NonZeroUsize::new(PREPARED_CACHE_CAPACITY).expect("the capacity is not zero");
        Self {
            statements: LruCache::new(capacity),
            bytes: 0,
        }
    }
}

impl Prepared {
    pub(super) fn get(&mut self, id: u64) -> Option<Statement> {
        let (statement, _) = self.statements.get(&id)?;
        Some(statement.clone())
    }

    pub(super) fn remember(&mut self, translation: &Translation, statement: &Statement) {
        if !translation.is_short {
            return;
        }
        let bytes = translation.text().len();
        self.bytes += bytes;
        let entry = (statement.clone(), bytes);
        if let Some((_, (_, forgotten))) = self.statements.push(translation.id, entry) {
            self.bytes -= forgotten;
        }
        while self.bytes > MAX_PREPARED_BYTES {
            let Some((_, (_, forgotten))) = self.statements.pop_lru() else {
                break;
            };
            self.bytes -= forgotten;
        }
    }
}
