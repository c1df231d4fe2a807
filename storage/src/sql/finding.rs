//! A finding about the queries of a database: its evidence, what a mend would save, and the mend.
//! Finding them is left to [`super::advice`].

use std::sync::Arc;

/// The kind of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FindingKind {
    /// A query reads much to return little, and an index would change that.
    MissingIndex,
    /// One query runs many times in one request.
    RepeatedQuery,
    /// A query reads a whole table, which grows.
    GrowingScan,
    /// A query without `LIMIT` returns many rows.
    NoLimit,
    /// A function does not use most of what a query returns.
    UnreadResults,
    /// Transactions stay open for long.
    LongTransactions,
    /// Writes wait for each other, on SQLite.
    QueuedWrites,
    /// Statements wait for a connection, on Postgres.
    QueuedStatements,
    /// Other processes lock the database file, on SQLite; statements wait for locks of other transactions, on Postgres.
    LockWaits,
    /// An index has the first columns of another one.
    DuplicateIndex,
    /// No query uses an index.
    UnusedIndex,
}

impl FindingKind {
    /// All kinds, in the order in which they are shown.
    pub const ALL: [Self; 11] = [
        Self::MissingIndex,
        Self::RepeatedQuery,
        Self::GrowingScan,
        Self::NoLimit,
        Self::UnreadResults,
        Self::LongTransactions,
        Self::QueuedWrites,
        Self::QueuedStatements,
        Self::LockWaits,
        Self::DuplicateIndex,
        Self::UnusedIndex,
    ];

    /// The name for programs: lower-case words joined by hyphens.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::MissingIndex => "missing-index",
            Self::RepeatedQuery => "repeated-query",
            Self::GrowingScan => "growing-scan",
            Self::NoLimit => "no-limit",
            Self::UnreadResults => "unread-results",
            Self::LongTransactions => "long-transactions",
            Self::QueuedWrites => "queued-writes",
            Self::QueuedStatements => "queued-statements",
            Self::LockWaits => "lock-waits",
            Self::DuplicateIndex => "duplicate-index",
            Self::UnusedIndex => "unused-index",
        }
    }
}

/// A finding.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Its kind.
    pub kind: FindingKind,
    /// The shape of the query, or the name of the index.
    pub subject: String,
    /// The component and the route with the most evidence, if they are known.
    pub place: Option<(Arc<str>, Arc<str>)>,
    /// What was seen, as a sentence.
    pub what: String,
    /// The numbers behind it, by name.
    pub evidence: Vec<(&'static str, u64)>,
    /// What the mend would save.
    pub gain: String,
    /// The change that mends it.
    pub mend: Mend,
}

/// What mends a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mend {
    /// A statement for the database, in a migration for example.
    Statement(String),
    /// A query in place of the one that was found.
    Query(String),
    /// A change of the program, in words.
    Change(String),
}

impl Mend {
    /// The name of its kind for programs.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Statement(_) => "statement",
            Self::Query(_) => "query",
            Self::Change(_) => "change",
        }
    }

    /// The statement, the query or the words.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Statement(text) | Self::Query(text) | Self::Change(text) => text,
        }
    }
}
