//! An HTTP shared cache (RFC 9111) in front of any service.
//!
//! The crate knows HTTP, and nothing about the service behind it. It does no I/O, spawns no tasks and reads no clock: its
//! caller forwards requests, tells the time, and runs the work that outlives a request.
//!
//! Where to look:
//!
//! - [`Cache::lookup`] and [`Pending::forward`]: a request's way.
//! - [`rules`]: the standards' rules, each a function without I/O or clock, named after it.
//! - [`store`]: stored responses, bounded in bytes, with an admission policy; purged by URL, prefix and group.
//! - [`Cache::with_shared_level`]: a second level that several caches share, and whose purges reach all of them.
//! - [`Content`]: a body that many readers read while it still arrives.
//! - [`StoredResponse`]: one stored response.
//! - [`limits`]: every bound, with its unit and reason.
//!
//! ```
//! use std::{pin::Pin, sync::Arc};
//!
//! use edge_cache::{Cache, CacheBody, Lookup, Upstream};
//! use http::{Request, Response};
//!
//! type Work = Pin<Box<dyn Future<Output = ()>>>;
//!
//! async fn serve<U>(
//!     cache: &Arc<Cache>,
//!     request: Request<U::Content>,
//!     upstream: U,
//!     spawn: impl Fn(Work),
//! ) -> Result<Response<CacheBody<U::Body>>, U::Error>
//! where
//!     U: Upstream<Content: 'static, Body: 'static, Error: 'static> + 'static,
//! {
//!     match cache.lookup(request) {
//!         Lookup::Hit(response, _) => Ok(response),
//!         Lookup::Bypass(bypass, request) => {
//!             let response = upstream.forward(request).await?;
//!             let (response, _) = cache.bypassed(&bypass, response);
//!             Ok(response.map(CacheBody::forwarded))
//!         }
//!         Lookup::Forward(pending) => {
//!             let served = pending.forward(upstream).await?;
//!             if let Some(work) = served.background {
//!                 spawn(Box::pin(work));
//!             }
//!             Ok(served.response)
//!         }
//!     }
//! }
//! ```

mod collapse;
mod content;
mod encoding;
pub mod limits;
mod read_mostly;
pub mod rules;
mod service;
mod statistics;
pub mod store;
mod stored_response;
mod time;
mod yielding;

pub use content::{Content, ContentBroken, ContentReader, ContentWriter};
pub use service::{
    Bypass, Cache, CacheBody, CacheConfig, Deadline, ForwardError, Lookup, Pending, Route, Served,
    StoreOverride, Told, Upstream,
};
pub use statistics::Statistics;
pub use stored_response::{Representation, StoredResponse};
pub use time::{Clock, Moment};
