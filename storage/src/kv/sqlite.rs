//! Stores in one SQLite file, distinguished by their labels. The callers have checked the sizes of keys and values.
//!
//! The stores are one table in a database of [`crate::sql`], with its promises: an acknowledged write is on the disk, concurrent
//! writes share a commit, and a read takes a few microseconds.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use super::error::Error;
use super::limits::MAX_KEYS_BYTES;
use crate::failure::EngineFailure;
use crate::sql::open::{OpenError, SqliteOptions};
use crate::sql::sqlite::Database;
use crate::sql::{self, Value};

const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS key_value (
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
/// Adds to a number in decimal digits. A value that is none, or a sum that does not fit, changes nothing and returns no row. A number is
/// one whose text, read as a number and written again, is the same.
const INCREMENT: &str = "INSERT INTO key_value (store, key, value) \
     VALUES (?1, ?2, CAST(CAST(?3 AS TEXT) AS BLOB)) \
     ON CONFLICT (store, key) DO UPDATE SET \
         value = CAST(CAST(CAST(CAST(value AS TEXT) AS INTEGER) + ?3 AS TEXT) AS BLOB) \
     WHERE CAST(CAST(CAST(CAST(value AS TEXT) AS INTEGER) AS TEXT) AS BLOB) = value \
         AND typeof(CAST(CAST(value AS TEXT) AS INTEGER) + ?3) = 'integer' \
     RETURNING CAST(CAST(value AS TEXT) AS INTEGER)";
const SWAP: &str = "UPDATE key_value SET value = ?3 \
     WHERE store = ?1 AND key = ?2 AND value = ?4 RETURNING 1";
const SWAP_ABSENT: &str = "INSERT INTO key_value (store, key, value) VALUES (?1, ?2, ?3) \
     ON CONFLICT (store, key) DO NOTHING RETURNING 1";
/// One page of the list of keys.
const KEYS_FROM: &str =
    "SELECT key FROM key_value WHERE store = ?1 AND key >= ?2 ORDER BY key LIMIT 1000";

/// The number of keys in a page of [`KEYS_FROM`]. Keys of ordinary length are read well within the time that a read may hold the
/// calling thread.
const KEYS_IN_A_PAGE: usize = 1_000;

/// All stores of one file.
#[derive(Clone, Debug)]
pub(super) struct Stores {
    database: Database,
}

impl Stores {
    pub(super) fn open(path: &Path, options: SqliteOptions) -> Result<Self, OpenError> {
        let database = Database::open(path, options, SCHEMA)?;
        Ok(Self { database })
    }

    pub(super) fn store(&self, label: &str) -> Store {
        Store {
            database: self.database.clone(),
            label: label.into(),
        }
    }

    pub(super) async fn close(&self, deadline: Instant) -> Result<(), Error> {
        let closed = self.database.close(deadline).await;
        Ok(closed.map_err(sql::Error::of_own_statement)?)
    }
}

/// One store.
#[derive(Clone, Debug)]
pub(super) struct Store {
    database: Database,
    label: Arc<str>,
}

impl Store {
    pub(super) async fn get(&self, key: &str, deadline: Instant) -> Result<Option<Vec<u8>>, Error> {
        match self.first(GET, key, deadline).await? {
            None => Ok(None),
            Some(Value::Blob(value)) => Ok(Some(value)),
            Some(_) => Err(foreign_table()),
        }
    }

    pub(super) async fn set(
        &self,
        key: &str,
        value: Vec<u8>,
        deadline: Instant,
    ) -> Result<(), Error> {
        let parameters = vec![self.label(), key.into(), value.into()];
        self.execute(SET, parameters, deadline).await.map(drop)
    }

    pub(super) async fn delete(&self, key: &str, deadline: Instant) -> Result<(), Error> {
        self.first(DELETE, key, deadline).await.map(drop)
    }

    pub(super) async fn exists(&self, key: &str, deadline: Instant) -> Result<bool, Error> {
        Ok(self.first(EXISTS, key, deadline).await?.is_some())
    }

    pub(super) async fn increment(
        &self,
        key: &str,
        delta: i64,
        deadline: Instant,
    ) -> Result<i64, Error> {
        let parameters = vec![self.label(), key.into(), delta.into()];
        match self.execute(INCREMENT, parameters, deadline).await?[..] {
            [Value::Integer(sum)] => Ok(sum),
            _ => Err(Error::NoNumber),
        }
    }

    pub(super) async fn swap(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        value: Vec<u8>,
        deadline: Instant,
    ) -> Result<bool, Error> {
        let mut parameters = vec![self.label(), key.into(), value.into()];
        let sql = match expected {
            Some(expected) => {
                parameters.push(expected.to_vec().into());
                SWAP
            }
            None => SWAP_ABSENT,
        };
        let swapped = self.execute(sql, parameters, deadline).await?;
        Ok(!swapped.is_empty())
    }

    pub(super) async fn keys(&self, deadline: Instant) -> Result<Vec<String>, Error> {
        let mut keys: Vec<String> = Vec::new();
        let mut bytes = 0;
        let mut from = String::new();
        loop {
            let parameters = vec![self.label(), Value::Text(from)];
            let values = self.execute(KEYS_FROM, parameters, deadline).await?;
            let is_last = values.len() < KEYS_IN_A_PAGE;
            for value in values {
                let Value::Text(key) = value else {
                    return Err(foreign_table());
                };
                bytes += size_of::<String>() + key.len();
                keys.push(key);
            }
            if bytes > MAX_KEYS_BYTES {
                return Err(Error::TooManyKeys);
            }
            match keys.last() {
                // The next possible key is this key followed by the smallest character.
                Some(last) if !is_last => from = format!("{last}\0"),
                _ => return Ok(keys),
            }
        }
    }

    /// Executes a statement on one key, and returns its first value.
    async fn first(&self, sql: &str, key: &str, deadline: Instant) -> Result<Option<Value>, Error> {
        let parameters = vec![self.label(), key.into()];
        let values = self.execute(sql, parameters, deadline).await?;
        Ok(values.into_iter().next())
    }

    /// Executes a statement whose rows have one value each, and returns these values.
    async fn execute(
        &self,
        sql: &str,
        parameters: Vec<Value>,
        deadline: Instant,
    ) -> Result<Vec<Value>, Error> {
        let rows = self.database.execute(sql, parameters, deadline).await?;
        Ok(rows.into_iter().flatten().collect())
    }

    fn label(&self) -> Value {
        Value::from(&*self.label)
    }
}

/// Our own table is strict about types, so this table is not ours.
fn foreign_table() -> Error {
    EngineFailure::Other {
        message: "the table key_value was not made by this program; choose another file".to_owned(),
    }
    .into()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock;

    #[tokio::test]
    async fn table_of_another_program_is_not_mistaken_for_ours() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kv.db");
        let stores = Stores::open(&path, SqliteOptions::default()).unwrap();
        let far = clock::now() + Duration::from_secs(60);
        for sql in [
            "DROP TABLE key_value",
            "CREATE TABLE key_value (store, key, value, PRIMARY KEY (store, key))",
            "INSERT INTO key_value VALUES ('default', 'key', 'text')",
        ] {
            stores.database.execute(sql, vec![], far).await.unwrap();
        }
        let error = stores.store("default").get("key", far).await.unwrap_err();
        assert!(
            error.to_string().contains("not made by this program"),
            "{error}"
        );
    }
}
