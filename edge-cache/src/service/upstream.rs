//! The seam to what is behind the cache: it forwards requests and lets time pass. The cache does neither itself.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body::Body;

use crate::content::ContentBroken;

/// What an upstream fails with.
pub trait ForwardError: Clone + From<ContentBroken> {
    /// Whether the origin could not be reached or failed, as opposed to refusing this request: then a stale response may
    /// stand in for it (RFC 9111 §4.2.4, RFC 5861 §4).
    fn is_disconnected(&self) -> bool;
}

/// What is behind the cache, for one request: the way to whoever answers it. A clone of it validates a stored response when
/// the request is long over.
pub trait Upstream: Clone {
    /// The content of requests; the default is none.
    type Content: Default;
    /// The content of responses.
    type Body: Body<Data = Bytes, Error = Self::Error>;
    /// What it fails with.
    type Error: ForwardError;

    /// Forwards a request. A second call is another request, made on account of the same client.
    fn forward(
        &self,
        request: Request<Self::Content>,
    ) -> impl Future<Output = Result<Response<Self::Body>, Self::Error>>;

    /// Resolves when so much time has passed.
    fn sleep(&self, time: Duration) -> impl Future<Output = ()>;

    /// The route that a request for this target takes, if routes are known before it is forwarded.
    fn route(&self, target: &Uri) -> Option<Route>;
}

/// Requests whose responses are alike in whether they may be stored, as those that one function answers: a number that the
/// caller chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Route(pub u64);
