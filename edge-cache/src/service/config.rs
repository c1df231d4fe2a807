//! The choices that the standards leave to a cache.

use std::num::NonZeroUsize;
use std::time::Duration;

use crate::limits::{DEFAULT_CAPACITY_BYTES, DEFAULT_STALE_WHEN_DISCONNECTED};
use crate::rules::storing::StoringConfig;
use crate::store::StoreConfig;

/// How a [`crate::Cache`] behaves.
#[derive(Clone, Debug)]
pub struct CacheConfig {
    /// Its name in `Cache-Status` (RFC 9211 §2), a token.
    pub name: &'static str,
    /// Which responses are stored.
    pub storing: StoringConfig,
    /// How long a response may have been stale to be served when the origin can't be reached, unless the response says
    /// otherwise (RFC 9111 §4.2.4).
    pub stale_when_disconnected: Duration,
    /// Whether text is compressed for clients that accept it.
    pub compression: bool,
    /// Where responses are kept.
    pub store: StoreConfig,
}

impl Default for CacheConfig {
    fn default() -> Self {
        Self {
            name: "edge-cache",
            storing: StoringConfig::default(),
            stale_when_disconnected: DEFAULT_STALE_WHEN_DISCONNECTED,
            compression: true,
            store: StoreConfig::new(DEFAULT_CAPACITY_BYTES, NonZeroUsize::MIN),
        }
    }
}
