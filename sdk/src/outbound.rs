//! Requests to other servers, granted by `allowed_outbound_hosts` in `spin.toml`, and to other components, which are
//! `http://NAME.spin.internal`.
//!
//! On Cloudflare every server is allowed, and components are granted by `[[services]]` in `wrangler.toml`.

use crate::manifest::grant;
use crate::{Body, Request, Response, host};

/// Why a request got no response.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The component may not talk to that host.
    #[error("access to {0} is denied; {what}", what = grant::host(.0))]
    Denied(String),
    /// The other side could not be reached, or failed before it answered.
    #[error("no answer from {target}: {reason}")]
    Failed {
        /// Scheme and authority of the request.
        target: String,
        /// What the host reports.
        reason: String,
    },
}

/// Sends a request and gives the response as soon as its head is there; the content follows as a stream.
///
/// # Errors
///
/// [`Error::Denied`] without a grant, [`Error::Failed`] if there is no response. A response with an error
/// status is a response.
pub async fn send<B: Into<Body>>(request: Request<B>) -> Result<Response, Error> {
    host::send(request.map(Into::into)).await
}

/// How errors name the other side: without path and query, which may hold secrets.
pub(crate) fn target(request: &Request) -> String {
    let uri = request.uri();
    format!(
        "{}://{}",
        uri.scheme_str().unwrap_or("http"),
        uri.authority().map_or("", |authority| authority.as_str())
    )
}
