//! What the standards say, each rule a function without I/O or clock, in a file named after what it is about.

pub mod groups;
pub mod key;
pub mod vary;

use std::time::Duration;

/// What a response's fields say about storing and reusing it, judged once, when it is stored.
#[derive(Clone, Debug)]
pub struct Policy {
    /// How long it is fresh (RFC 9111 §4.2.1).
    pub freshness_lifetime: Duration,
}
