//! The choices about storing that the standards leave to a cache.

use http::HeaderName;

use crate::rules::freshness::NegativeCaching;

/// Which responses are stored, as far as the standards leave a choice.
#[derive(Clone, Debug)]
pub struct StoringConfig {
    /// The targeted fields that are obeyed, the most specific first (RFC 9213 §2.2).
    pub target_list: Box<[HeaderName]>,
    /// How long errors without an explicit lifetime are fresh.
    pub negative_caching: NegativeCaching,
    /// Whether responses with `Set-Cookie` are stored.
    pub set_cookie: SetCookie,
}

/// Whether a response with `Set-Cookie` and an explicit lifetime is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SetCookie {
    /// Only if it says that it is for all clients: with `public`, `s-maxage` or a targeted field.
    #[default]
    IfForAll,
    /// Like any other response: RFC 9111 §7.3 allows it.
    Store,
}

impl Default for StoringConfig {
    /// Obeys `CDN-Cache-Control` (RFC 9213 §3.1), and stores errors only with an explicit lifetime.
    fn default() -> Self {
        Self {
            target_list: [HeaderName::from_static("cdn-cache-control")].into(),
            negative_caching: NegativeCaching::default(),
            set_cookie: SetCookie::default(),
        }
    }
}
