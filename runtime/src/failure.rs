//! Owns every way in which a request can fail, with its status, its problem type, and its name in logs and metrics.
//! Other modules detect failures; only this one turns them into responses.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;
use storage::EngineFailure;

/// Seconds that a client should wait before it retries when the server is full. Long enough for a queue of ordinary
/// requests to empty, short enough not to be noticed as an outage.
pub const RETRY_AFTER_SECONDS: u32 = 1;

/// The methods that are served, as `Allow` lists them.
pub const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

/// Why a request did not get the response of a function or of an origin.
///
/// The messages name causes inside the platform and go to the log. The client sees the [`Problem`] only.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// No route of the app matches the path.
    #[error("no route matches the path")]
    NoRoute,
    /// A gateway must not forward the method (`CONNECT`, `TRACE`).
    #[error("the method is not served")]
    MethodNotAllowed,
    /// The request is malformed; `detail` says how, in words that the client may read.
    #[error("malformed request: {detail}")]
    BadRequest {
        /// What is malformed.
        detail: &'static str,
    },
    /// The scheme of the target differs from that of the connection (RFC 9110 §7.4).
    #[error("the scheme of the target is not that of the connection")]
    Misdirected,
    /// The content has a transfer coding besides `chunked` (RFC 9112 §6.1).
    #[error("a transfer coding of the content is not implemented")]
    CodingNotImplemented,
    /// The content is longer than the component accepts.
    #[error("the content is longer than {limit_bytes} bytes")]
    BodyTooLarge {
        /// The limit that was passed, in bytes.
        limit_bytes: u64,
    },
    /// The client has sent more requests than a rate limit allows.
    #[error("the client has sent too many requests; there is room again in {seconds} s")]
    RateLimited {
        /// The time until there is room for a request, in seconds.
        seconds: u64,
    },
    /// The header section has too many fields or bytes.
    #[error("the header section is too large")]
    HeadersTooLarge,
    /// The request target is too long.
    #[error("the request target is too long")]
    UriTooLong,
    /// The client stopped sending in the middle of its request.
    #[error("the client was too slow to send its request")]
    RequestTimeout,
    /// The client went away before its response was complete. It reaches the log only.
    #[error("the client closed the connection")]
    ClientDisconnected,
    /// The client stopped reading its response. It reaches the log only.
    #[error("the client stopped reading its response")]
    ResponseTimeout,
    /// The guest trapped.
    #[error("the guest trapped")]
    GuestTrapped,
    /// The guest answered with an error of `wasi:http` in place of a response.
    #[error("the guest answered with the error {code}")]
    GuestFailed {
        /// The name of the error code in `wasi:http/types`.
        code: String,
    },
    /// The guest ended without a response, or with one that HTTP does not allow there.
    #[error("the guest ended without a usable response")]
    NoResponse,
    /// The guest failed after a call to its database or key-value store had failed without a change.
    #[error("the guest failed after a call to its storage had failed")]
    StorageUnavailable,
    /// The guest failed after a call to its database or key-value store had failed. The storage is damaged, or the call
    /// may have changed something.
    #[error("the guest failed after its storage had failed, and a retry is not safe")]
    StorageFailed,
    /// The request took longer than its component's timeout.
    #[error("the deadline passed")]
    DeadlineExceeded,
    /// The guest used more CPU time than its component may.
    #[error("the guest used up its CPU time")]
    CpuExceeded,
    /// The guest asked for more memory than its component may have.
    #[error("the guest needs more memory than its limit")]
    MemoryExceeded,
    /// The instances of all components together have used up their memory.
    #[error("the instances of all components have used up the memory that they share")]
    OutOfMemory,
    /// The worker has more work than processor time.
    #[error("the worker has more work for this component than processor time")]
    Overloaded,
    /// The component's waiting queue is full.
    #[error("the component's queue is full")]
    QueueFull,
    /// The request waited in the component's queue for as long as it may.
    #[error("no instance became free in time")]
    ConcurrencyTimeout,
    /// The server has as many connections as it may have.
    #[error("the server has no connection left")]
    ConnectionLimit,
    /// No instance of the component could be made.
    #[error("the component could not be instantiated")]
    InstantiationFailed,
    /// The name of the origin has no address.
    #[error("the name of the origin has no address")]
    OriginUnresolved,
    /// Nobody listens at the address of the origin.
    #[error("the origin refused the connection")]
    OriginRefused,
    /// The attempt to connect to the origin took too long.
    #[error("connecting to the origin took too long")]
    OriginConnectTimeout,
    /// The origin cannot be reached for another reason.
    #[error("the origin cannot be reached")]
    OriginUnreachable,
    /// The certificate of the origin is not valid for its name.
    #[error("the certificate of the origin is not valid")]
    OriginCertificate,
    /// The origin does not speak TLS as this server does.
    #[error("the origin and this server cannot agree on TLS")]
    OriginTls,
    /// The origin closed the connection before any of its response had come.
    #[error("the origin closed the connection without a response")]
    OriginTerminated,
    /// The origin was silent for too long, before its response or in the middle of it.
    #[error("the origin took too long to answer")]
    OriginTimeout,
    /// The origin closed the connection in the middle of its response.
    #[error("the origin closed the connection in the middle of its response")]
    OriginIncomplete,
    /// The origin sent no HTTP response, or one that is not allowed there.
    #[error(
        "the origin does not speak the version of HTTP that it is asked to, or breaks its rules"
    )]
    OriginMalformed,
    /// The head of the origin's response has too many fields or bytes.
    #[error("the head of the origin's response is too large")]
    OriginHeadersTooLarge,
    /// The origin has as many requests as it may have.
    #[error("the origin has no connection left")]
    OriginBusy,
    /// The request has passed this server before (RFC 8586).
    #[error("the request has come back to this server")]
    LoopDetected,
    /// The request shared the response to another request, and that response broke off.
    #[error("the response that the cache was receiving broke off")]
    ResponseBroken,
    /// A fault of the platform itself.
    #[error("internal error")]
    Internal,
}

/// A [`Failure`] as others see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The status of the response.
    pub status: StatusCode,
    /// The name in logs and metrics, and the last part of the problem's type.
    pub name: &'static str,
    /// The sentence that the client reads.
    pub title: &'static str,
    /// The error type of `Proxy-Status` (RFC 9209 §2.3).
    pub proxy_error: &'static str,
    /// Who has to change something.
    pub blame: Blame,
    /// Whether the same request may succeed later.
    pub retry: Retry,
}

/// Who has to change something so that the request succeeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The client that sent the request.
    Client,
    /// The function.
    Guest,
    /// The server behind this one.
    Origin,
    /// Too much is asked of this server at the moment.
    Load,
    /// The platform.
    Platform,
}

/// Whether to send the same request again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// The same request will fail again, or it may have had its effect already.
    Never,
    /// The same request may succeed after [`RETRY_AFTER_SECONDS`], but the first one may have had an effect. So only an
    /// idempotent request may be sent again.
    Idempotent,
    /// Nothing has run, so even a request that is not idempotent may be sent again, after
    /// [`RETRY_AFTER_SECONDS`].
    Later,
}

impl Blame {
    /// The name in logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Guest => "function",
            Self::Origin => "origin",
            Self::Load => "load",
            Self::Platform => "platform",
        }
    }
}

impl Retry {
    /// The name in logs: for which requests a retry is safe.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Idempotent => "idempotent",
            Self::Later => "any",
        }
    }
}

/// Status, name, title, error type, blame and retry of a failure.
type Row = (u16, &'static str, &'static str, &'static str, Blame, Retry);

/// The body of a failure response: RFC 9457 problem details.
#[derive(Serialize)]
struct ProblemDetails<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    request_id: &'a str,
}

impl Failure {
    /// The status, names and advice of this failure.
    #[must_use]
    pub fn problem(&self) -> Problem {
        let (status, name, title, proxy_error, blame, retry) = self.row();
        Problem {
            status: StatusCode::from_u16(status).expect("the table holds valid status codes"),
            name,
            title,
            proxy_error,
            blame,
            retry,
        }
    }

    /// Its row in the table of all failures.
    #[rustfmt::skip]
    fn row(&self) -> Row {
        use Blame::{Client, Guest, Load, Origin, Platform};
        use Retry::{Idempotent, Later, Never};
        match self {
            Self::NoRoute => (404, "no-route", "Nothing is served at this path", "destination_not_found", Client, Never),
            Self::MethodNotAllowed => (405, "method-not-allowed", "This method is not served", "http_request_error", Client, Never),
            Self::BadRequest { .. } => (400, "bad-request", "The request is malformed", "http_request_error", Client, Never),
            Self::Misdirected => (421, "misdirected", "This server does not answer for this scheme", "http_request_error", Client, Never),
            Self::CodingNotImplemented => (501, "coding-not-implemented", "This transfer coding is not supported", "http_request_error", Client, Never),
            Self::BodyTooLarge { .. } => (413, "body-too-large", "The content is too large", "http_request_error", Client, Never),
            Self::RateLimited { .. } => (429, "rate-limited", "Too many requests", "http_request_denied", Client, Later),
            Self::HeadersTooLarge => (431, "headers-too-large", "The header section is too large", "http_request_error", Client, Never),
            Self::UriTooLong => (414, "uri-too-long", "The request target is too long", "http_request_error", Client, Never),
            Self::RequestTimeout => (408, "request-timeout", "The request was not completed in time", "http_request_error", Client, Never),
            Self::ClientDisconnected => (499, "client-disconnected", "The client closed the connection", "http_request_error", Client, Never),
            Self::ResponseTimeout => (499, "response-timeout", "The client stopped reading", "http_request_error", Client, Never),
            Self::GuestTrapped => (500, "guest-trapped", "The function failed", "http_response_incomplete", Guest, Never),
            Self::GuestFailed { .. } => (500, "guest-failed", "The function failed", "http_response_incomplete", Guest, Never),
            Self::NoResponse => (500, "no-response", "The function gave no response", "http_response_incomplete", Guest, Never),
            Self::StorageUnavailable => (503, "storage-unavailable", "The storage of the function is not available", "destination_unavailable", Platform, Idempotent),
            Self::StorageFailed => (500, "storage-failed", "The storage of the function failed", "destination_unavailable", Platform, Never),
            Self::DeadlineExceeded => (504, "deadline-exceeded", "The function took too long", "http_response_timeout", Guest, Never),
            Self::CpuExceeded => (504, "cpu-exceeded", "The function used up its CPU time", "http_response_timeout", Guest, Never),
            Self::MemoryExceeded => (503, "memory-exceeded", "The function used up its memory", "http_response_incomplete", Guest, Never),
            Self::OutOfMemory => (503, "out-of-memory", "The server is short of memory", "destination_unavailable", Load, Idempotent),
            Self::Overloaded => (503, "overloaded", "The server has too much to do", "connection_limit_reached", Load, Later),
            Self::QueueFull => (503, "queue-full", "Too many requests are waiting for this function", "connection_limit_reached", Load, Later),
            Self::ConcurrencyTimeout => (503, "concurrency-timeout", "This function is busy", "connection_limit_reached", Load, Later),
            Self::ConnectionLimit => (503, "connection-limit", "The server has too many connections", "connection_limit_reached", Load, Later),
            Self::InstantiationFailed => (503, "instantiation-failed", "The function could not be started", "destination_unavailable", Platform, Later),
            Self::OriginUnresolved => (502, "origin-unresolved", "The origin cannot be found", "dns_error", Origin, Later),
            Self::OriginRefused => (502, "origin-refused", "The origin cannot be reached", "connection_refused", Origin, Later),
            Self::OriginConnectTimeout => (504, "origin-connect-timeout", "The origin cannot be reached", "connection_timeout", Origin, Later),
            Self::OriginUnreachable => (503, "origin-unreachable", "The origin cannot be reached", "destination_unavailable", Origin, Later),
            Self::OriginCertificate => (502, "origin-certificate", "The origin cannot be trusted", "tls_certificate_error", Origin, Later),
            Self::OriginTls => (502, "origin-tls", "The origin cannot be reached", "tls_protocol_error", Origin, Later),
            Self::OriginTerminated => (502, "origin-terminated", "The origin gave no response", "connection_terminated", Origin, Never),
            Self::OriginTimeout => (504, "origin-timeout", "The origin took too long", "http_response_timeout", Origin, Never),
            Self::OriginIncomplete => (502, "origin-incomplete", "The origin gave no whole response", "http_response_incomplete", Origin, Never),
            Self::OriginMalformed => (502, "origin-malformed", "The origin gave no usable response", "http_protocol_error", Origin, Never),
            Self::OriginHeadersTooLarge => (502, "origin-headers-too-large", "The origin gave no usable response", "http_response_header_section_size", Origin, Never),
            Self::OriginBusy => (503, "origin-busy", "The origin is busy", "connection_limit_reached", Load, Later),
            Self::LoopDetected => (508, "loop-detected", "The request came back to this server", "proxy_loop_detected", Origin, Never),
            Self::ResponseBroken => (502, "response-broken", "The response broke off", "http_response_incomplete", Origin, Never),
            Self::Internal => (500, "internal", "Internal error", "proxy_internal_error", Platform, Never),
        }
    }

    /// The failure of a guest whose storage has failed.
    #[must_use]
    pub fn of_storage(storage: &EngineFailure) -> Self {
        if storage.retry_is_safe() {
            Self::StorageUnavailable
        } else {
            Self::StorageFailed
        }
    }

    /// Whether the guest itself gave no response. The cause may be a failure of its storage.
    #[must_use]
    pub fn is_of_guest(&self) -> bool {
        matches!(
            self,
            Self::GuestTrapped | Self::GuestFailed { .. } | Self::NoResponse
        )
    }

    /// The name in logs and metrics.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.problem().name
    }

    /// The response that tells the client, with `request_id` to quote when asking for help.
    #[must_use]
    pub fn response(&self, request_id: &str) -> Response<Bytes> {
        let problem = self.problem();
        let mut response = Response::new(self.details(&problem, request_id));
        *response.status_mut() = problem.status;
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert("proxy-status", proxy_status(&problem));
        if problem.retry != Retry::Never {
            headers.insert(header::RETRY_AFTER, self.retry_after().into());
        }
        if matches!(self, Self::MethodNotAllowed) {
            headers.insert(header::ALLOW, HeaderValue::from_static(METHODS));
        }
        if self.closes_connection() {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    /// Seconds after which a request that failed so may succeed.
    fn retry_after(&self) -> u64 {
        match self {
            Self::RateLimited { seconds } => *seconds,
            _ => RETRY_AFTER_SECONDS.into(),
        }
    }

    /// Whether the next bytes on the connection may not be a request: a proxy in front may have read the framing in
    /// another way (RFC 9112 §11.2), or the rest of the content is still to come.
    fn closes_connection(&self) -> bool {
        matches!(
            self,
            Self::BadRequest { .. }
                | Self::CodingNotImplemented
                | Self::BodyTooLarge { .. }
                | Self::HeadersTooLarge
                | Self::UriTooLong
                | Self::RequestTimeout
                | Self::ConnectionLimit
        )
    }

    fn details(&self, problem: &Problem, request_id: &str) -> Bytes {
        let details = ProblemDetails {
            r#type: format!("urn:terrace:problem:{}", problem.name),
            title: problem.title,
            status: problem.status.as_u16(),
            detail: self.public_detail(),
            request_id,
        };
        serde_json::to_vec(&details)
            .expect("strings and numbers always serialise")
            .into()
    }

    /// The details that the client may read. They contain no internals of a guest or of the platform.
    fn public_detail(&self) -> Option<String> {
        match self {
            Self::BadRequest { detail } => Some((*detail).to_owned()),
            Self::BodyTooLarge { limit_bytes } => {
                Some(format!("At most {limit_bytes} bytes are accepted here."))
            }
            _ => None,
        }
    }
}

fn proxy_status(problem: &Problem) -> HeaderValue {
    HeaderValue::from_str(&format!("terrace; error={}", problem.proxy_error))
        .expect("the table holds tokens only")
}

#[cfg(test)]
mod tests;
