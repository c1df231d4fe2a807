//! Why a request fails, and the response that says so: `{"errors": {"field": ["reason"]}}`.
//!
//! Each reason becomes a status in one place, below.

use std::collections::BTreeMap;

use serde::Serialize;
use terrace_sdk::http::header::ALLOW;
use terrace_sdk::http::{HeaderValue, StatusCode};
use terrace_sdk::{Error, IntoResponse, Response, sql};

use crate::limits::MAX_REQUEST_BYTES;
use crate::reply;

/// Why a request is not served.
pub(crate) enum Failure {
    /// The request needs a token and has none.
    MissingToken,
    /// The token is not one of ours, or no longer valid.
    InvalidToken,
    /// No user has that email address and password.
    InvalidCredentials,
    /// There is no such article, profile, comment.
    NotFound(&'static str),
    /// It is someone else's.
    Forbidden(&'static str),
    /// Fields that do not hold what they should.
    Invalid(Invalid),
    /// Another user has that value already.
    Taken(&'static str),
    /// The content is too long to be looked at.
    TooLarge,
    /// The content says it is something else than JSON.
    NotJson,
    /// The path exists, but not for this method.
    MethodNotAllowed(&'static str),
    /// Our own failure.
    Internal(Error),
}

/// The faults of each field.
#[derive(Debug, Default, Serialize, PartialEq, Eq)]
pub(crate) struct Invalid(pub(crate) BTreeMap<&'static str, Vec<String>>);

impl Invalid {
    pub(crate) fn one(field: &'static str, fault: impl Into<String>) -> Self {
        Self(BTreeMap::from([(field, vec![fault.into()])]))
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        match self {
            Self::MissingToken => refuse(StatusCode::UNAUTHORIZED, "token", "is missing"),
            Self::InvalidToken => refuse(StatusCode::UNAUTHORIZED, "token", "is invalid"),
            Self::InvalidCredentials => refuse(StatusCode::UNAUTHORIZED, "credentials", "invalid"),
            Self::NotFound(what) => refuse(StatusCode::NOT_FOUND, what, "not found"),
            Self::Forbidden(what) => refuse(StatusCode::FORBIDDEN, what, "forbidden"),
            Self::Invalid(faults) => errors(StatusCode::UNPROCESSABLE_ENTITY, &faults),
            Self::Taken(field) => refuse(StatusCode::CONFLICT, field, "has already been taken"),
            Self::TooLarge => refuse(
                StatusCode::PAYLOAD_TOO_LARGE,
                "body",
                &format!("is longer than {MAX_REQUEST_BYTES} bytes"),
            ),
            Self::NotJson => refuse(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "body",
                "must have Content-Type: application/json",
            ),
            Self::MethodNotAllowed(allowed) => method_not_allowed(allowed),
            Self::Internal(error) => error.into_problem(),
        }
    }
}

fn method_not_allowed(allowed: &'static str) -> Response {
    let mut response = refuse(
        StatusCode::METHOD_NOT_ALLOWED,
        "method",
        &format!("must be one of {allowed}"),
    );
    response
        .headers_mut()
        .insert(ALLOW, HeaderValue::from_static(allowed));
    response
}

fn refuse(status: StatusCode, field: &'static str, fault: &str) -> Response {
    errors(status, &Invalid::one(field, fault))
}

fn errors(status: StatusCode, faults: &Invalid) -> Response {
    #[derive(Serialize)]
    struct Errors<'a> {
        errors: &'a Invalid,
    }
    reply::json(status, &Errors { errors: faults })
}

impl From<Invalid> for Failure {
    fn from(faults: Invalid) -> Self {
        Self::Invalid(faults)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Internal(error)
    }
}

impl From<sql::Error> for Failure {
    fn from(error: sql::Error) -> Self {
        Self::Internal(error.into())
    }
}

impl From<getrandom::Error> for Failure {
    fn from(error: getrandom::Error) -> Self {
        Self::Internal(error.into())
    }
}
