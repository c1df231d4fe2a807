//! Key-value stores, granted by `key_value_stores` in `spin.toml`, or by `[[kv_namespaces]]` in `wrangler.toml`.
//!
//! On Cloudflare they are eventually consistent: a write can take a minute to be visible elsewhere.

use crate::host;
use crate::manifest::grant;

/// Why a key-value operation failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The manifest does not grant a store with that label.
    #[error("access to the key-value store {0:?} is denied; {what}", what = grant::store(.0))]
    AccessDenied(String),
    /// The label is granted, but there is no such store.
    #[error("there is no such key-value store")]
    NoSuchStore,
    /// The component has too many open stores.
    #[error("too many open key-value stores")]
    StoreTableFull,
    /// The store failed.
    #[error("the key-value store failed: {0}")]
    Storage(String),
}

/// An open store.
pub struct Store(host::Store);

impl Store {
    /// Opens the store with that label; `default` needs no configuration.
    ///
    /// # Errors
    ///
    /// [`Error::AccessDenied`] without a grant, [`Error::NoSuchStore`] if the host does not know the label.
    pub async fn open(label: &str) -> Result<Self, Error> {
        host::Store::open(label).await.map(Self)
    }

    /// The value of `key`, or `None` if there is none.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`] if the store failed.
    pub async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        self.0.get(key).await
    }

    /// Sets `key`, and replaces its value.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`] if the store failed; the key then has its old value.
    pub async fn set(&self, key: &str, value: impl Into<Vec<u8>>) -> Result<(), Error> {
        self.0.set(key, value.into()).await
    }

    /// Removes `key`; doing so twice is not an error.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`] if the store failed.
    pub async fn delete(&self, key: &str) -> Result<(), Error> {
        self.0.delete(key).await
    }

    /// Whether `key` has a value.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`] if the store failed.
    pub async fn exists(&self, key: &str) -> Result<bool, Error> {
        self.0.exists(key).await
    }

    /// All keys, in no particular order.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`] if the store failed before the last key.
    pub async fn keys(&self) -> Result<Vec<String>, Error> {
        self.0.keys().await
    }
}
