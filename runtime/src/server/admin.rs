//! Owns the admin listener: health, metrics and further pages, on an address and a thread of their own, so that they
//! answer however busy the workers are. What the metrics say is left to `observe`, what the pages do to their owners.

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;

use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::{Semaphore, oneshot};

use super::limits::{ACCEPT_PAUSE, MAX_ADMIN_CONNECTIONS, MAX_ADMIN_CONTENT_BYTES};
use super::{BindError, Readiness, bind};
use crate::observe::Metrics;
use crate::request::limits::DEFAULT_BODY_PROGRESS_TIMEOUT;
use crate::settings::limits::DEFAULT_HEADER_TIMEOUT;

const METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const TEXT_TYPE: &str = "text/plain; charset=utf-8";

/// Pages of the admin listener that something else than the server answers.
pub trait AdminPages: Send + Sync + 'static {
    /// Answers a request; `None` if its path is not one of these pages. It may block.
    fn answer(&self, request: &Request<Bytes>) -> Option<Response<Bytes>>;
}

/// An admin listener that is bound and does not answer yet.
#[derive(Debug)]
pub struct Admin {
    listener: TcpListener,
    address: SocketAddr,
    pages: Pages,
}

/// An admin listener that answers until this is dropped.
#[derive(Debug)]
pub struct AdminThread {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Clone)]
struct Pages {
    metrics: Arc<Metrics>,
    readiness: Readiness,
    others: Option<Arc<dyn AdminPages>>,
}

impl std::fmt::Debug for Pages {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Pages").finish_non_exhaustive()
    }
}

impl Admin {
    /// Takes `address`, for the pages of the server and `others`.
    ///
    /// # Errors
    ///
    /// When the address is taken, not allowed or not of this machine.
    pub fn bind(
        address: SocketAddr,
        metrics: Arc<Metrics>,
        readiness: Readiness,
        others: Option<Arc<dyn AdminPages>>,
    ) -> Result<Self, BindError> {
        let (listener, address) = bind(address)?;
        Ok(Self {
            listener,
            address,
            pages: Pages {
                metrics,
                readiness,
                others,
            },
        })
    }

    /// The address that was taken.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Answers from now on. Keep the result for as long as the process lives, also while it drains: that is
    /// when `/readyz` matters.
    ///
    /// # Errors
    ///
    /// When the thread or its runtime cannot be made.
    pub fn start(self) -> std::io::Result<AdminThread> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::Builder::new()
            .name("admin".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        () = self.serve() => {}
                        _ = stopped => {}
                    }
                });
            })?;
        Ok(AdminThread {
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    async fn serve(self) {
        let Ok(listener) = tokio::net::TcpListener::from_std(self.listener) else {
            return;
        };
        let connections = Arc::new(Semaphore::new(MAX_ADMIN_CONNECTIONS));
        while let Ok(permit) = Arc::clone(&connections).acquire_owned().await {
            let Ok((stream, _)) = listener.accept().await else {
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            };
            let pages = self.pages.clone();
            tokio::spawn(async move {
                // An error here concerns this client only, and it has been told.
                let _ = serve_connection(stream, pages).await;
                drop(permit);
            });
        }
    }
}

impl Drop for AdminThread {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic has been printed by the thread itself.
            let _ = thread.join();
        }
    }
}

async fn serve_connection(stream: tokio::net::TcpStream, pages: Pages) -> hyper::Result<()> {
    let service = service_fn(move |request| {
        let pages = pages.clone();
        async move { Ok::<_, Infallible>(pages.receive(request).await) }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(DEFAULT_HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service)
        .await
}

impl Pages {
    /// Reads the content of a request, which is short, and answers it.
    async fn receive(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, content) = request.into_parts();
        let content = Limited::new(content, MAX_ADMIN_CONTENT_BYTES).collect();
        match tokio::time::timeout(DEFAULT_BODY_PROGRESS_TIMEOUT, content).await {
            Ok(Ok(content)) => {
                let request = Request::from_parts(head, content.to_bytes());
                self.answer(request).await
            }
            Ok(Err(_)) => plain(StatusCode::PAYLOAD_TOO_LARGE, "the content is too long\n"),
            Err(_elapsed) => plain(StatusCode::REQUEST_TIMEOUT, "the content did not come\n"),
        }
    }

    async fn answer(&self, request: Request<Bytes>) -> Response<Full<Bytes>> {
        let (status, content_type, content) = match request.uri().path() {
            "/livez" => (StatusCode::OK, TEXT_TYPE, "alive\n".to_owned()),
            "/readyz" => self.readiness(),
            "/metrics" => (StatusCode::OK, METRICS_TYPE, self.metrics.to_text()),
            _ => return no_store(self.answer_of_others(request).await),
        };
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return method_not_allowed();
        }
        let mut response = Response::new(Full::from(content));
        *response.status_mut() = status;
        let content_type = HeaderValue::from_static(content_type);
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, content_type);
        no_store(response)
    }

    /// The further pages may take long, so they are answered beside this thread: no probe waits for a purge.
    async fn answer_of_others(&self, request: Request<Bytes>) -> Response<Full<Bytes>> {
        let others = self.others.clone();
        let answer = tokio::task::spawn_blocking(move || others?.answer(&request));
        match answer.await {
            Ok(Some(response)) => response.map(Full::from),
            Ok(None) => plain(
                StatusCode::NOT_FOUND,
                "here are /livez, /readyz, /metrics, /cache/stats and /cache/purge\n",
            ),
            // It has panicked, which has been printed.
            Err(_) => plain(
                StatusCode::INTERNAL_SERVER_ERROR,
                "this page failed; the log says why\n",
            ),
        }
    }

    fn readiness(&self) -> (StatusCode, &'static str, String) {
        if self.readiness.is_ready() {
            (StatusCode::OK, TEXT_TYPE, "ready\n".to_owned())
        } else {
            (
                StatusCode::SERVICE_UNAVAILABLE,
                TEXT_TYPE,
                "not ready\n".to_owned(),
            )
        }
    }
}

fn plain(status: StatusCode, content: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(content));
    *response.status_mut() = status;
    response
}

fn no_store(mut response: Response<Full<Bytes>>) -> Response<Full<Bytes>> {
    let no_store = HeaderValue::from_static("no-store");
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, no_store);
    response
}

fn method_not_allowed() -> Response<Full<Bytes>> {
    let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n");
    response
        .headers_mut()
        .insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    response
}
