//! Key-value stores through `spin:key-value@3.0.0`.

use spin_sdk::key_value::{self, Error as HostError};

use crate::kv::Error;

pub(crate) struct Store(key_value::Store);

impl Store {
    pub(crate) async fn open(label: &str) -> Result<Self, Error> {
        key_value::Store::open(label).await.map(Self).map_err(error)
    }

    pub(crate) async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        self.0.get(key).await.map_err(error)
    }

    pub(crate) async fn set(&self, key: &str, value: Vec<u8>) -> Result<(), Error> {
        self.0.set(key, value).await.map_err(error)
    }

    pub(crate) async fn delete(&self, key: &str) -> Result<(), Error> {
        self.0.delete(key).await.map_err(error)
    }

    pub(crate) async fn exists(&self, key: &str) -> Result<bool, Error> {
        self.0.exists(key).await.map_err(error)
    }

    pub(crate) async fn keys(&self) -> Result<Vec<String>, Error> {
        self.0.get_keys().await.collect().await.map_err(error)
    }
}

fn error(error: HostError) -> Error {
    match error {
        HostError::AccessDenied => Error::AccessDenied,
        HostError::NoSuchStore => Error::NoSuchStore,
        HostError::StoreTableFull => Error::StoreTableFull,
        HostError::Other(reason) => Error::Storage(reason),
    }
}
