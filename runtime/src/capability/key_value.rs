//! Key-value stores: the bindings to `spin:key-value@3`, `fermyon:spin/key-value@2` and `wasi:keyvalue`.
//! Stores, values and limits are those of [`storage::kv`].

pub(super) mod wasi;

use storage::kv::{Error, Store};
use wasmtime::component::{Accessor, FutureReader, Resource, StreamReader};

use super::bindings::fermyon::spin::key_value as v2;
use super::bindings::spin::key_value::key_value as v3;
use super::current_request::CurrentRequest;
use super::{Capabilities, CapabilitiesView, HasCapabilities};

/// The component was not granted the store.
#[derive(Clone, Copy)]
struct AccessDenied;

impl Capabilities {
    /// The store, if the manifest grants it. A granted label has a store: otherwise the app would not have started.
    fn key_value_store(&self, label: &str) -> Result<Store, AccessDenied> {
        let store = self.grants.key_value_stores.get(label);
        store.cloned().ok_or(AccessDenied)
    }
}

impl CurrentRequest {
    /// Awaits a call, reports a failure of the engine, and converts the error for the guest.
    async fn ask<T, E: From<Error>>(
        &self,
        call: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, E> {
        let result = self.observe(call, Error::engine_failure).await;
        result.map_err(Into::into)
    }
}

impl CapabilitiesView<'_> {
    fn store(&self, store: &Resource<Store>) -> wasmtime::Result<(Store, CurrentRequest)> {
        let store = self.table.get(store)?.clone();
        Ok((store, self.capabilities.request.clone()))
    }

    fn open_store(
        &mut self,
        label: &str,
    ) -> wasmtime::Result<Result<Resource<Store>, AccessDenied>> {
        match self.capabilities.key_value_store(label) {
            Ok(store) => Ok(Ok(self.table.push(store)?)),
            Err(error) => Ok(Err(error)),
        }
    }

    fn drop_store(&mut self, store: Resource<Store>) -> wasmtime::Result<()> {
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
    store: &Resource<Store>,
) -> wasmtime::Result<(Store, CurrentRequest)> {
    accessor.with(|mut access| access.get().store(store))
}

impl v3::Host for CapabilitiesView<'_> {}

impl v3::HostStore for CapabilitiesView<'_> {
    async fn drop(&mut self, store: Resource<Store>) -> wasmtime::Result<()> {
        self.drop_store(store)
    }
}

impl<T: 'static> v3::HostStoreWithStore<T> for HasCapabilities {
    async fn open(
        accessor: &Access<T>,
        label: String,
    ) -> wasmtime::Result<Result<Resource<Store>, v3::Error>> {
        Ok(accessor
            .with(|mut access| access.get().open_store(&label))?
            .map_err(Into::into))
    }

    async fn get(
        accessor: &Access<T>,
        store: Resource<Store>,
        key: String,
    ) -> wasmtime::Result<Result<Option<Vec<u8>>, v3::Error>> {
        let (store, request) = look_up(accessor, &store)?;
        Ok(request.ask(store.get(&key, request.deadline())).await)
    }

    async fn set(
        accessor: &Access<T>,
        store: Resource<Store>,
        key: String,
        value: Vec<u8>,
    ) -> wasmtime::Result<Result<(), v3::Error>> {
        let (store, request) = look_up(accessor, &store)?;
        request.hand_on(&value);
        Ok(request
            .ask(store.set(&key, value, request.deadline()))
            .await)
    }

    async fn delete(
        accessor: &Access<T>,
        store: Resource<Store>,
        key: String,
    ) -> wasmtime::Result<Result<(), v3::Error>> {
        let (store, request) = look_up(accessor, &store)?;
        Ok(request.ask(store.delete(&key, request.deadline())).await)
    }

    async fn exists(
        accessor: &Access<T>,
        store: Resource<Store>,
        key: String,
    ) -> wasmtime::Result<Result<bool, v3::Error>> {
        let (store, request) = look_up(accessor, &store)?;
        Ok(request.ask(store.exists(&key, request.deadline())).await)
    }

    async fn get_keys(
        accessor: &Access<T>,
        store: Resource<Store>,
    ) -> wasmtime::Result<(StreamReader<String>, FutureReader<Result<(), v3::Error>>)> {
        let (store, request) = look_up(accessor, &store)?;
        let (keys, outcome) = match request.ask(store.keys(request.deadline())).await {
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
    ) -> wasmtime::Result<Result<Resource<Store>, v2::Error>> {
        Ok(self.open_store(&label)?.map_err(Into::into))
    }

    async fn get(
        &mut self,
        store: Resource<Store>,
        key: String,
    ) -> wasmtime::Result<Result<Option<Vec<u8>>, v2::Error>> {
        let (store, request) = self.store(&store)?;
        Ok(request.ask(store.get(&key, request.deadline())).await)
    }

    async fn set(
        &mut self,
        store: Resource<Store>,
        key: String,
        value: Vec<u8>,
    ) -> wasmtime::Result<Result<(), v2::Error>> {
        let (store, request) = self.store(&store)?;
        request.hand_on(&value);
        Ok(request
            .ask(store.set(&key, value, request.deadline()))
            .await)
    }

    async fn delete(
        &mut self,
        store: Resource<Store>,
        key: String,
    ) -> wasmtime::Result<Result<(), v2::Error>> {
        let (store, request) = self.store(&store)?;
        Ok(request.ask(store.delete(&key, request.deadline())).await)
    }

    async fn exists(
        &mut self,
        store: Resource<Store>,
        key: String,
    ) -> wasmtime::Result<Result<bool, v2::Error>> {
        let (store, request) = self.store(&store)?;
        Ok(request.ask(store.exists(&key, request.deadline())).await)
    }

    async fn get_keys(
        &mut self,
        store: Resource<Store>,
    ) -> wasmtime::Result<Result<Vec<String>, v2::Error>> {
        let (store, request) = self.store(&store)?;
        Ok(request.ask(store.keys(request.deadline())).await)
    }

    async fn drop(&mut self, store: Resource<Store>) -> wasmtime::Result<()> {
        self.drop_store(store)
    }
}
