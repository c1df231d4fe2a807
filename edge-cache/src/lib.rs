//! An HTTP shared cache (RFC 9111) in front of any service.
//!
//! The crate knows HTTP and nothing of what answers behind it. It does no I/O, spawns nothing and reads no clock: what
//! is to be forwarded, the time, and the tasks that outlive a request are its caller's.
//!
//! Where to look:
//!
//! - [`rules`]: what the standards say, each rule a function without I/O or clock, named after it.
//! - [`store`]: where responses are kept: bounded in bytes, with an admission filter, and purged by URL, prefix and group.
//! - [`Cache::handle`]: a request's way.
//! - [`Cache::with_shared_level`]: a second level that several caches share, whose purges reach all of them.
//! - [`Content`]: a body that is read by many while it still arrives.
//! - [`StoredResponse`]: what is kept of one exchange.

mod collapse;
mod content;
mod encoding;
mod read_mostly;
pub mod rules;
mod service;
mod statistics;
pub mod store;
mod stored_response;
mod time;
mod turns;

pub use content::{
    CONTENT_LAG_BYTES, CONTENT_WINDOW_BYTES, Content, ContentBroken, ContentReader, ContentWriter,
};
pub use service::limits;
pub use service::{
    Asked, Cache, CacheBody, CacheConfig, DEFAULT_CAPACITY_BYTES, DEFAULT_STALE_WHEN_DISCONNECTED,
    Deadline, ForwardError, Passing, Route, Served, StoreOverride, Upstream, Way,
};
pub use statistics::Statistics;
pub use stored_response::{Representation, StoredResponse};
pub use time::{Clock, Moment};
