//! The WASI target: the interfaces of spin-sdk 7, which Terrace and Spin provide.

mod blocking;
mod http;
mod kv;
mod outbound;
mod queue;
mod sql;

pub use http::serve;
pub(crate) use kv::Store;
pub(crate) use outbound::send;
pub(crate) use queue::enqueue;
pub(crate) use sql::Connection;

pub(crate) use crate::sql::transaction::{batch, migrate};

use std::io::Write;

use spin_sdk::variables::Error as VariableError;

use crate::variables;

pub(crate) async fn variable(name: &str) -> Result<String, variables::Error> {
    spin_sdk::variables::get(name)
        .await
        .map_err(|error| match error {
            VariableError::Undefined(_) => variables::Error::Undefined(name.to_owned()),
            VariableError::InvalidName(_) => variables::Error::InvalidName(name.to_owned()),
            VariableError::Provider(reason) | VariableError::Other(reason) => {
                variables::Error::Provider(reason)
            }
        })
}

/// Ignores failures: there is no other place to report them, and they must not fail the request.
pub(crate) fn write_log(line: &str) {
    _ = std::io::stderr().write_all(line.as_bytes());
}
