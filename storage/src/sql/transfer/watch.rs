//! What a move tells while it is at work, and what it asks of whoever started it.

/// How far a move is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress<'p> {
    /// Rows were copied.
    Copied {
        /// The table at work.
        table: &'p str,
        /// The rows of all tables so far.
        rows: u64,
        /// The rows of all tables when the move began.
        of: u64,
    },
    /// The indexes are made.
    Indexing,
    /// Rows were compared.
    Compared {
        /// The table at work.
        table: &'p str,
        /// The rows of all tables so far.
        rows: u64,
        /// The rows of all tables when the move began.
        of: u64,
    },
    /// Changes of the meantime were copied.
    CaughtUp {
        /// How many.
        changes: usize,
    },
    /// Writes pause.
    Pausing,
}

/// Whoever started a move.
pub trait Watch {
    /// Hears how far the move is.
    fn report(&mut self, progress: &Progress<'_>);

    /// Has a running server begin no statement, and wait for those that run.
    fn hold(&mut self) -> impl Future<Output = Result<(), String>>;

    /// Has a running server go on with the source, because the move stopped.
    fn release(&mut self) -> impl Future<Output = ()>;

    /// Has a running server go on with the target.
    fn switch(&mut self) -> impl Future<Output = ()>;
}
