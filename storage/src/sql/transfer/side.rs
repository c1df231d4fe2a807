//! The two sides of a move, as each engine is one: a source that notes its changes, and a target that takes rows.
//! The order of the steps is left to [`super::steps`].

use sha2::{Digest, Sha256};

use super::error::MoveError;
use super::finding::Findings;
use super::row::{Key, Row};
use crate::dialect::Described;

/// What a source keeps about its move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// A name that the target has too.
    pub(super) id: String,
    /// The target, without its password.
    pub(super) to: String,
    /// A digest of the definitions when the move began.
    pub(super) schema: String,
    /// Whether the source takes no writes any more.
    pub(super) is_moved: bool,
}

/// The digest of definitions.
pub(super) fn digest(definitions: &[String]) -> String {
    format!("{:x}", Sha256::digest(definitions.join(";\n")))
}

/// What is in a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Nothing,
    /// The rows of the move with this id, which has not ended.
    OfMove(String),
    /// Something else.
    Other(String),
}

/// The changes of a table since they were read last.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// The keys that were written. One for all if the table has no key.
    pub(super) keys: Vec<Key>,
    /// The rows that these keys have now.
    pub(super) rows: Vec<Row>,
}

/// The database whose rows are copied. Between [`Source::begin`] or [`Source::pause`] and the end it shows one moment.
pub(super) trait Source {
    /// For messages, without a password.
    fn shown(&self) -> &str;

    /// What it keeps about its move.
    async fn record(&mut self) -> Result<Option<Record>, MoveError>;

    /// The statements that made its tables, in SQLite's SQL.
    async fn definitions(&mut self) -> Result<Vec<String>, MoveError>;

    /// Has each change noted in the transaction that makes it. It may be called again.
    async fn capture(&mut self, tables: &[Described], record: &Record) -> Result<(), MoveError>;

    /// Begins to show one moment.
    async fn begin(&mut self) -> Result<(), MoveError>;

    /// Stops to show it, and forgets the changes that were read.
    async fn end(&mut self) -> Result<(), MoveError>;

    /// Begins to show one moment, and has writers wait until the end.
    async fn pause(&mut self, tables: &[Described]) -> Result<(), MoveError>;

    /// Ends the pause: from now on each write is refused with the new place.
    async fn finish(&mut self, tables: &[Described], record: &Record) -> Result<(), MoveError>;

    /// Gives the moment or the pause up. Changes that were read are read again.
    async fn give_up(&mut self);

    /// The changes of a table.
    async fn changes(&mut self, number: usize, table: &Described) -> Result<Changes, MoveError>;

    /// The next rows by key, up to `limit` or about [`MAX_CHUNK_BYTES`](super::limits::MAX_CHUNK_BYTES); all rows if the table has no
    /// key.
    async fn chunk(
        &mut self,
        table: &Described,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<Row>, MoveError>;

    /// Judges all values of a table, and returns the number of its rows and of their bytes.
    async fn judge(
        &mut self,
        table: &Described,
        findings: &mut Findings,
    ) -> Result<(u64, u64), MoveError>;

    /// References to rows that are not there.
    async fn judge_references(&mut self, findings: &mut Findings) -> Result<(), MoveError>;

    /// The number of rows of a table.
    async fn count(&mut self, table: &Described) -> Result<u64, MoveError>;

    /// The greatest rowid that the table ever had, if it is kept.
    async fn sequence(&mut self, table: &Described) -> Result<Option<i64>, MoveError>;

    /// Removes all traces of a move.
    async fn clean(&mut self) -> Result<(), MoveError>;
}

/// The database that takes the rows. A change is made between [`Target::begin`] and [`Target::commit`].
pub(super) trait Target {
    /// For messages, without a password.
    fn shown(&self) -> &str;

    /// What is in it.
    async fn content(&mut self) -> Result<Content, MoveError>;

    /// Makes the tables. Indexes, references and triggers are kept for later.
    async fn prepare(&mut self, definitions: &[String], id: &str) -> Result<(), MoveError>;

    /// The greatest key.
    async fn last(&mut self, table: &Described) -> Result<Option<Key>, MoveError>;

    async fn begin(&mut self) -> Result<(), MoveError>;
    async fn commit(&mut self) -> Result<(), MoveError>;
    async fn roll_back(&mut self);

    /// The rows with these keys; all if the table has no key.
    async fn rows(&mut self, table: &Described, keys: &[Key]) -> Result<Vec<Row>, MoveError>;

    /// Deletes the rows with these keys; all if the table has no key.
    async fn delete(&mut self, table: &Described, keys: &[Key]) -> Result<(), MoveError>;

    async fn insert(&mut self, table: &Described, rows: &[Row]) -> Result<(), MoveError>;

    /// The rows after a key, up to another, or to the end.
    async fn range(
        &mut self,
        table: &Described,
        after: Option<&Key>,
        upto: Option<&Key>,
    ) -> Result<Vec<Row>, MoveError>;

    /// The number of rows of a table.
    async fn count(&mut self, table: &Described) -> Result<u64, MoveError>;

    /// Makes the indexes that were kept for later.
    async fn make_indexes(&mut self) -> Result<(), MoveError>;

    /// Makes all that is still missing for its use. It may be called again.
    async fn finish(
        &mut self,
        tables: &[Described],
        sequences: &[Option<i64>],
    ) -> Result<(), MoveError>;

    /// Checks the references while it is used already, and forgets the move.
    async fn forget(&mut self) -> Result<(), MoveError>;

    /// Removes the tables of a move.
    async fn clear(&mut self) -> Result<(), MoveError>;
}
