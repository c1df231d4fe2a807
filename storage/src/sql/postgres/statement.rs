//! A statement of a session with its values, and its result. In which transaction it runs is left to [`super::alone`] and
//! [`super::transaction`].

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::oneshot;

use super::connection::{Answer, Around, Connection};
use super::failures::Failed;
use super::job::{Counters, Job, Reply, Stop};
use super::translations::Translation;
use super::values;
use crate::dialect::Effect;
use crate::sql::error::Error;
use crate::sql::position::Needs;
use crate::value::{Rows, Value};

/// Opens a transaction. As in SQLite, transactions have the effect of running one after the other. If two that run at once cannot
/// have that effect, one of them fails with a serialization failure.
pub(super) const BEGIN: &str = "BEGIN ISOLATION LEVEL SERIALIZABLE";

/// Opens a transaction that begins with a change of the schema. It gets a lock first, and reads what was committed before that;
/// a serializable transaction would read what was committed before it asked for the lock.
pub(super) const BEGIN_CHANGE: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";

/// A statement as the session gave it.
#[derive(Debug)]
pub(super) struct Statement {
    pub(super) sql: Box<str>,
    pub(super) parameters: Vec<Value>,
    /// The session's counters before it.
    pub(super) counters: Counters,
    /// What it must see if it is a read of a request; `None` to see all.
    pub(super) needs: Option<Arc<Needs>>,
}

impl Statement {
    /// The statement of a job, with its deadline and whom it is answered to.
    pub(super) fn of(job: Job) -> (Self, Instant, oneshot::Sender<Reply>) {
        let Job {
            sql,
            parameters,
            counters,
            needs,
            deadline,
            reply,
        } = job;
        let statement = Self {
            sql,
            parameters,
            counters,
            needs,
        };
        (statement, deadline, reply)
    }

    /// Has the rest of its request read from the primary, before it may change something.
    pub(super) fn note_write(&self) {
        if let Some(needs) = &self.needs {
            needs.note_write();
        }
    }

    /// Runs it on a connection, between the commands `around`.
    pub(super) async fn run(
        &self,
        around: Around<'_>,
        translation: &Translation,
        connection: &mut Connection,
        stop: &mut Stop<'_>,
    ) -> Result<(Rows, Counters), Failed> {
        let values = values::bound(&translation.translated, &self.parameters, self.counters);
        let answer = connection.run(around, translation, values, stop).await?;
        Ok(self.finished(translation, answer))
    }

    fn finished(&self, translation: &Translation, answer: Answer) -> (Rows, Counters) {
        let columns = translation.translated.columns.iter();
        let rows = Rows {
            columns: columns.map(|column| column.name.clone()).collect(),
            rows: answer.rows,
        };
        let mut counters = self.counters;
        if translation.translated.effect == Effect::Write {
            counters.changes = answer.changes;
            counters.last_insert_rowid = answer.rowid.unwrap_or(counters.last_insert_rowid);
        }
        (rows, counters)
    }
}

/// A command on savepoints, as the translation prints it, with the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Savepoint<'t> {
    Set(&'t str),
    Release(&'t str),
    BackTo(&'t str),
}

impl<'t> Savepoint<'t> {
    pub(super) fn of(text: &'t str) -> Self {
        if let Some(name) = text.strip_prefix("RELEASE SAVEPOINT ") {
            return Self::Release(name);
        }
        match text.strip_prefix("ROLLBACK TO SAVEPOINT ") {
            Some(name) => Self::BackTo(name),
            None => Self::Set(text.strip_prefix("SAVEPOINT ").unwrap_or(text)),
        }
    }
}

/// Whether a statement that stands alone needs a connection. That of a transaction is another one.
pub(super) fn needs_connection(effect: Effect) -> bool {
    match effect {
        Effect::Read | Effect::Write | Effect::Schema => true,
        Effect::Begin | Effect::Savepoint | Effect::Commit | Effect::RollBack | Effect::Nothing => {
            false
        }
    }
}

/// A mistake in the order of statements, in SQLite's words.
pub(super) fn misplaced(message: &str) -> Error {
    Error::Statement {
        message: message.to_owned(),
    }
}

pub(super) fn no_savepoint(name: &str) -> Error {
    Error::Statement {
        message: format!("no such savepoint: {}", name.trim_matches('"')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::{Schema, translate};

    #[test]
    fn commands_on_savepoints_are_told_apart_as_they_are_printed() {
        for (text, expected) in [
            ("SAVEPOINT s", Savepoint::Set("\"s\"")),
            ("RELEASE s", Savepoint::Release("\"s\"")),
            ("ROLLBACK TO s", Savepoint::BackTo("\"s\"")),
        ] {
            let translated = translate(text, &Schema::new(), &[]).unwrap();
            assert_eq!(Savepoint::of(&translated.texts[0]), expected);
        }
    }
}
