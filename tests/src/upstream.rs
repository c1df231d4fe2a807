//! A server in the test's own process, for what guests ask of others.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A server that answers every request with 200 and its path, except `/never`, which it does not answer.
#[derive(Debug)]
pub struct Upstream {
    /// `http://ADDRESS`.
    pub url: String,
    seen: Arc<Mutex<Vec<Parts>>>,
    accepting: JoinHandle<()>,
}

impl Upstream {
    /// Starts it on a free port.
    ///
    /// # Panics
    /// When there is no free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("there is a free port");
        let address = listener
            .local_addr()
            .expect("a bound listener has an address");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let accepting = tokio::spawn(accept(listener, Arc::clone(&seen)));
        Self {
            url: format!("http://{address}"),
            seen,
            accepting,
        }
    }

    /// The heads of all requests so far.
    #[must_use]
    pub fn seen(&self) -> Vec<Parts> {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, seen: Arc<Mutex<Vec<Parts>>>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(serve(stream, Arc::clone(&seen)));
    }
}

async fn serve(stream: TcpStream, seen: Arc<Mutex<Vec<Parts>>>) {
    let service = service_fn(|request| answer(request, &seen));
    // A client that goes away in the middle is part of what is tested.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(
    request: Request<Incoming>,
    seen: &Mutex<Vec<Parts>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, _content) = request.into_parts();
    let path = head.uri.path().to_owned();
    seen.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(head);
    if path == "/never" {
        std::future::pending::<()>().await;
    }
    Ok(Response::new(Full::new(format!("upstream {path}").into())))
}
