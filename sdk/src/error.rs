//! The failure of a handler, from any error.
//!
//! If the client should learn the reason, return a response instead of an [`Error`].

use std::fmt::{self, Write};

use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};

use crate::{Body, Response, log};

/// RFC 9457 problem details that say no more than the status.
const INTERNAL_SERVER_ERROR: &str =
    r#"{"type":"about:blank","title":"Internal Server Error","status":500}"#;

/// Why a handler could not answer.
///
/// `?` converts any error into one. The client gets a bare 500. The cause, with its sources, goes to the log only, because it may
/// contain names of tables, hosts or secrets.
pub struct Error(Box<dyn std::error::Error + Send + Sync>);

impl Error {
    /// A failure without an error type of its own.
    pub fn message(message: impl Into<String>) -> Self {
        Self(message.into().into())
    }

    /// Logs the cause and returns the client's response: RFC 9457 problem details with status 500.
    #[must_use]
    pub fn into_problem(self) -> Response {
        log::error(format_args!("the handler failed: {self:?}"));
        let mut response = Response::new(Body::from(INTERNAL_SERVER_ERROR));
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        response.headers_mut().insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        response
    }
}

// `Error` does not implement `std::error::Error` itself: this conversion would overlap with the one from
// `Error` to `Error`.
impl<E> From<E> for Error
where
    E: std::error::Error + Send + Sync + 'static,
{
    fn from(error: E) -> Self {
        Self(Box::new(error))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)?;
        let mut written = self.0.to_string();
        let mut source = self.0.source();
        while let Some(cause) = source {
            let text = cause.to_string();
            // Many errors repeat their source in their own message.
            if !written.contains(&text) {
                write!(formatter, ": {text}")?;
                written.write_str(&text)?;
            }
            source = cause.source();
        }
        Ok(())
    }
}
