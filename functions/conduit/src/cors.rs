//! Cross-origin requests: front ends have an origin of their own.
//!
//! Any origin may call: the API knows its users by a token that scripts add themselves, never by a cookie
//! that a browser would add for a foreign page.

use terrace_sdk::http::HeaderValue;
use terrace_sdk::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, ALLOW,
    LINK, VARY,
};
use terrace_sdk::{Request, Response};

use crate::reply;

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, DELETE, OPTIONS");

/// Two hours, the longest that Chromium remembers a preflight.
const MAX_AGE_SECONDS: HeaderValue = HeaderValue::from_static("7200");

/// The answer to `OPTIONS`, whatever the path.
///
/// Any request header is allowed. They have to be named: `*` would leave out `Authorization`.
#[must_use]
pub fn preflight(request: &Request) -> Response {
    let mut response = reply::no_content();
    let headers = response.headers_mut();
    headers.insert(ALLOW, METHODS);
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE_SECONDS);
    headers.insert(
        VARY,
        HeaderValue::from_static("Access-Control-Request-Headers"),
    );
    if let Some(wanted) = request.headers().get(ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
    }
    allow(&mut response);
    response
}

/// Lets scripts of any origin read the response, and the field that leads to the next page.
pub fn allow(response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    if headers.contains_key(LINK) {
        headers.insert(
            ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static("Link"),
        );
    }
}
