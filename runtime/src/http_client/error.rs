//! The errors of the client, with the names of RFC 9209 §2.3.
//! Each caller translates them for its own clients.

use std::error::Error;
use std::io;

use super::ConnectError;

/// Why there is no response, or not all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ClientError {
    /// Its name has no address.
    #[error("the name of the other server has no address")]
    DnsError,
    /// None of its addresses is granted.
    #[error("the address of the other server is not granted")]
    Denied,
    /// Its addresses are in a protected network.
    #[error("the address of the other server is in a protected network")]
    AddressProhibited,
    /// Nobody listens at its address.
    #[error("the other server refused the connection")]
    ConnectionRefused,
    /// The attempt to connect took too long.
    #[error("connecting to the other server took too long")]
    ConnectionTimeout,
    /// It cannot be reached for another reason.
    #[error("the other server cannot be reached")]
    DestinationUnavailable,
    /// Its certificate is not valid for its name.
    #[error("the certificate of the other server is not valid")]
    TlsCertificateError,
    /// It shares no version or cipher of TLS with this server.
    #[error("the other server and this one cannot agree on TLS")]
    TlsProtocolError,
    /// It closed the connection before any of the response had come.
    #[error("the other server closed the connection without a response")]
    ConnectionTerminated,
    /// The content of the request did not come in time.
    #[error("the content of the request took too long")]
    RequestTimeout,
    /// It was silent for too long.
    #[error("the other server took too long to answer")]
    ResponseTimeout,
    /// It closed the connection in the middle of the content.
    #[error("the other server closed the connection in the middle of its response")]
    ResponseIncomplete,
    /// It sent something that is not HTTP.
    #[error(
        "the other server does not speak the version of HTTP that it is asked to, or breaks its rules"
    )]
    HttpProtocolError,
    /// The head of its response has more fields or bytes than are taken.
    #[error("the head of the other server's response is too large")]
    HeadersTooLarge,
    /// The request's own content failed. Its owner knows the reason.
    #[error("the content of the request ended early")]
    RequestContent,
}

impl ClientError {
    /// Whether there was no connection, so that the other server has seen nothing of the request.
    pub(crate) fn is_of_connecting(self) -> bool {
        match self {
            Self::DnsError
            | Self::Denied
            | Self::AddressProhibited
            | Self::ConnectionRefused
            | Self::ConnectionTimeout
            | Self::DestinationUnavailable
            | Self::TlsCertificateError
            | Self::TlsProtocolError => true,
            Self::ConnectionTerminated
            | Self::RequestTimeout
            | Self::ResponseTimeout
            | Self::ResponseIncomplete
            | Self::HttpProtocolError
            | Self::HeadersTooLarge
            | Self::RequestContent => false,
        }
    }

    /// The error of content that broke off.
    pub(super) fn of_content(error: &hyper::Error) -> Self {
        if error.is_parse() || cause::<io::Error>(error).is_some_and(is_malformed) {
            Self::HttpProtocolError
        } else {
            Self::ResponseIncomplete
        }
    }

    /// The error of a connection that was not made.
    pub(super) fn of_connecting(error: &(dyn Error + 'static)) -> Self {
        if let Some(error) = cause::<ConnectError>(error) {
            return match error {
                ConnectError::Unresolved(_) => Self::DnsError,
                ConnectError::ResolvingTimeout => Self::ConnectionTimeout,
                ConnectError::Denied => Self::Denied,
                ConnectError::Prohibited => Self::AddressProhibited,
            };
        }
        if let Some(error) = cause::<rustls::Error>(error) {
            return match error {
                rustls::Error::InvalidCertificate(_) => Self::TlsCertificateError,
                _ => Self::TlsProtocolError,
            };
        }
        let is_kind = |kind| {
            causes(error).any(|cause| {
                cause
                    .downcast_ref::<io::Error>()
                    .is_some_and(|error| error.kind() == kind)
            })
        };
        if is_kind(io::ErrorKind::TimedOut) {
            Self::ConnectionTimeout
        } else if is_kind(io::ErrorKind::ConnectionRefused) {
            Self::ConnectionRefused
        } else {
            Self::DestinationUnavailable
        }
    }

    /// The error of a request that got no response on its connection.
    pub(super) fn of_exchange(error: &hyper::Error) -> Self {
        if error.is_user() || error.is_body_write_aborted() {
            return Self::RequestContent;
        }
        if error.is_parse_too_large() {
            return Self::HeadersTooLarge;
        }
        // The connection broke, or its task ended.
        let is_broken = error.is_incomplete_message() || error.is_canceled() || error.is_closed();
        let is_broken = is_broken || error.is_timeout();
        let is_broken = is_broken || cause::<h2::Error>(error).is_some_and(is_going);
        match cause::<io::Error>(error) {
            _ if is_broken => Self::ConnectionTerminated,
            Some(error) if !is_malformed(error) => Self::ConnectionTerminated,
            _ => Self::HttpProtocolError,
        }
    }
}

/// Whether the other side ends the connection, or takes no more requests on it (RFC 9113 §8.7). If this side ends it, the other
/// one did not speak HTTP/2 as it should.
fn is_going(error: &h2::Error) -> bool {
    error.is_go_away() && error.is_remote() || is_refusal(error)
}

/// Whether the other side has seen nothing of the request, as it says itself (RFC 9113 §8.7).
pub(super) fn is_refused(error: &hyper::Error) -> bool {
    cause::<h2::Error>(error).is_some_and(is_refusal)
}

fn is_refusal(error: &h2::Error) -> bool {
    error.reason() == Some(h2::Reason::REFUSED_STREAM)
}

/// Whether the error is hyper's for content that it cannot parse.
fn is_malformed(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput
    )
}

/// The first cause of this type, beginning with the error itself.
fn cause<'e, E: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e E> {
    causes(error).find_map(|cause| cause.downcast_ref())
}

/// An error and its sources, the nearest first.
fn causes<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |cause| next_cause(*cause))
}

fn next_cause<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e (dyn Error + 'static)> {
    // `source` of an I/O error skips the error that it wraps.
    match error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref)
    {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}
