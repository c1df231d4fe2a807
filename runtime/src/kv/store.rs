//! Stores in one SQLite file, told apart by their labels.
//!
//! They are a table of a [`crate::sql::Database`] and have its promises: an acknowledged write is on the disk, writes
//! that come together share a commit, and a read takes a few microseconds.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use super::error::Error;
use super::limits::{MAX_KEY_BYTES, MAX_VALUE_BYTES};
use crate::sql::{self, Database, Value};

const CREATE_TABLE: &str = "CREATE TABLE IF NOT EXISTS key_value (
    store TEXT NOT NULL,
    key TEXT NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (store, key)
) STRICT";
const GET: &str = "SELECT value FROM key_value WHERE store = ?1 AND key = ?2";
const SET: &str = "INSERT INTO key_value (store, key, value) VALUES (?1, ?2, ?3) \
     ON CONFLICT (store, key) DO UPDATE SET value = excluded.value";
const DELETE: &str = "DELETE FROM key_value WHERE store = ?1 AND key = ?2";
const EXISTS: &str = "SELECT 1 FROM key_value WHERE store = ?1 AND key = ?2";
const KEYS: &str = "SELECT key FROM key_value WHERE store = ?1 ORDER BY key";

/// All the stores of one file.
#[derive(Clone, Debug)]
pub struct Stores {
    database: Database,
}

impl Stores {
    /// Opens the file at `path`, and makes it and its folders if they do not exist.
    ///
    /// # Errors
    ///
    /// See [`sql::OpenError`].
    pub async fn open(
        path: &Path,
        options: sql::Options,
        deadline: Instant,
    ) -> Result<Self, sql::OpenError> {
        let database = Database::open(path, options)?;
        let created = database
            .session()
            .execute(CREATE_TABLE, vec![], deadline)
            .await;
        created.map_err(|error| sql::OpenError::Failed {
            path: path.to_owned(),
            message: error.to_string(),
        })?;
        Ok(Self { database })
    }

    /// The store with that label. One that was never written to is empty.
    #[must_use]
    pub fn store(&self, label: &str) -> Store {
        Store {
            database: self.database.clone(),
            label: label.into(),
        }
    }

    /// The database behind the stores, for its statistics and to close it.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.database
    }
}

/// One store: a map from text to bytes. Clones are the same store.
///
/// What is behind it is private, so that another engine can be put there without touching the callers.
#[derive(Clone, Debug)]
pub struct Store {
    database: Database,
    label: Arc<str>,
}

impl Store {
    /// The value of a key; `None` if the key does not exist.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn get(&self, key: &str, deadline: Instant) -> Result<Option<Vec<u8>>, Error> {
        check_key(key)?;
        match self.first(GET, key, deadline).await? {
            None => Ok(None),
            Some(Value::Blob(value)) => Ok(Some(value)),
            Some(_) => Err(foreign_table()),
        }
    }

    /// Sets the value of a key, whether or not it exists. The value is on the disk when this returns.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn set(&self, key: &str, value: Vec<u8>, deadline: Instant) -> Result<(), Error> {
        check_key(key)?;
        if value.len() > MAX_VALUE_BYTES {
            return Err(Error::ValueTooLarge { bytes: value.len() });
        }
        let parameters = vec![self.label(), key.into(), value.into()];
        self.database
            .session()
            .execute(SET, parameters, deadline)
            .await?;
        Ok(())
    }

    /// Removes a key. It is no error if it does not exist.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn delete(&self, key: &str, deadline: Instant) -> Result<(), Error> {
        check_key(key)?;
        self.first(DELETE, key, deadline).await?;
        Ok(())
    }

    /// Whether a key exists.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn exists(&self, key: &str, deadline: Instant) -> Result<bool, Error> {
        check_key(key)?;
        Ok(self.first(EXISTS, key, deadline).await?.is_some())
    }

    /// All keys, in the order of their bytes. They must fit in one result of the database
    /// ([`sql::MAX_RESULT_BYTES`]).
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn keys(&self, deadline: Instant) -> Result<Vec<String>, Error> {
        let rows = self
            .database
            .session()
            .execute(KEYS, vec![self.label()], deadline)
            .await?;
        let keys = rows.rows.into_iter().flatten().map(|value| match value {
            Value::Text(key) => Ok(key),
            _ => Err(foreign_table()),
        });
        keys.collect()
    }

    /// Executes a statement on one key; the first value that it returns.
    async fn first(&self, sql: &str, key: &str, deadline: Instant) -> Result<Option<Value>, Error> {
        let parameters = vec![self.label(), key.into()];
        let rows = self
            .database
            .session()
            .execute(sql, parameters, deadline)
            .await?;
        Ok(rows.rows.into_iter().flatten().next())
    }

    fn label(&self) -> Value {
        Value::from(&*self.label)
    }
}

fn check_key(key: &str) -> Result<(), Error> {
    if key.len() > MAX_KEY_BYTES {
        return Err(Error::KeyTooLong { bytes: key.len() });
    }
    Ok(())
}

/// Our own table is strict about its types, so it is not our own.
fn foreign_table() -> Error {
    Error::Database(sql::Error::Storage {
        message: "the table key_value was not made by this program; choose another file".to_owned(),
    })
}
