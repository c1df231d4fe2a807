//! Variables: `spin:variables@3` and `fermyon:spin/variables@2`.

use wasmtime::component::{Accessor, HasSelf};

use super::Capabilities;
use super::bindings::fermyon::spin::variables as v2;
use super::bindings::spin::variables::variables as v3;
use crate::host::Host;
use crate::variables::LookupError;

impl Capabilities {
    fn variable(&self, name: &str) -> Result<String, LookupError> {
        self.grants.variables.get(name).map(str::to_owned)
    }
}

impl v3::Host for Host {}

impl v3::HostWithStore<Host> for HasSelf<Host> {
    async fn get(
        accessor: &Accessor<Host, Self>,
        name: String,
    ) -> wasmtime::Result<Result<String, v3::Error>> {
        let value = accessor.with(|mut access| access.get().capabilities.variable(&name));
        Ok(value.map_err(|error| match error {
            LookupError::InvalidName(name) => v3::Error::InvalidName(name),
            LookupError::Undefined(name) => v3::Error::Undefined(name),
        }))
    }
}

impl v2::Host for Host {
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
