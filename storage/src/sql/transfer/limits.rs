//! The limits of a move, each with its unit, its reason and its consequence.

use std::time::Duration;

/// Most rows that are copied, or compared, in one step. The changes since the last step follow with each, so that they stay few.
pub const MAX_CHUNK_ROWS: usize = 20_000;

/// Most bytes of the rows of one step, about: they are in memory on their way.
pub const MAX_CHUNK_BYTES: usize = 16 * 1024 * 1024;

/// Most rows of a table without a key. Each change copies all of them again, also in the pause.
pub const MAX_WHOLE_ROWS: u64 = 10_000;

/// Most bytes of a text or blob in a key or an index, since Postgres refuses entries above 2,704 bytes.
pub const MAX_KEY_BYTES: usize = 2_600;

/// Most findings that are listed. The others are counted.
pub const MAX_LISTED_FINDINGS: usize = 100;

/// Most changed rows that are left for the pause. They take some tens of milliseconds.
pub const MAX_LAST_CHANGES: usize = 500;

/// Most rounds of catching up before the pause. Each is shorter than the last, unless writers are faster than the move.
pub const MAX_CATCH_UP_ROUNDS: usize = 50;

/// The time that the move waits for running writes to end, with others waiting behind it.
pub const MAX_LOCK_WAIT: Duration = Duration::from_millis(400);

/// Attempts to get a lock, with other work let through in between.
pub const MAX_LOCK_ATTEMPTS: usize = 25;

/// The time for opening either database.
pub const MAX_OPEN_WAIT: Duration = Duration::from_secs(10);

/// The time that a move waits for another one to leave the server, which may not have noticed yet that the other was killed.
pub const MAX_MOVER_WAIT: Duration = Duration::from_secs(2);
