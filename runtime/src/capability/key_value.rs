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

/// A request that calls a store.
struct Caller {
    request: CurrentRequest,
    metrics: Arc<KeyValueMetrics>,
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
        self.metrics.count(
            operation,
            clock::now().saturating_duration_since(begun),
            failure,
        );
        result.map_err(Into::into)
    }
}

impl CapabilitiesView<'_> {
    fn store(&self, store: &Resource<OpenStore>) -> wasmtime::Result<(Store, Caller)> {
        let OpenStore { store, metrics } = self.table.get(store)?.clone();
        let request = self.capabilities.request.clone();
        Ok((store, Caller { request, metrics }))
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
fn look_up<T>(
    accessor: &Access<T>,
    store: &Resource<OpenStore>,
) -> wasmtime::Result<(Store, Caller)> {
    accessor.with(|mut access| access.get().store(store))
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
        let (store, caller) = look_up(accessor, &store)?;
        Ok(caller
            .ask(Operation::Get, store.get(&key, caller.deadline()))
            .await)
    }

    async fn set(
        accessor: &Access<T>,
        store: Resource<OpenStore>,
        key: String,
        value: Vec<u8>,
    ) -> wasmtime::Result<Result<(), v3::Error>> {
        let (store, caller) = look_up(accessor, &store)?;
        caller.hand_on(&value);
        Ok(caller
            .ask(Operation::Set, store.set(&key, value, caller.deadline()))
            .await)
    }

    async fn delete(
        accessor: &Access<T>,
        store: Resource<OpenStore>,
        key: String,
    ) -> wasmtime::Result<Result<(), v3::Error>> {
        let (store, caller) = look_up(accessor, &store)?;
        Ok(caller
            .ask(Operation::Delete, store.delete(&key, caller.deadline()))
            .await)
    }

    async fn exists(
        accessor: &Access<T>,
        store: Resource<OpenStore>,
        key: String,
    ) -> wasmtime::Result<Result<bool, v3::Error>> {
        let (store, caller) = look_up(accessor, &store)?;
        Ok(caller
            .ask(Operation::Exists, store.exists(&key, caller.deadline()))
            .await)
    }

    async fn get_keys(
        accessor: &Access<T>,
        store: Resource<OpenStore>,
    ) -> wasmtime::Result<(StreamReader<String>, FutureReader<Result<(), v3::Error>>)> {
        let (store, caller) = look_up(accessor, &store)?;
        let (keys, outcome) = match caller
            .ask(Operation::Keys, store.keys(caller.deadline()))
            .await
        {
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
        let (store, caller) = self.store(&store)?;
        Ok(caller
            .ask(Operation::Get, store.get(&key, caller.deadline()))
            .await)
    }

    async fn set(
        &mut self,
        store: Resource<OpenStore>,
        key: String,
        value: Vec<u8>,
    ) -> wasmtime::Result<Result<(), v2::Error>> {
        let (store, caller) = self.store(&store)?;
        caller.hand_on(&value);
        Ok(caller
            .ask(Operation::Set, store.set(&key, value, caller.deadline()))
            .await)
    }

    async fn delete(
        &mut self,
        store: Resource<OpenStore>,
        key: String,
    ) -> wasmtime::Result<Result<(), v2::Error>> {
        let (store, caller) = self.store(&store)?;
        Ok(caller
            .ask(Operation::Delete, store.delete(&key, caller.deadline()))
            .await)
    }

    async fn exists(
        &mut self,
        store: Resource<OpenStore>,
        key: String,
    ) -> wasmtime::Result<Result<bool, v2::Error>> {
        let (store, caller) = self.store(&store)?;
        Ok(caller
            .ask(Operation::Exists, store.exists(&key, caller.deadline()))
            .await)
    }

    async fn get_keys(
        &mut self,
        store: Resource<OpenStore>,
    ) -> wasmtime::Result<Result<Vec<String>, v2::Error>> {
        let (store, caller) = self.store(&store)?;
        Ok(caller
            .ask(Operation::Keys, store.keys(caller.deadline()))
            .await)
    }

    async fn drop(&mut self, store: Resource<OpenStore>) -> wasmtime::Result<()> {
        self.drop_store(store)
    }
}
