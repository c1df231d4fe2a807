//! The HTTP client behind outgoing requests.

use std::cell::OnceCell;
use std::error::Error as _;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, Version, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::{Sleep, timeout};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

use crate::limits::{
    DEFAULT_CONNECT_TIMEOUT, DEFAULT_READ_TIMEOUT, MAX_IDLE_CONNECTIONS_PER_HOST,
    OUTBOUND_IDLE_TIMEOUT,
};

type Sent = (
    Response<WasiBody>,
    Box<dyn Future<Output = wasmtime_wasi_http::Result<()>> + Send>,
);
type Pooled = Client<HttpsConnector<HttpConnector>, WasiBody>;

thread_local! {
    /// One client for each worker, because its connections belong to the worker's reactor.
    static CLIENT: OnceCell<Pooled> = const { OnceCell::new() };
}

/// Sends a request to another server and returns its response as soon as its head is there.
pub(super) async fn send(
    mut request: Request<WasiBody>,
    options: Option<RequestOptions>,
) -> wasmtime_wasi_http::Result<Sent> {
    // The client writes HTTP/1.1's Host from the target URI, and needs none for HTTP/2.
    request.headers_mut().remove(header::HOST);
    *request.version_mut() = Version::HTTP_11;
    let first_byte = options
        .and_then(|options| options.first_byte_timeout)
        .unwrap_or(DEFAULT_READ_TIMEOUT);
    let between = options
        .and_then(|options| options.between_bytes_timeout)
        .unwrap_or(DEFAULT_READ_TIMEOUT);
    let connect = options
        .and_then(|options| options.connect_timeout)
        .unwrap_or(DEFAULT_CONNECT_TIMEOUT);
    // The pool may connect on behalf of another request, so a connection is bounded by the default; a shorter
    // bound of this request adds to the wait for its first byte.
    let response = CLIENT.with(|client| client.get_or_init(new_client).request(request));
    let response = match timeout(connect.saturating_add(first_byte), response).await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => return Err(failure_of(&error)),
        Err(_elapsed) => return Err(Error::HttpResponseTimeout),
    };
    let response = response.map(|content| TimedBody::new(content, between).boxed_unsync());
    Ok((response, Box::new(async { Ok(()) })))
}

fn new_client() -> Pooled {
    let mut http = HttpConnector::new();
    http.set_connect_timeout(Some(DEFAULT_CONNECT_TIMEOUT));
    http.set_nodelay(true);
    http.enforce_http(false);
    let https = HttpsConnectorBuilder::new()
        .with_webpki_roots()
        .https_or_http()
        .enable_http1()
        .enable_http2()
        .wrap_connector(http);
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(OUTBOUND_IDLE_TIMEOUT)
        .pool_max_idle_per_host(MAX_IDLE_CONNECTIONS_PER_HOST)
        .build(https)
}

/// What a guest is told of a failed request.
fn failure_of(error: &ClientError) -> Error {
    if !error.is_connect() {
        return Error::HttpProtocolError;
    }
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(error) = cause.downcast_ref::<std::io::Error>() {
            match error.kind() {
                std::io::ErrorKind::TimedOut => return Error::ConnectionTimeout,
                std::io::ErrorKind::ConnectionRefused => return Error::ConnectionRefused,
                _ => {}
            }
        }
        source = cause.source();
    }
    Error::DestinationUnavailable
}

pin_project_lite::pin_project! {
    /// Content that must keep coming.
    struct TimedBody {
        #[pin]
        content: Incoming,
        between: Duration,
        #[pin]
        alarm: Option<Sleep>,
    }
}

impl TimedBody {
    fn new(content: Incoming, between: Duration) -> Self {
        Self {
            content,
            between,
            alarm: None,
        }
    }
}

impl Body for TimedBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let mut this = self.project();
        if let Poll::Ready(frame) = this.content.poll_frame(context) {
            this.alarm.set(None);
            return Poll::Ready(frame.map(|frame| frame.map_err(|_| Error::HttpProtocolError)));
        }
        if this.alarm.is_none() {
            this.alarm.set(Some(tokio::time::sleep(*this.between)));
        }
        let alarm = this.alarm.as_mut().as_pin_mut().expect("it was set above");
        ready!(alarm.poll(context));
        Poll::Ready(Some(Err(Error::HttpResponseTimeout)))
    }

    fn is_end_stream(&self) -> bool {
        self.content.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.content.size_hint()
    }
}
