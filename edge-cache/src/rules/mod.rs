//! What the standards say, each rule a function without I/O or clock, in a file named after what it is about.

pub mod accept_encoding;
pub mod age;
pub mod cache_status;
pub mod conditional;
pub mod dates;
pub mod directives;
pub mod fields;
pub mod freshness;
pub mod groups;
pub mod invalidation;
pub mod key;
pub mod range;
pub mod reuse;
pub mod selection;
pub mod storing;
pub mod targeted;
#[cfg(test)]
pub(crate) mod testing;
pub mod validation;
pub mod vary;

use std::time::Duration;

use http::HeaderName;

use directives::ResponseDirectives;

/// What a response's fields say about storing and reusing it, judged once, when it is stored.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The directives that count, be they those of `Cache-Control` or of a targeted field.
    pub directives: ResponseDirectives,
    /// How long it is fresh (RFC 9111 §4.2.1).
    pub freshness_lifetime: Duration,
}

impl Policy {
    /// The fields that are not stored, for lack of permission to use them again (RFC 9111 §5.2.2.4, §5.2.2.7).
    #[must_use]
    pub fn excluded_fields(&self) -> Vec<HeaderName> {
        let Self { directives, .. } = self;
        [directives.private.fields(), directives.no_cache.fields()].concat()
    }
}
