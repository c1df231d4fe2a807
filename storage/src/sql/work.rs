//! What an engine says of the work of one statement. Each engine fills in what it knows.

use std::time::Duration;

/// The work of one statement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Work {
    /// The time that it waited for the writer, for a thread, or for a connection.
    pub(crate) waited: Duration,
    /// What it read, if the engine counts that.
    pub(crate) read: Option<Read>,
}

/// What SQLite counts of a statement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Read {
    /// Rows of tables that were read from one end to the other.
    pub(crate) scanned: u64,
    /// Instructions of the virtual machine.
    pub(crate) steps: u64,
}
