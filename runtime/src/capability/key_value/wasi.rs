//! The bindings to `wasi:keyvalue@0.2.0-draft2`: stores, atomic calls, and calls for many keys.
//! Labels, grants and errors are those of the other interfaces.

use storage::kv::Error;
use wasmtime::component::Resource;

use super::{AccessDenied, OpenStore};
use crate::capability::bindings::wasi::keyvalue::atomics::{CasError, Host, HostCas};
use crate::capability::bindings::wasi::keyvalue::{batch, store};
use crate::capability::{Capabilities, CapabilitiesView};
use crate::limits::MAX_SWAP_BYTES;
use crate::observe::Operation;

/// A value as it was read, which the guest may swap for another.
#[expect(unreachable_pub, reason = "generated code names it")]
pub struct Swap {
    store: OpenStore,
    key: String,
    value: Option<Vec<u8>>,
}

impl Swap {
    fn bytes(&self) -> usize {
        self.key.len() + self.value.as_ref().map_or(0, Vec::len)
    }
}

impl From<AccessDenied> for store::Error {
    fn from(AccessDenied: AccessDenied) -> Self {
        Self::AccessDenied
    }
}

impl From<Error> for store::Error {
    fn from(error: Error) -> Self {
        Self::Other(error.to_string())
    }
}

impl Capabilities {
    /// Makes room for a value in the host's memory.
    fn hold(&mut self, swap: &Swap) -> Result<(), store::Error> {
        let bytes = self.swap_bytes + swap.bytes();
        if bytes > MAX_SWAP_BYTES {
            let words = format!(
                "the values to swap take more than {} MiB together; drop handles that are not needed",
                MAX_SWAP_BYTES / 1024 / 1024
            );
            return Err(store::Error::Other(words));
        }
        self.swap_bytes = bytes;
        Ok(())
    }
}

impl CapabilitiesView<'_> {
    /// Reads a value that may be swapped.
    async fn begin_swap(
        &mut self,
        opened: OpenStore,
        key: String,
    ) -> wasmtime::Result<Result<Resource<Swap>, store::Error>> {
        let caller = self.caller_of(opened);
        let value = match caller.get(&key).await {
            Ok(value) => value,
            Err(error) => return Ok(Err(error)),
        };
        let swap = Swap {
            store: caller.opened,
            key,
            value,
        };
        match self.capabilities.hold(&swap) {
            Ok(()) => Ok(Ok(self.table.push(swap)?)),
            Err(error) => Ok(Err(error)),
        }
    }

    fn end_swap(&mut self, swap: Resource<Swap>) -> wasmtime::Result<Swap> {
        let swap = self.table.delete(swap)?;
        self.capabilities.swap_bytes -= swap.bytes();
        Ok(swap)
    }
}

impl store::Host for CapabilitiesView<'_> {
    async fn open(
        &mut self,
        identifier: String,
    ) -> wasmtime::Result<Result<Resource<OpenStore>, store::Error>> {
        Ok(self.open_store(&identifier)?.map_err(Into::into))
    }
}

impl store::HostBucket for CapabilitiesView<'_> {
    async fn get(
        &mut self,
        bucket: Resource<OpenStore>,
        key: String,
    ) -> wasmtime::Result<Result<Option<Vec<u8>>, store::Error>> {
        Ok(self.caller(&bucket)?.get(&key).await)
    }

    async fn set(
        &mut self,
        bucket: Resource<OpenStore>,
        key: String,
        value: Vec<u8>,
    ) -> wasmtime::Result<Result<(), store::Error>> {
        Ok(self.caller(&bucket)?.set(&key, value).await)
    }

    async fn delete(
        &mut self,
        bucket: Resource<OpenStore>,
        key: String,
    ) -> wasmtime::Result<Result<(), store::Error>> {
        Ok(self.caller(&bucket)?.delete(&key).await)
    }

    async fn exists(
        &mut self,
        bucket: Resource<OpenStore>,
        key: String,
    ) -> wasmtime::Result<Result<bool, store::Error>> {
        Ok(self.caller(&bucket)?.exists(&key).await)
    }

    /// As on Spin, all keys come at once, so there is no cursor to go on from.
    async fn list_keys(
        &mut self,
        bucket: Resource<OpenStore>,
        cursor: Option<String>,
    ) -> wasmtime::Result<Result<store::KeyResponse, store::Error>> {
        if cursor.is_some() {
            let words = "no answer of this store has a cursor".to_owned();
            return Ok(Err(store::Error::Other(words)));
        }
        let keys = self.caller(&bucket)?.keys().await;
        Ok(keys.map(|keys| store::KeyResponse { keys, cursor: None }))
    }

    async fn drop(&mut self, bucket: Resource<OpenStore>) -> wasmtime::Result<()> {
        self.drop_store(bucket)
    }
}

impl Host for CapabilitiesView<'_> {
    async fn increment(
        &mut self,
        bucket: Resource<OpenStore>,
        key: String,
        delta: i64,
    ) -> wasmtime::Result<Result<i64, store::Error>> {
        let caller = self.caller(&bucket)?;
        let increment = caller.store().increment(&key, delta, caller.deadline());
        Ok(caller.ask(Operation::Increment, increment).await)
    }

    async fn swap(
        &mut self,
        cas: Resource<Swap>,
        value: Vec<u8>,
    ) -> wasmtime::Result<Result<(), CasError>> {
        let Swap {
            store: opened,
            key,
            value: expected,
        } = self.end_swap(cas)?;
        let caller = self.caller_of(opened);
        caller.hand_on(&value);
        let (store, deadline) = (caller.store(), caller.deadline());
        let swap = store.swap(&key, expected.as_deref(), value, deadline);
        let is_swapped: Result<bool, store::Error> = caller.ask(Operation::Swap, swap).await;
        match is_swapped {
            Ok(true) => return Ok(Ok(())),
            Ok(false) => {}
            Err(error) => return Ok(Err(CasError::StoreError(error))),
        }
        drop(expected);
        let fresh = self.begin_swap(caller.opened, key).await?;
        Ok(Err(
            fresh.map_or_else(CasError::StoreError, CasError::CasFailed)
        ))
    }
}

impl HostCas for CapabilitiesView<'_> {
    async fn new(
        &mut self,
        bucket: Resource<OpenStore>,
        key: String,
    ) -> wasmtime::Result<Result<Resource<Swap>, store::Error>> {
        let opened = self.table.get(&bucket)?.clone();
        self.begin_swap(opened, key).await
    }

    async fn current(
        &mut self,
        cas: Resource<Swap>,
    ) -> wasmtime::Result<Result<Option<Vec<u8>>, store::Error>> {
        Ok(Ok(self.table.get(&cas)?.value.clone()))
    }

    async fn drop(&mut self, cas: Resource<Swap>) -> wasmtime::Result<()> {
        self.end_swap(cas).map(drop)
    }
}

impl batch::Host for CapabilitiesView<'_> {
    async fn get_many(
        &mut self,
        bucket: Resource<OpenStore>,
        keys: Vec<String>,
    ) -> wasmtime::Result<Result<Vec<(String, Option<Vec<u8>>)>, store::Error>> {
        let caller = self.caller(&bucket)?;
        let values = caller.ask(
            Operation::Get,
            caller.store().get_many(&keys, caller.deadline()),
        );
        Ok(values
            .await
            .map(|values| keys.into_iter().zip(values).collect()))
    }

    async fn set_many(
        &mut self,
        bucket: Resource<OpenStore>,
        key_values: Vec<(String, Vec<u8>)>,
    ) -> wasmtime::Result<Result<(), store::Error>> {
        let caller = self.caller(&bucket)?;
        for (_, value) in &key_values {
            caller.hand_on(value);
        }
        let set = caller.store().set_many(key_values, caller.deadline());
        Ok(caller.ask(Operation::Set, set).await)
    }

    async fn delete_many(
        &mut self,
        bucket: Resource<OpenStore>,
        keys: Vec<String>,
    ) -> wasmtime::Result<Result<(), store::Error>> {
        let caller = self.caller(&bucket)?;
        let delete = caller.store().delete_many(&keys, caller.deadline());
        Ok(caller.ask(Operation::Delete, delete).await)
    }
}
