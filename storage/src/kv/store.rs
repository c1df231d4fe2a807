//! Stores of any engine, and their operations. This module checks sizes; the engine does the rest.

use std::path::Path;
use std::time::Instant;

use super::error::Error;
use super::limits::{MAX_KEY_BYTES, MAX_VALUE_BYTES};
use super::{redis, sqlite};
use crate::sql::open::{OpenError, RedisOptions, SqliteOptions};

/// All stores of one file or server.
#[derive(Clone, Debug)]
pub struct Stores(Engines);

#[derive(Clone, Debug)]
enum Engines {
    Sqlite(sqlite::Stores),
    Redis(redis::Stores),
}

impl Stores {
    /// Opens the SQLite file at `path`, and creates it and its folders if they do not exist.
    ///
    /// # Errors
    ///
    /// See [`OpenError`].
    pub fn open_sqlite(path: &Path, options: SqliteOptions) -> Result<Self, OpenError> {
        sqlite::Stores::open(path, options)
            .map(Engines::Sqlite)
            .map(Self)
    }

    /// Opens the stores of an owner on the Redis server at `url`. All nodes of an app have one owner, and other apps another. It
    /// blocks the calling thread.
    ///
    /// # Errors
    ///
    /// See [`OpenError`].
    pub fn open_redis(url: &str, owner: &str, options: &RedisOptions) -> Result<Self, OpenError> {
        redis::Stores::open(url, owner, options)
            .map(Engines::Redis)
            .map(Self)
    }

    /// What an operator should know about the engine, in sentences: how it may lose values.
    #[must_use]
    pub fn cautions(&self) -> &[String] {
        match &self.0 {
            Engines::Sqlite(_) => &[],
            Engines::Redis(stores) => stores.server().cautions(),
        }
    }

    /// The store with that label. A new one is empty.
    #[must_use]
    pub fn store(&self, label: &str) -> Store {
        match &self.0 {
            Engines::Sqlite(stores) => Store(Engine::Sqlite(stores.store(label))),
            Engines::Redis(stores) => Store(Engine::Redis(stores.store(label))),
        }
    }

    /// Closes the stores, for a shutdown after the requests have ended. Calls that still run are stopped; later ones fail.
    ///
    /// # Errors
    ///
    /// The work that did not finish before `deadline`. Nothing is lost.
    pub async fn close(&self, deadline: Instant) -> Result<(), Error> {
        match &self.0 {
            Engines::Sqlite(stores) => stores.close(deadline).await,
            Engines::Redis(stores) => {
                stores.server().close();
                Ok(())
            }
        }
    }
}

/// One store: a map from text to bytes. Clones are the same store.
#[derive(Clone, Debug)]
pub struct Store(Engine);

#[derive(Clone, Debug)]
enum Engine {
    Sqlite(sqlite::Store),
    Redis(redis::Store),
}

impl Store {
    /// The name of the engine: `sqlite` or `redis`.
    #[must_use]
    pub fn engine(&self) -> &'static str {
        match &self.0 {
            Engine::Sqlite(_) => "sqlite",
            Engine::Redis(_) => "redis",
        }
    }

    /// The value of a key; `None` if the key does not exist.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn get(&self, key: &str, deadline: Instant) -> Result<Option<Vec<u8>>, Error> {
        check_key(key)?;
        match &self.0 {
            Engine::Sqlite(store) => store.get(key, deadline).await,
            Engine::Redis(store) => store.get(key, deadline).await,
        }
    }

    /// Sets the value of a key, whether or not it exists. In an SQLite file, the value is on the disk when this returns;
    /// on a Redis server, that is for its settings to say.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn set(&self, key: &str, value: Vec<u8>, deadline: Instant) -> Result<(), Error> {
        check_key(key)?;
        check_value(&value)?;
        match &self.0 {
            Engine::Sqlite(store) => store.set(key, value, deadline).await,
            Engine::Redis(store) => store.set(key, &value, deadline).await,
        }
    }

    /// Adds a number to the value of a key, which is a whole number in decimal digits, and returns the sum. A key that does not exist
    /// counts as zero. Of increments at the same time, each counts once.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn increment(&self, key: &str, delta: i64, deadline: Instant) -> Result<i64, Error> {
        check_key(key)?;
        match &self.0 {
            Engine::Sqlite(store) => store.increment(key, delta, deadline).await,
            Engine::Redis(store) => store.increment(key, delta, deadline).await,
        }
    }

    /// Sets the value of a key if its present one is `expected`, where `None` is a key that does not exist. Returns whether it was. Of
    /// swaps of one value at the same time, one succeeds.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn swap(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        value: Vec<u8>,
        deadline: Instant,
    ) -> Result<bool, Error> {
        check_key(key)?;
        check_value(&value)?;
        match &self.0 {
            Engine::Sqlite(store) => store.swap(key, expected, value, deadline).await,
            Engine::Redis(store) => store.swap(key, expected, &value, deadline).await,
        }
    }

    /// Removes a key. It is not an error if the key does not exist.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn delete(&self, key: &str, deadline: Instant) -> Result<(), Error> {
        check_key(key)?;
        match &self.0 {
            Engine::Sqlite(store) => store.delete(key, deadline).await,
            Engine::Redis(store) => store.delete(key, deadline).await,
        }
    }

    /// Whether a key exists.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn exists(&self, key: &str, deadline: Instant) -> Result<bool, Error> {
        check_key(key)?;
        match &self.0 {
            Engine::Sqlite(store) => store.exists(key, deadline).await,
            Engine::Redis(store) => store.exists(key, deadline).await,
        }
    }

    /// All keys, in the order of their bytes. It is an error if the list needs more memory than
    /// [`MAX_KEYS_BYTES`](super::MAX_KEYS_BYTES).
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn keys(&self, deadline: Instant) -> Result<Vec<String>, Error> {
        match &self.0 {
            Engine::Sqlite(store) => store.keys(deadline).await,
            Engine::Redis(store) => store.keys(deadline).await,
        }
    }
}

fn check_key(key: &str) -> Result<(), Error> {
    if key.len() > MAX_KEY_BYTES {
        return Err(Error::KeyTooLong { bytes: key.len() });
    }
    Ok(())
}

fn check_value(value: &[u8]) -> Result<(), Error> {
    if value.len() > MAX_VALUE_BYTES {
        return Err(Error::ValueTooLarge { bytes: value.len() });
    }
    Ok(())
}
