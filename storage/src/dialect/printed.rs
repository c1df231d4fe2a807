//! A printed statement, and what it does to a session.

use super::scope::Field;

/// What a statement does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Changes nothing.
    Read,
    /// Changes rows.
    Write,
    /// Changes tables, indexes, views or triggers.
    Schema,
    /// Opens a transaction.
    Begin,
    /// Ends a transaction and keeps what it changed.
    Commit,
    /// Ends a transaction and forgets what it changed.
    RollBack,
    /// Marks a point of a transaction, goes back to one, or forgets one.
    Savepoint,
    /// Nothing that Postgres would have to be told.
    Nothing,
}

/// A printed statement, before its parameters have numbers.
#[derive(Debug)]
pub(super) struct Printed {
    pub(super) texts: Vec<String>,
    pub(super) effect: Effect,
    pub(super) fields: Vec<Field>,
    /// Whether the last column that is returned is the rowid of the inserted row.
    pub(super) has_rowid: bool,
}

impl Printed {
    pub(super) fn write(text: String, fields: Vec<Field>, has_rowid: bool) -> Self {
        Self {
            texts: vec![text],
            effect: Effect::Write,
            fields,
            has_rowid,
        }
    }

    pub(super) fn schema(texts: Vec<String>) -> Self {
        Self::without_rows(texts, Effect::Schema)
    }

    pub(super) fn without_rows(texts: Vec<String>, effect: Effect) -> Self {
        Self {
            texts,
            effect,
            fields: Vec::new(),
            has_rowid: false,
        }
    }
}
