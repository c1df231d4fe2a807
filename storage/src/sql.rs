//! SQL databases: sessions that execute statements with deadlines and transactions.
//! The capability that binds a guest to a session owns grants, labels and the guest's interfaces.
//!
//! [`Database`] and [`Session`] are the interface. Each engine is a folder behind them, and one arm in their matches.

mod advice;
pub mod backup;
mod candidates;
mod database;
mod error;
mod examined;
mod finding;
mod limits;
pub mod migrations;
pub(crate) mod open;
mod place;
mod plan;
mod position;
pub(crate) mod postgres;
mod session;
mod shapes;
pub(crate) mod sqlite;
mod statistics;
#[cfg(test)]
mod tests;
pub mod transfer;
mod words;
mod work;

use crate::value;

pub use crate::value::{Rows, Value};
pub use advice::{Advice, ShapeAdvice};
pub use database::Database;
pub use error::Error;
pub use finding::{Finding, FindingKind, Mend};
pub use limits::{
    BACKUP_LOCK_TIMEOUT, BACKUP_STEP_PAGES, DEFAULT_CONNECTIONS, DEFAULT_OPEN_TIMEOUT,
    DEFAULT_TRANSACTION_IDLE, IDLE_REPLICA_LOOK_INTERVAL, INLINE_READ_BUDGET, KIND_CACHE_CAPACITY,
    LISTEN_PAUSE, LOCK_LOOK_INTERVAL, MAX_BACKUP_LOCK_TRIES, MAX_BUSY_PAUSE,
    MAX_CACHED_STATEMENT_BYTES, MAX_CONNECTION_AGE, MAX_COPIED_BYTES, MAX_COPIED_ROWS, MAX_FARTHER,
    MAX_GROUP_DURATION, MAX_GROUP_STATEMENTS, MAX_HOST_ATTEMPTS, MAX_IDLE_WAL_BYTES,
    MAX_KIND_CACHE_BYTES, MAX_LIKE_PATTERN_BYTES, MAX_LOCK_TEXTS, MAX_LONG_READS,
    MAX_MIGRATION_DURATION, MAX_NOTED_PLACES, MAX_OUTCOME_WAIT, MAX_PARAMETERS, MAX_POSITIONS,
    MAX_PREPARED_BYTES, MAX_PROBE_WAIT, MAX_QUIET_COST, MAX_QUIET_REPEATS, MAX_QUIET_RESULT_BYTES,
    MAX_QUIET_ROWS, MAX_QUIET_SCAN, MAX_QUIET_STEPS, MAX_QUIET_TRANSACTION, MAX_QUIET_UNREAD_ROWS,
    MAX_QUIET_WAIT, MAX_REPLICA_LAG, MAX_REPLY_WAIT, MAX_RESULT_BYTES, MAX_RETRY_PAUSE,
    MAX_SAMPLED_PARAMETERS, MAX_SAMPLED_VALUE_BYTES, MAX_SHAPE_BYTES, MAX_SHAPED_BYTES,
    MAX_SHAPED_TEXT_BYTES, MAX_SHAPES_OF_REQUEST, MAX_STATEMENT_BYTES, MAX_TRANSLATION_BYTES,
    MAX_TRIAL_STEPS, MAX_TRIED_INDEXES, MAX_TRIED_SHAPES, MAX_TURN_WAIT, MAX_VALUE_BYTES,
    MAX_WAITING_STATEMENTS, MIN_ASK_PAUSE, MIN_BACKUP_LOCK_PAUSE, MIN_GROWN_SCAN, MIN_INDEX_GAIN,
    MIN_INDEXED_WRITES, MIN_JUDGED_CALLS, MIN_LOCK_SIGHTINGS, MIN_LOCK_WAITS,
    MIN_REPEATING_REQUESTS, MIN_RETRY_PAUSE, MIN_SERVER_VERSION, MIN_UNREAD_SHARE,
    PAGE_CACHE_KIBIBYTES, PREPARED_CACHE_CAPACITY, REPLICA_LOOK_INTERVAL, SCHEMA_LEASE,
    SHAPE_CAPACITY, SHAPED_TEXT_CAPACITY, STATEMENT_CACHE_CAPACITY, STEPS_BETWEEN_CHECKS,
    TRANSACTION_PLACES, TRANSLATION_CACHE_CAPACITY, TRUSTED_IDLE, WRITE_QUEUE_CAPACITY,
};
pub use place::Held;
pub use plan::PlanStep;
pub use position::{Needs, Positions};
pub use postgres::{ServerFigures, ServerState};
pub use session::Session;
pub use shapes::{
    Answers, Evicted, Observed, Reader, Reading, Repeats, Request, ShapeStatistics, Transactions,
    Unread,
};
pub use statistics::{Counter, Statistics};
