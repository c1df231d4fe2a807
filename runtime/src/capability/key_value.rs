//! Key-value stores: the bindings to `spin:key-value@3`, `fermyon:spin/key-value@2` and `wasi:keyvalue`.
//! Stores, values and limits are those of [`storage::kv`].

pub(super) mod wasi;

use std::sync::Arc;
use std::time::Instant;

use storage::kv::{Error, Store};
use wasmtime::component::{Accessor, FutureReader, Resource, StreamReader};

use super::bindings::fermyon::spin::key_value as v2;
use super::bindings::spin::key_value::key_value as v3;
use super::current_request::CurrentRequest;
use super::{Capabilities, CapabilitiesView, HasCapabilities};
use crate::clock;
use crate::observe::{KeyValueMetrics, Metrics, Operation};

/// The component was not granted the store.
#[derive(Clone, Copy)]
struct AccessDenied;

/// A store that a component was granted, with the metrics of its calls.
#[derive(Clone, Debug)]
pub struct OpenStore {
    store: Store,
    metrics: Arc<KeyValueMetrics>,
}

/// A store, and the request that calls it. Its functions convert errors for the guest.
struct Caller {
    opened: OpenStore,
    request: CurrentRequest,
}

impl OpenStore {
    /// The store with a label.
    pub(crate) fn new(label: &str, store: Store, metrics: &Metrics) -> Self {
        let metrics = metrics.key_value(label, store.engine());
        Self { store, metrics }
    }
}

impl Capabilities {
    /// The store, if the manifest grants it. A granted label has a store: otherwise the app would not have started.
    fn key_value_store(&self, label: &str) -> Result<OpenStore, AccessDenied> {
        let store = self.grants.key_value_stores.get(label);
        store.cloned().ok_or(AccessDenied)
    }
}

impl Caller {
    async fn get<E: From<Error>>(&self, key: &str) -> Result<Option<Vec<u8>>, E> {
        let get = self.store().get(key, self.deadline());
        self.ask(Operation::Get, get).await
    }

    async fn set<E: From<Error>>(&self, key: &str, value: Vec<u8>) -> Result<(), E> {
        self.hand_on(&value);
        let set = self.store().set(key, value, self.deadline());
        self.ask(Operation::Set, set).await
    }

    async fn delete<E: From<Error>>(&self, key: &str) -> Result<(), E> {
        let delete = self.store().delete(key, self.deadline());
        self.ask(Operation::Delete, delete).await
    }

    async fn exists<E: From<Error>>(&self, key: &str) -> Result<bool, E> {
        let exists = self.store().exists(key, self.deadline());
        self.ask(Operation::Exists, exists).await
    }

    async fn keys<E: From<Error>>(&self) -> Result<Vec<String>, E> {
        let keys = self.store().keys(self.deadline());
        self.ask(Operation::Keys, keys).await
    }

    fn store(&self) -> &Store {
        &self.opened.store
    }

    fn deadline(&self) -> Instant {
        self.request.deadline()
    }

    /// Notes that the guest stores this elsewhere.
    fn hand_on(&self, value: &[u8]) {
        self.request.hand_on(value);
    }

    /// Awaits a call, counts it, reports a failure of the engine, and converts the error for the guest.
    async fn ask<T, E: From<Error>>(
        &self,
        operation: Operation,
        call: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, E> {
        let begun = clock::now();
        let result = self.request.observe(call, Error::engine_failure).await;
        let failure = result.as_ref().err().and_then(Error::engine_failure);
        self.opened.metrics.count(
            operation,
            clock::now().saturating_duration_since(begun),
            failure,
        );
        result.map_err(Into::into)
    }
}

impl CapabilitiesView<'_> {
    fn caller(&self, store: &Resource<OpenStore>) -> wasmtime::Result<Caller> {
        let opened = self.table.get(store)?.clone();
        Ok(self.caller_of(opened))
    }

    fn caller_of(&self, opened: OpenStore) -> Caller {
        let request = self.capabilities.request.clone();
        Caller { opened, request }
    }

    fn open_store(
        &mut self,
        label: &str,
    ) -> wasmtime::Result<Result<Resource<OpenStore>, AccessDenied>> {
        match self.capabilities.key_value_store(label) {
            Ok(store) => Ok(Ok(self.table.push(store)?)),
            Err(error) => Ok(Err(error)),
        }
    }

    fn drop_store(&mut self, store: Resource<OpenStore>) -> wasmtime::Result<()> {
        self.table.delete(store)?;
        Ok(())
    }
}

impl From<AccessDenied> for v3::Error {
    fn from(AccessDenied: AccessDenied) -> Self {
        Self::AccessDenied
    }
}

impl From<Error> for v3::Error {
    fn from(error: Error) -> Self {
        Self::Other(error.to_string())
    }
}

impl From<AccessDenied> for v2::Error {
    fn from(AccessDenied: AccessDenied) -> Self {
        Self::AccessDenied
    }
}

impl From<Error> for v2::Error {
    fn from(error: Error) -> Self {
        Self::Other(error.to_string())
    }
}

type Access<T> = Accessor<T, HasCapabilities>;

/// Finds the store, and releases the wasmtime store, so that the guest's other tasks can run during the call.
fn look_up<T>(accessor: &Access<T>, store: &Resource<OpenStore>) -> wasmtime::Result<Caller> {
    accessor.with(|mut access| access.get().caller(store))
}

impl v3::Host for CapabilitiesView<'_> {}

impl v3::HostStore for CapabilitiesView<'_> {
    async fn drop(&mut self, store: Resource<OpenStore>) -> wasmtime::Result<()> {
        self.drop_store(store)
    }
}

impl<T: 'static> v3::HostStoreWithStore<T> for HasCapabilities {
    async fn open(
        accessor: &Access<T>,
        label: String,
    ) -> wasmtime::Result<Result<Resource<OpenStore>, v3::Error>> {
        Ok(accessor
            .with(|mut access| access.get().open_store(&label))?
            .map_err(Into::into))
    }

    async fn get(
        accessor: &Access<T>,
        store: Resource<OpenStore>,
        key: String,
    ) -> wasmtime::Result<Result<Option<Vec<u8>>, v3::Error>> {
        Ok(look_up(accessor, &store)?.get(&key).await)
    }

    async fn set(
        accessor: &Access<T>,
        store: Resource<OpenStore>,
        key: String,
        value: Vec<u8>,
    ) -> wasmtime::Result<Result<(), v3::Error>> {
        Ok(look_up(accessor, &store)?.set(&key, value).await)
    }

    async fn delete(
        accessor: &Access<T>,
        store: Resource<OpenStore>,
        key: String,
    ) -> wasmtime::Result<Result<(), v3::Error>> {
        Ok(look_up(accessor, &store)?.delete(&key).await)
    }

    async fn exists(
        accessor: &Access<T>,
        store: Resource<OpenStore>,
        key: String,
    ) -> wasmtime::Result<Result<bool, v3::Error>> {
        Ok(look_up(accessor, &store)?.exists(&key).await)
    }

    async fn get_keys(
        accessor: &Access<T>,
        store: Resource<OpenStore>,
    ) -> wasmtime::Result<(StreamReader<String>, FutureReader<Result<(), v3::Error>>)> {
        let (keys, outcome) = match look_up(accessor, &store)?.keys().await {
            Ok(keys) => (keys, Ok(())),
            Err(error) => (Vec::new(), Err(error)),
        };
        accessor.with(|mut access| {
            let keys = StreamReader::new(&mut access, keys)?;
            let outcome =
                FutureReader::new(&mut access, async move { wasmtime::error::Ok(outcome) })?;
            Ok((keys, outcome))
        })
    }
}

impl v2::Host for CapabilitiesView<'_> {}

impl v2::HostStore for CapabilitiesView<'_> {
    async fn open(
        &mut self,
        label: String,
    ) -> wasmtime::Result<Result<Resource<OpenStore>, v2::Error>> {
        Ok(self.open_store(&label)?.map_err(Into::into))
    }

    async fn get(
        &mut self,
        store: Resource<OpenStore>,
        key: String,
    ) -> wasmtime::Result<Result<Option<Vec<u8>>, v2::Error>> {
        Ok(self.caller(&store)?.get(&key).await)
    }

    async fn set(
        &mut self,
        store: Resource<OpenStore>,
        key: String,
        value: Vec<u8>,
    ) -> wasmtime::Result<Result<(), v2::Error>> {
        Ok(self.caller(&store)?.set(&key, value).await)
    }

    async fn delete(
        &mut self,
        store: Resource<OpenStore>,
        key: String,
    ) -> wasmtime::Result<Result<(), v2::Error>> {
        Ok(self.caller(&store)?.delete(&key).await)
    }

    async fn exists(
        &mut self,
        store: Resource<OpenStore>,
        key: String,
    ) -> wasmtime::Result<Result<bool, v2::Error>> {
        Ok(self.caller(&store)?.exists(&key).await)
    }

    async fn get_keys(
        &mut self,
        store: Resource<OpenStore>,
    ) -> wasmtime::Result<Result<Vec<String>, v2::Error>> {
        Ok(self.caller(&store)?.keys().await)
    }

    async fn drop(&mut self, store: Resource<OpenStore>) -> wasmtime::Result<()> {
        self.drop_store(store)
    }
}
