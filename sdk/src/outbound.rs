//! Requests to other servers, and to other components at `http://NAME.spin.internal`. `allowed_outbound_hosts` in `spin.toml`
//! grants both. On Terrace and Spin, a URI that is only a path calls the app itself.
//!
//! On Cloudflare every server is allowed, and `[[services]]` in `wrangler.toml` grants components.

use crate::manifest::grant;
use crate::{Body, Request, Response, host};

/// Why a request got no response.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The manifest does not grant that host.
    #[error("access to {0} is denied; {what}", what = grant::host(.0))]
    Denied(String),
    /// The other side could not be reached, or failed before its response began.
    #[error("no answer from {target}: {reason}")]
    Failed {
        /// Scheme and authority of the request.
        target: String,
        /// The reason that the host gives.
        reason: String,
    },
}

/// Sends a request and returns the response as soon as its head arrives. The content follows as a stream.
///
/// If the content is in memory, the request has `Content-Length`; a stream is sent in chunks.
///
/// # Errors
///
/// [`Error::Denied`] without a grant, [`Error::Failed`] if there is no response. A response with an error status is not an
/// error.
pub async fn send<B: Into<Body>>(request: Request<B>) -> Result<Response, Error> {
    host::send(request.map(Into::into)).await
}

/// The name of the other side in errors: without path and query, which may contain secrets.
pub(crate) fn target(request: &Request) -> String {
    let uri = request.uri();
    format!(
        "{}://{}",
        uri.scheme_str().unwrap_or("http"),
        uri.authority().map_or("", |authority| authority.as_str())
    )
}
