//! The ways in which a key-value store can fail.
//! Turning them into the errors of an interface is left to the capability that offers it.

use super::limits::{MAX_KEY_BYTES, MAX_VALUE_BYTES};
use crate::sql;

/// Why a call failed. It changed nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The installation has no store of that label. The operator's mistake; trying again is pointless.
    #[error(
        "there is no key-value store labelled {label:?}; stores are named in terrace.toml as [kv.{label}]"
    )]
    NoSuchStore {
        /// The label that was asked for.
        label: String,
    },
    /// The component was not granted the store. The app's mistake; trying again is pointless.
    #[error(
        "this component may not use the key-value store {label:?}; add it to the component's \
         key_value_stores in spin.toml"
    )]
    AccessDenied {
        /// The label that was asked for.
        label: String,
    },
    /// The key is too long. The guest's mistake.
    #[error("the key has {bytes} bytes; at most {MAX_KEY_BYTES} are accepted")]
    KeyTooLong {
        /// The length of the key.
        bytes: usize,
    },
    /// The value is too large. The guest's mistake.
    #[error("the value has {bytes} bytes; at most {MAX_VALUE_BYTES} are accepted")]
    ValueTooLarge {
        /// The size of the value.
        bytes: usize,
    },
    /// The database behind the store failed; its variants say whose fault it is.
    #[error(transparent)]
    Database(#[from] sql::Error),
}
