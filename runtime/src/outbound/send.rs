//! Sends requests of guests to other servers. Options become timeouts, and failures become errors of `wasi:http`.
//! The connections are those of [`crate::http_client`].

use std::cell::RefCell;
use std::sync::{Arc, Weak};

use http::{Request, Response, header};
use http_body_util::BodyExt;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

use super::Outbound;
use crate::http_client::{Client, ClientError, ConnectError, Connector, Protocols, Timeouts};
use crate::limits::{DEFAULT_CONNECT_TIMEOUT, DEFAULT_READ_TIMEOUT};

type Sent = (
    Response<WasiBody>,
    Box<dyn Future<Output = wasmtime_wasi_http::Result<()>> + Send>,
);

thread_local! {
    /// One client for each component and worker. Connections belong to the worker's reactor, and components must not share
    /// them, because their grants differ.
    static CLIENTS: RefCell<Vec<(Weak<Outbound>, Client<WasiBody>)>> = const { RefCell::new(Vec::new()) };
}

/// The client of a component on this worker.
fn client(outbound: &Arc<Outbound>) -> Client<WasiBody> {
    CLIENTS.with_borrow_mut(|clients| {
        let is_its = |(owner, _): &&(Weak<Outbound>, _)| owner.as_ptr() == Arc::as_ptr(outbound);
        if let Some((_, client)) = clients.iter().find(is_its) {
            return client.clone();
        }
        // The connections of components that are gone go too.
        clients.retain(|(owner, _)| owner.strong_count() > 0);
        let owner = Arc::downgrade(outbound);
        let judge = Weak::clone(&owner);
        let connector = Connector {
            judge: Some(Arc::new(move |target, address| {
                let outbound = judge.upgrade().ok_or(ConnectError::Denied)?;
                outbound.judge(target, address)
            })),
            ..Connector::new(DEFAULT_CONNECT_TIMEOUT)
        };
        let client = Client::new(connector, Protocols::Http2OverTls);
        clients.push((owner, client.clone()));
        client
    })
}

/// Sends a request to another server. Returns when the head of the response has arrived.
pub(super) async fn send(
    outbound: Arc<Outbound>,
    mut request: Request<WasiBody>,
    options: Option<RequestOptions>,
) -> wasmtime_wasi_http::Result<Sent> {
    // The client derives HTTP/1.1's Host from the target URI; HTTP/2 needs none.
    request.headers_mut().remove(header::HOST);
    let response = client(&outbound).send(request, timeouts(options)).await;
    let response = response.map_err(wasi_error)?;
    let response = response.map(|content| content.map_err(wasi_error).boxed_unsync());
    Ok((response, Box::new(async { Ok(()) })))
}

fn timeouts(options: Option<RequestOptions>) -> Timeouts {
    let options = options.unwrap_or_default();
    Timeouts {
        connect: options.connect_timeout.unwrap_or(DEFAULT_CONNECT_TIMEOUT),
        first_byte: options.first_byte_timeout.unwrap_or(DEFAULT_READ_TIMEOUT),
        between_bytes: options
            .between_bytes_timeout
            .unwrap_or(DEFAULT_READ_TIMEOUT),
        deadline: None,
    }
}

/// The error that the guest gets for a failed request.
fn wasi_error(error: ClientError) -> Error {
    match error {
        ClientError::DnsError => Error::DnsError {
            rcode: None,
            info_code: None,
        },
        ClientError::Denied => Error::HttpRequestDenied,
        ClientError::AddressProhibited => Error::DestinationIpProhibited,
        ClientError::ConnectionRefused => Error::ConnectionRefused,
        ClientError::ConnectionTimeout => Error::ConnectionTimeout,
        ClientError::DestinationUnavailable => Error::DestinationUnavailable,
        ClientError::TlsCertificateError => Error::TlsCertificateError,
        ClientError::TlsProtocolError => Error::TlsProtocolError,
        ClientError::ConnectionTerminated => Error::ConnectionTerminated,
        ClientError::RequestTimeout => Error::ConnectionWriteTimeout,
        ClientError::ResponseTimeout => Error::HttpResponseTimeout,
        ClientError::ResponseIncomplete => Error::HttpResponseIncomplete,
        ClientError::HeadersTooLarge => Error::HttpResponseHeaderSectionSize(None),
        ClientError::HttpProtocolError | ClientError::RequestContent => Error::HttpProtocolError,
    }
}
