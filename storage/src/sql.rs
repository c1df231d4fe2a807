//! SQL databases: sessions that execute statements with deadlines and transactions.
//! The capability that binds a guest to a session owns grants, labels and the guest's interfaces.
//!
//! [`Database`] and [`Session`] are the interface. Each engine is a folder behind them, and one arm in their matches.

mod database;
mod error;
mod limits;
pub mod migrations;
pub(crate) mod open;
mod plan;
mod postgres;
mod session;
pub(crate) mod sqlite;
mod statistics;
#[cfg(test)]
mod tests;

use crate::value;

pub use crate::value::{Rows, Value};
pub use database::Database;
pub use error::Error;
pub use limits::{
    CONNECT_TIMEOUT, DEFAULT_CONNECTIONS, DEFAULT_OPEN_TIMEOUT, DEFAULT_TRANSACTION_IDLE,
    INLINE_READ_BUDGET, KIND_CACHE_CAPACITY, MAX_BUSY_PAUSE, MAX_CACHED_STATEMENT_BYTES,
    MAX_CONNECTION_AGE, MAX_GROUP_DURATION, MAX_GROUP_STATEMENTS, MAX_IDLE_WAL_BYTES,
    MAX_KIND_CACHE_BYTES, MAX_LIKE_PATTERN_BYTES, MAX_LONG_READS, MAX_MIGRATION_DURATION,
    MAX_OUTCOME_WAIT, MAX_PARAMETERS, MAX_PREPARED_BYTES, MAX_RECONNECT_PAUSE, MAX_REPLY_WAIT,
    MAX_RESULT_BYTES, MAX_RETRY_PAUSE, MAX_STATEMENT_BYTES, MAX_TRANSLATION_BYTES, MAX_VALUE_BYTES,
    MAX_WAITING_STATEMENTS, MIN_RECONNECT_PAUSE, MIN_RETRY_PAUSE, MIN_SERVER_VERSION,
    PAGE_CACHE_KIBIBYTES, PREPARED_CACHE_CAPACITY, SCHEMA_LEASE, STATEMENT_CACHE_CAPACITY,
    STEPS_BETWEEN_CHECKS, TRANSLATION_CACHE_CAPACITY, WRITE_QUEUE_CAPACITY,
};
pub use plan::PlanStep;
pub use session::Session;
pub use statistics::{Counter, Statistics};
