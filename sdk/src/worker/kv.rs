//! Key-value stores on Workers KV.

use worker::kv::KvStore;
use worker::wasm_bindgen::JsValue;

use crate::kv::Error;
use crate::manifest::wrangler::store_binding;

pub(crate) struct Store(KvStore);

impl Store {
    pub(crate) async fn open(label: &str) -> Result<Self, Error> {
        let name = store_binding(label);
        let denied = || Error::AccessDenied(label.to_owned());
        super::binding(&name).ok_or_else(denied)?;
        super::with_env(|env| KvStore::from_this(env, &name).map(Self))
            .ok_or_else(denied)?
            .map_err(error)
    }

    pub(crate) async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        self.0.get(key).bytes().await.map_err(error)
    }

    pub(crate) async fn set(&self, key: &str, value: Vec<u8>) -> Result<(), Error> {
        let put = self.0.put_bytes(key, &value).map_err(error)?;
        put.execute().await.map_err(error)
    }

    pub(crate) async fn delete(&self, key: &str) -> Result<(), Error> {
        self.0.delete(key).await.map_err(error)
    }

    /// Requests the value as a stream and does not read it, because Workers KV cannot only check whether a key exists.
    pub(crate) async fn exists(&self, key: &str) -> Result<bool, Error> {
        let Some(content) = self.0.get(key).stream().await.map_err(error)? else {
            return Ok(false);
        };
        drop(content.cancel());
        Ok(true)
    }

    pub(crate) async fn keys(&self) -> Result<Vec<String>, Error> {
        let mut keys = Vec::new();
        let mut page = self.0.list().execute().await.map_err(error)?;
        loop {
            keys.extend(page.keys.into_iter().map(|key| key.name));
            let Some(cursor) = page.cursor.filter(|_| !page.list_complete) else {
                return Ok(keys);
            };
            page = self
                .0
                .list()
                .cursor(cursor)
                .execute()
                .await
                .map_err(error)?;
        }
    }
}

fn error(error: impl Into<JsValue>) -> Error {
    Error::Storage(super::describe(&error.into()))
}
