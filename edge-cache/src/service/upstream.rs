//! The service behind the cache, as its caller implements it: it forwards requests and waits. The cache does neither.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body::Body;

use crate::content::ContentBroken;

/// The error of an upstream.
pub trait ForwardError: Clone + From<ContentBroken> {
    /// Whether the origin could not be reached or failed, as opposed to refusing this request: then a stale response may
    /// stand in for it (RFC 9111 §4.2.4, RFC 5861 §4).
    fn is_disconnected(&self) -> bool;
}

/// The service behind the cache, for one request. The cache uses it after the request as well, to validate in the
/// background.
pub trait Upstream: Clone {
    /// The content of requests; the default is none.
    type Content: Default;
    /// The content of responses.
    type Body: Body<Data = Bytes, Error = Self::Error>;
    /// Its error.
    type Error: ForwardError;

    /// Forwards a request. It may be called again, for the same client.
    fn forward(
        &self,
        request: Request<Self::Content>,
    ) -> impl Future<Output = Result<Response<Self::Body>, Self::Error>>;

    /// Resolves after a time.
    fn sleep(&self, time: Duration) -> impl Future<Output = ()>;

    /// The route that a request for this target takes, if the upstream knows it before a forward.
    fn route(&self, target: &Uri) -> Option<Route>;
}

/// A number that the caller chooses for requests whose responses are all cacheable or all not, such as those that one
/// function answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Route(pub u64);
