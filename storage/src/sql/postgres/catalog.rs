//! The schema that statements are translated with, and how a node learns that another one changed it.
//!
//! The database keeps the text of each change in `terrace.definitions`. A node reads the number of the last one again after
//! [`SCHEMA_LEASE`] at most, and whoever changes the schema waits that long before it answers if there are other nodes
//! ([`super::definitions`]). So a statement that begins after the answer is translated with the new schema on every node, and one
//! that began before is as if it had run before the change.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::connection::Connection;
use super::job::Stop;
use super::translations::{Translation, Translations};
use super::values;
use crate::clock;
use crate::dialect::{Schema, translate};
use crate::failure::EngineFailure;
use crate::sql::error::Error;
use crate::sql::limits::SCHEMA_LEASE;
use crate::value::Value;

/// The word in the definition of a constraint that is checked at the end of a transaction.
const DEFERRED: &str = "DEFERRED";

/// A version of the schema, with what was translated with it.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// The number of the last change.
    pub(super) version: i64,
    pub(super) schema: Schema,
    /// Whether a `COMMIT` may find a constraint violated: those that are declared `DEFERRED` are not checked earlier.
    pub(super) may_defer: bool,
    translations: Translations,
}

impl Known {
    /// The translation of a statement.
    ///
    /// # Errors
    ///
    /// If the dialect refuses it, or the number of values is wrong.
    pub(super) fn translate(&self, text: &str, given: &[Value]) -> Result<Arc<Translation>, Error> {
        let kinds = values::kinds(given);
        if let Some(translation) = self.translations.get(text, &kinds) {
            return counted(translation, given);
        }
        let translated = translate(text, &self.schema, &kinds);
        let translated = translated.map_err(|refusal| Error::refused(&refusal))?;
        let translation = Translation::new(text, translated);
        self.translations.remember(text, &translation);
        counted(translation, given)
    }

    /// The version after one more change.
    pub(super) fn with(&self, number: i64, text: &str) -> Result<Self, Error> {
        let mut schema = self.schema.clone();
        let applied = schema.apply(text);
        applied.map_err(|refusal| EngineFailure::Other {
            message: format!("change {number} of the schema cannot be read: {refusal}"),
        })?;
        Ok(Self {
            version: number,
            schema,
            may_defer: self.may_defer || text.to_ascii_uppercase().contains(DEFERRED),
            translations: Translations::default(),
        })
    }
}

fn counted(translation: Arc<Translation>, given: &[Value]) -> Result<Arc<Translation>, Error> {
    let (given, expected) = (given.len(), translation.translated.parameter_count);
    if given == expected {
        return Ok(translation);
    }
    Err(Error::ParameterCount { given, expected })
}

/// What a node knows.
#[derive(Debug, Default)]
pub(super) struct Catalog(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    known: Arc<Known>,
    /// When the version was asked for the last time, before the question was sent.
    verified: Option<Instant>,
}

impl Catalog {
    /// What is known, if that is recent enough.
    pub(super) fn valid(&self) -> Option<Arc<Known>> {
        let state = self.state();
        let verified = state.verified?;
        (clock::now() < verified + SCHEMA_LEASE).then(|| Arc::clone(&state.known))
    }

    /// What was known last, however long ago; `None` before the first time.
    pub(super) fn last(&self) -> Option<Arc<Known>> {
        let state = self.state();
        (state.known.version > 0 || state.verified.is_some()).then(|| Arc::clone(&state.known))
    }

    /// Whether a statement may still be translated with this.
    pub(super) fn is_valid(&self, known: &Arc<Known>) -> bool {
        self.valid().is_some_and(|valid| Arc::ptr_eq(&valid, known))
    }

    /// Has the version read again before the next statement.
    pub(super) fn doubt(&self) {
        self.state().verified = None;
    }

    /// Reads the version, and the changes that are not known.
    ///
    /// # Errors
    ///
    /// If they cannot be read.
    pub(super) async fn verify(
        &self,
        connection: &mut Connection,
        stop: &mut Stop<'_>,
    ) -> Result<Arc<Known>, Error> {
        let asked = clock::now();
        let known = self.seen_by(connection, stop).await?;
        Ok(self.install(known, asked))
    }

    /// The version that a connection sees. In a transaction that may be an old one.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub(super) async fn seen_by(
        &self,
        connection: &mut Connection,
        stop: &mut Stop<'_>,
    ) -> Result<Arc<Known>, Error> {
        let query = "SELECT coalesce(max(number), 0) FROM terrace.definitions";
        let rows = connection.texts(query, stop).await?;
        let version = number(&rows, 0).ok_or_else(unreadable)?;
        let known = Arc::clone(&self.state().known);
        if known.version == version {
            return Ok(known);
        }
        let known = read(&known, version, connection, stop).await?;
        Ok(Arc::new(known))
    }

    /// Has a newer version known that a transaction saw. The guest may have read in it that the schema was changed.
    pub(super) fn learn(&self, known: &Arc<Known>) {
        let mut state = self.state();
        if state.known.version < known.version {
            state.known = Arc::clone(known);
        }
    }

    /// Has a version known that was read, or made, after `asked`.
    pub(super) fn install(&self, known: Arc<Known>, asked: Instant) -> Arc<Known> {
        let mut state = self.state();
        if state.verified.is_none_or(|verified| verified <= asked) {
            state.verified = Some(asked);
            if state.known.version != known.version {
                state.known = known;
            }
        }
        Arc::clone(&state.known)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads the changes after `known`, or all if the database was replaced by an older one.
async fn read(
    known: &Known,
    version: i64,
    connection: &mut Connection,
    stop: &mut Stop<'_>,
) -> Result<Known, Error> {
    let is_older = version < known.version;
    let after = if is_older { 0 } else { known.version };
    let query = format!(
        "SELECT number, text FROM terrace.definitions WHERE number > {after} ORDER BY number"
    );
    let rows = connection.texts(&query, stop).await?;
    let mut next = Known {
        version: after,
        schema: if is_older {
            Schema::new()
        } else {
            known.schema.clone()
        },
        may_defer: known.may_defer && !is_older,
        translations: Translations::default(),
    };
    for (at, row) in rows.iter().enumerate() {
        let number = number(&rows, at).ok_or_else(unreadable)?;
        next = next.with(number, row.get(1).map_or("", String::as_str))?;
    }
    Ok(next)
}

/// The number in the first column of a row.
fn number(rows: &[Vec<String>], row: usize) -> Option<i64> {
    rows.get(row)?.first()?.parse().ok()
}

fn unreadable() -> Error {
    let message = "terrace.definitions cannot be read".to_owned();
    EngineFailure::Other { message }.into()
}
