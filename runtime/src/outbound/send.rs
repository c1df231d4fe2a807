//! Requests of guests to other servers: their options become deadlines, and what goes wrong an error of `wasi:http`.

use std::cell::OnceCell;

use http::{Request, Response, header};
use http_body_util::BodyExt;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

use super::client::{Client, ClientError, Protocols, Timeouts};
use crate::limits::{DEFAULT_CONNECT_TIMEOUT, DEFAULT_READ_TIMEOUT};

type Sent = (
    Response<WasiBody>,
    Box<dyn Future<Output = wasmtime_wasi_http::Result<()>> + Send>,
);

thread_local! {
    /// One client for each worker, because its connections belong to the worker's reactor.
    static CLIENT: OnceCell<Client<WasiBody>> = const { OnceCell::new() };
}

/// Sends a request to another server and returns its response as soon as its head is there.
pub(super) async fn send(
    mut request: Request<WasiBody>,
    options: Option<RequestOptions>,
) -> wasmtime_wasi_http::Result<Sent> {
    // The client writes HTTP/1.1's Host from the target URI, and needs none for HTTP/2.
    request.headers_mut().remove(header::HOST);
    let client = CLIENT.with(|client| {
        let client =
            client.get_or_init(|| Client::new(DEFAULT_CONNECT_TIMEOUT, Protocols::Http1AndHttp2));
        client.clone()
    });
    let response = client.send(request, timeouts(options)).await;
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
    }
}

/// What a guest is told of a failed request.
fn wasi_error(error: ClientError) -> Error {
    match error {
        ClientError::DnsError => Error::DnsError {
            rcode: None,
            info_code: None,
        },
        ClientError::ConnectionRefused => Error::ConnectionRefused,
        ClientError::ConnectionTimeout => Error::ConnectionTimeout,
        ClientError::DestinationUnavailable => Error::DestinationUnavailable,
        ClientError::TlsCertificateError => Error::TlsCertificateError,
        ClientError::TlsProtocolError => Error::TlsProtocolError,
        ClientError::ConnectionTerminated => Error::ConnectionTerminated,
        ClientError::ResponseTimeout => Error::HttpResponseTimeout,
        ClientError::ResponseIncomplete => Error::HttpResponseIncomplete,
        ClientError::HeadersTooLarge => Error::HttpResponseHeaderSectionSize(None),
        ClientError::HttpProtocolError | ClientError::RequestContent => Error::HttpProtocolError,
    }
}
