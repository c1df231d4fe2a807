//! Key-value stores through `spin:key-value@3.0.0`.

use spin_sdk::key_value::{self, Error as HostError};

use crate::kv::Error;

pub(crate) struct Store {
    store: key_value::Store,
    label: String,
}

impl Store {
    pub(crate) async fn open(label: &str) -> Result<Self, Error> {
        let store = key_value::Store::open(label).await;
        Ok(Self {
            store: store.map_err(error(label))?,
            label: label.to_owned(),
        })
    }

    pub(crate) async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        self.store.get(key).await.map_err(error(&self.label))
    }

    pub(crate) async fn set(&self, key: &str, value: Vec<u8>) -> Result<(), Error> {
        self.store.set(key, value).await.map_err(error(&self.label))
    }

    pub(crate) async fn delete(&self, key: &str) -> Result<(), Error> {
        self.store.delete(key).await.map_err(error(&self.label))
    }

    pub(crate) async fn exists(&self, key: &str) -> Result<bool, Error> {
        self.store.exists(key).await.map_err(error(&self.label))
    }

    pub(crate) async fn keys(&self) -> Result<Vec<String>, Error> {
        self.store
            .get_keys()
            .await
            .collect()
            .await
            .map_err(error(&self.label))
    }
}

/// Converts a failure of the host, for the store with that label.
fn error(label: &str) -> impl Fn(HostError) -> Error {
    move |error| match error {
        HostError::AccessDenied => Error::AccessDenied(label.to_owned()),
        HostError::NoSuchStore => Error::NoSuchStore,
        HostError::StoreTableFull => Error::StoreTableFull,
        HostError::Other(reason) => Error::Storage(reason),
    }
}
