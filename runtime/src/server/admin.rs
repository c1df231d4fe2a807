//! Owns the admin listener: its address, its thread and its connections, apart from those of clients, so that it answers
//! however busy the workers are. The content of the pages is left to the modules that add them.

mod pages;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

pub use pages::AdminPage;

use self::pages::{Router, plain};
use super::drain::Readiness;
use super::limits::{
    ACCEPT_PAUSE, ADMIN_WRITE_TIMEOUT, MAX_ADMIN_CONNECTIONS, MAX_ADMIN_CONTENT_BYTES,
};
use super::write_timeout::ImpatientStream;
use super::{BindError, Bound, Inheritance, bind};
use crate::observe::Metrics;
use crate::request::ResponseBody;
use crate::request::limits::{DEFAULT_BODY_PROGRESS_TIMEOUT, DEFAULT_MIN_RATE};
use crate::settings::limits::DEFAULT_HEADER_TIMEOUT;

const METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const TEXT_TYPE: &str = "text/plain; charset=utf-8";

/// The page that says whether the server takes requests: `ready` or `not ready`.
pub(crate) const READY_PATH: &str = "/readyz";

/// What an admin listener is made of.
#[derive(Debug)]
pub struct AdminConfig {
    /// Where to listen; port 0 takes a free one.
    pub address: SocketAddr,
    /// The names that it has besides its addresses and `localhost`, in lower case.
    pub hosts: Vec<String>,
}

/// An admin listener that is bound and does not answer yet.
#[derive(Debug)]
pub struct Admin {
    listener: TcpListener,
    address: SocketAddr,
    router: Router,
}

/// An admin listener that answers until this is dropped.
#[derive(Debug)]
pub struct AdminThread {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Admin {
    /// Takes the address, for the pages of the server and `further` ones.
    ///
    /// # Errors
    ///
    /// When the address is taken, not allowed or not of this machine.
    pub fn bind(
        config: AdminConfig,
        inheritance: &mut Inheritance,
        metrics: Arc<Metrics>,
        readiness: Readiness,
        further: Vec<AdminPage>,
    ) -> Result<Self, BindError> {
        let Bound { listener, address } = bind(config.address, inheritance)?;
        let mut pages = own_pages(metrics, readiness);
        pages.extend(further);
        let router = Router::new(pages, config.hosts);
        Ok(Self {
            listener,
            address,
            router,
        })
    }

    /// The address that was taken.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn listener(&self) -> &TcpListener {
        &self.listener
    }

    /// Starts to answer.
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
                // Not dropped, which would wait for pages that still work on their answer.
                runtime.shutdown_background();
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
        let router = Arc::new(self.router);
        let mut open = VecDeque::<AbortHandle>::new();
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            };
            open.retain(|connection| !connection.is_finished());
            if open.len() >= MAX_ADMIN_CONNECTIONS
                && let Some(oldest) = open.pop_front()
            {
                oldest.abort();
            }
            let connection = tokio::spawn(serve_connection(stream, Arc::clone(&router)));
            open.push_back(connection.abort_handle());
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

/// The pages that every server has.
fn own_pages(metrics: Arc<Metrics>, readiness: Readiness) -> Vec<AdminPage> {
    let ready = move || {
        let (status, text) = if readiness.is_ready() {
            (StatusCode::OK, "ready\n")
        } else {
            (StatusCode::SERVICE_UNAVAILABLE, "not ready\n")
        };
        (status, TEXT_TYPE, text.to_owned())
    };
    let alive = || (StatusCode::OK, TEXT_TYPE, "alive\n".to_owned());
    vec![
        AdminPage::text("/livez", alive),
        AdminPage::text(READY_PATH, ready),
        AdminPage::text("/metrics", move || {
            (StatusCode::OK, METRICS_TYPE, metrics.to_text())
        }),
    ]
}

/// Serves one connection. Each of its waits is bounded: for a head, for content, and for a reader that has stopped.
async fn serve_connection(stream: tokio::net::TcpStream, router: Arc<Router>) {
    let service = service_fn(move |request| {
        let router = Arc::clone(&router);
        async move { Ok::<_, Infallible>(no_store(answer(&router, request).await)) }
    });
    let stream = ImpatientStream::new(stream, ADMIN_WRITE_TIMEOUT, DEFAULT_MIN_RATE);
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(DEFAULT_HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    // An error here concerns this client only, and it has been told.
    let _ = served.await;
}

/// Has the page of a request answer.
async fn answer(router: &Router, request: Request<Incoming>) -> Response<ResponseBody> {
    match router.refuse(&request) {
        Some(refusal) => refusal,
        None => router.answer(request, read).await,
    }
}

/// Reads content that is short.
async fn read(content: Incoming) -> Result<Bytes, Response<ResponseBody>> {
    let content = Limited::new(content, MAX_ADMIN_CONTENT_BYTES).collect();
    match tokio::time::timeout(DEFAULT_BODY_PROGRESS_TIMEOUT, content).await {
        Ok(Ok(content)) => Ok(content.to_bytes()),
        Ok(Err(_)) => Err(plain(
            StatusCode::PAYLOAD_TOO_LARGE,
            "the content is too long\n",
        )),
        Err(_elapsed) => Err(plain(
            StatusCode::REQUEST_TIMEOUT,
            "the content did not come\n",
        )),
    }
}

fn no_store(mut response: Response<ResponseBody>) -> Response<ResponseBody> {
    let no_store = HeaderValue::from_static("no-store");
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, no_store);
    response
}
