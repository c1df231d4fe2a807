//! What an installation may choose about its cache.

use std::num::NonZeroUsize;
use std::time::Duration;

use crate::rules::storing::StoringConfig;
use crate::store::StoreConfig;

/// How a [`crate::Cache`] behaves where the standards leave a choice.
#[derive(Clone, Debug)]
pub struct CacheConfig {
    /// Its name in `Cache-Status` (RFC 9211 §2), a token.
    pub name: &'static str,
    /// Which responses are stored.
    pub storing: StoringConfig,
    /// How long a response may have been stale to be served when the origin can't be reached and the response does not
    /// say (RFC 9111 §4.2.4).
    pub stale_when_disconnected: Duration,
    /// Whether text is compressed for clients that accept it.
    pub compression: bool,
    /// Where responses are kept.
    pub store: StoreConfig,
}

/// How much memory the store takes where nothing is said: room for some ten thousand pages.
pub const DEFAULT_CAPACITY_BYTES: u64 = 256 * 1024 * 1024;

/// How long a response may have been stale to stand in for an origin that can't be reached, where it does not say so
/// itself: long enough for somebody to notice and mend it.
pub const DEFAULT_STALE_WHEN_DISCONNECTED: Duration = Duration::from_secs(60 * 60);

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
