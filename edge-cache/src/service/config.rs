//! What an installation may choose about its cache.

use std::time::Duration;

use http::HeaderName;

use crate::rules::freshness::NegativeCaching;
use crate::store::StoreConfig;

/// How a [`crate::Cache`] behaves where the standards leave a choice.
#[derive(Clone, Debug)]
pub struct CacheConfig {
    /// Its name in `Cache-Status` (RFC 9211 §2), a token.
    pub name: &'static str,
    /// The targeted fields that it obeys, the most specific first (RFC 9213 §2.2).
    pub target_list: Box<[HeaderName]>,
    /// How long failures are kept that say nothing about it.
    pub negative_caching: NegativeCaching,
    /// How long a response may have been stale to be served when the origin can't be reached and the response does not
    /// say (RFC 9111 §4.2.4).
    pub stale_when_disconnected: Duration,
    /// Whether text is compressed for clients that accept it.
    pub compression: bool,
    /// Where responses are kept.
    pub store: StoreConfig,
}
