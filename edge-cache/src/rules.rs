//! The rules of the standards. Each is a function without I/O or clock, in a file named after its subject.

pub mod accept_encoding;
pub mod age;
pub mod cache_status;
pub mod conditional;
pub mod dates;
pub mod directives;
pub mod entity_tag;
pub mod fields;
pub mod freshness;
pub mod groups;
pub mod invalidation;
pub mod key;
mod list;
#[cfg(any(test, fuzzing))]
pub mod properties;
pub mod range;
pub mod reuse;
pub mod selection;
pub mod storing;
pub mod targeted;
#[cfg(test)]
pub(crate) mod testing;
pub mod validation;
pub mod vary;
pub mod weight;

use std::time::Duration;

use directives::ResponseDirectives;
use freshness::FreshnessSource;

/// The rules for the reuse of a response. They are read from its fields when it is stored, so that a hit parses nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// How long it is fresh (RFC 9111 §4.2.1).
    pub freshness_lifetime: Duration,
    /// The source of the lifetime.
    pub source: FreshnessSource,
    /// How long it may be used while it is validated once it is stale (RFC 5861 §3).
    pub stale_while_revalidate: Option<Duration>,
    /// How long it may stand in for failures once it is stale (RFC 5861 §4).
    pub stale_if_error: Option<Duration>,
    /// Whether it is validated before each use (RFC 9111 §5.2.2.4, without field names).
    pub no_cache: bool,
    /// Whether it is never used when stale: `must-revalidate` or `proxy-revalidate` (RFC 9111 §5.2.2.2, §5.2.2.8).
    pub must_revalidate: bool,
    /// Whether it has `s-maxage`, which implies the same unless it names a time to be used stale (RFC 9111 §5.2.2.10).
    pub has_s_maxage: bool,
    /// Whether it does not change while it is fresh (RFC 8246 §2).
    pub immutable: bool,
    /// Whether its content is to stay as it is (RFC 9111 §5.2.2.6).
    pub no_transform: bool,
}

impl Policy {
    /// The policy of a response with these directives.
    #[must_use]
    pub fn new(
        directives: &ResponseDirectives,
        freshness_lifetime: Duration,
        source: FreshnessSource,
    ) -> Self {
        Self {
            freshness_lifetime,
            source,
            stale_while_revalidate: directives.stale_while_revalidate,
            stale_if_error: directives.stale_if_error,
            no_cache: directives.no_cache.is_all(),
            must_revalidate: directives.must_revalidate || directives.proxy_revalidate,
            has_s_maxage: directives.s_maxage.is_some(),
            immutable: directives.immutable,
            no_transform: directives.no_transform,
        }
    }
}
