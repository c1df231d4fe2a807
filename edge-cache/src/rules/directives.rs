//! `Cache-Control` in requests and responses (RFC 9111 §5.2), and `Pragma` in requests (§5.4).

mod parse;

use std::time::Duration;

use http::HeaderName;

pub(crate) use parse::delta_seconds;

/// The largest number of seconds that is told apart from a larger one (RFC 9111 §1.2.2).
pub const MAX_DELTA_SECONDS: u64 = 1 << 31;

/// Which fields of a response a directive is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Qualified {
    /// The directive is not there.
    #[default]
    Absent,
    /// The whole response.
    All,
    /// The fields of these names.
    Fields(Vec<HeaderName>),
}

/// What a response says about storing and reusing it (RFC 9111 §5.2.2, RFC 5861, RFC 8246).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResponseDirectives {
    /// §5.2.2.1.
    pub max_age: Option<Duration>,
    /// §5.2.2.10.
    pub s_maxage: Option<Duration>,
    /// RFC 5861 §3.
    pub stale_while_revalidate: Option<Duration>,
    /// RFC 5861 §4.
    pub stale_if_error: Option<Duration>,
    /// §5.2.2.4.
    pub no_cache: Qualified,
    /// §5.2.2.7.
    pub private: Qualified,
    /// §5.2.2.5.
    pub no_store: bool,
    /// §5.2.2.9.
    pub public: bool,
    /// §5.2.2.2.
    pub must_revalidate: bool,
    /// §5.2.2.8.
    pub proxy_revalidate: bool,
    /// §5.2.2.3.
    pub must_understand: bool,
    /// §5.2.2.6.
    pub no_transform: bool,
    /// RFC 8246 §2.
    pub immutable: bool,
}

/// What a request says about the response that it accepts (RFC 9111 §5.2.1, RFC 5861 §4).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestDirectives {
    /// §5.2.1.1.
    pub max_age: Option<Duration>,
    /// §5.2.1.2; `Duration::MAX` where no limit is given.
    pub max_stale: Option<Duration>,
    /// §5.2.1.3.
    pub min_fresh: Option<Duration>,
    /// RFC 5861 §4.
    pub stale_if_error: Option<Duration>,
    /// §5.2.1.4, or `Pragma: no-cache` where there is no `Cache-Control` (§5.4).
    pub no_cache: bool,
    /// §5.2.1.5.
    pub no_store: bool,
    /// §5.2.1.7.
    pub only_if_cached: bool,
}
