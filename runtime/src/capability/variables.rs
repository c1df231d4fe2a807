//! Variables: the bindings to `spin:variables@3`, `fermyon:spin/variables@2` and both drafts of `wasi:config/store`.
//! Names and values are those of [`crate::variables`].

use wasmtime::component::Accessor;

use super::bindings::fermyon::spin::variables as v2;
use super::bindings::spin::variables::variables as v3;
use super::bindings::wasi::config0_2_0_draft_2024_09_27::store as config_draft;
use super::bindings::wasi::config0_2_0_rc_1::store as config_rc;
use super::{Capabilities, CapabilitiesView, HasCapabilities};
use crate::variables::LookupError;

impl Capabilities {
    fn variable(&self, name: &str) -> Result<String, LookupError> {
        self.grants.variables.get(name).map(str::to_owned)
    }

    fn all_variables(&self) -> Vec<(String, String)> {
        let all = self.grants.variables.iter();
        all.map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }
}

impl v3::Host for CapabilitiesView<'_> {}

impl<T: 'static> v3::HostWithStore<T> for HasCapabilities {
    async fn get(
        accessor: &Accessor<T, Self>,
        name: String,
    ) -> wasmtime::Result<Result<String, v3::Error>> {
        let value = accessor.with(|mut access| access.get().capabilities.variable(&name));
        Ok(value.map_err(|error| match error {
            LookupError::InvalidName(name) => v3::Error::InvalidName(name),
            LookupError::Undefined(name) => v3::Error::Undefined(name),
        }))
    }
}

impl v2::Host for CapabilitiesView<'_> {
    async fn get(&mut self, name: String) -> wasmtime::Result<Result<String, v2::Error>> {
        Ok(self
            .capabilities
            .variable(&name)
            .map_err(|error| match error {
                LookupError::InvalidName(name) => v2::Error::InvalidName(name),
                LookupError::Undefined(name) => v2::Error::Undefined(name),
            }))
    }
}

/// The two drafts differ only in their version.
macro_rules! configuration {
    ($draft:ident) => {
        impl $draft::Host for CapabilitiesView<'_> {
            /// As on Spin, a key that is no valid name of a variable counts as absent.
            async fn get(
                &mut self,
                key: String,
            ) -> wasmtime::Result<Result<Option<String>, $draft::Error>> {
                Ok(Ok(self.capabilities.variable(&key).ok()))
            }

            async fn get_all(
                &mut self,
            ) -> wasmtime::Result<Result<Vec<(String, String)>, $draft::Error>> {
                Ok(Ok(self.capabilities.all_variables()))
            }
        }
    };
}

configuration!(config_draft);
configuration!(config_rc);
