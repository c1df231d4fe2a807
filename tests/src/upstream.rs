//! A server in the test's own process, for what guests and edges ask of others.

use std::convert::Infallible;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use http::request::Parts;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;

use crate::client::{Content, whole};
use crate::raw::Connection;

/// A server that a test tells what to answer.
#[derive(Debug)]
pub struct Upstream {
    /// `http://ADDRESS`.
    pub url: String,
    seen: Seen,
    accepting: JoinHandle<()>,
}

/// An address of this machine at which nobody listens until the test wants it.
#[derive(Debug)]
pub struct Reserved {
    /// `http://ADDRESS`.
    pub url: String,
    socket: TcpSocket,
}

/// The heads of requests, in the order of their arrival.
#[derive(Clone, Debug, Default)]
struct Seen(Arc<Mutex<Vec<Parts>>>);

impl Upstream {
    /// A server that answers every request with 200 and its path, except `/never`, which it does not answer.
    ///
    /// # Panics
    /// When there is no free port.
    pub async fn start() -> Self {
        Self::answering(async |request| {
            let path = request.uri().path().to_owned();
            if path == "/never" {
                std::future::pending::<()>().await;
            }
            Response::new(whole(format!("upstream {path}")))
        })
        .await
    }

    /// A server that answers every request with what `answer` makes of it.
    ///
    /// # Panics
    /// When there is no free port.
    pub async fn answering<F, A>(answer: F) -> Self
    where
        F: Fn(Request<Incoming>) -> A + Send + Sync + 'static,
        A: Future<Output = Response<Content>> + Send + 'static,
    {
        Reserved::take().answering(answer)
    }

    /// A server that has each connection dealt with by `serve`, byte by byte.
    ///
    /// # Panics
    /// When there is no free port.
    pub async fn raw<F, S>(serve: F) -> Self
    where
        F: Fn(Connection) -> S + Send + Sync + 'static,
        S: Future<Output = ()> + Send + 'static,
    {
        let Reserved { url, socket } = Reserved::take();
        let listener = listen(socket);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(Connection::from(stream)));
            }
        });
        let seen = Seen::default();
        Self {
            url,
            seen,
            accepting,
        }
    }

    /// The heads of all requests so far.
    #[must_use]
    pub fn seen(&self) -> Vec<Parts> {
        self.seen.lock().clone()
    }
}

impl Reserved {
    /// Takes a free port.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn take() -> Self {
        let socket = TcpSocket::new_v4().expect("there is a socket");
        let any = "127.0.0.1:0".parse().expect("it is an address");
        socket.bind(any).expect("there is a free port");
        let address = socket.local_addr().expect("a bound socket has an address");
        let url = format!("http://{address}");
        Self { url, socket }
    }

    /// Begins to listen there, as [`Upstream::answering`].
    ///
    /// # Panics
    /// When the system has no room for a listener.
    #[must_use]
    pub fn answering<F, A>(self, answer: F) -> Upstream
    where
        F: Fn(Request<Incoming>) -> A + Send + Sync + 'static,
        A: Future<Output = Response<Content>> + Send + 'static,
    {
        let seen = Seen::default();
        let accepting = tokio::spawn(accept(listen(self.socket), seen.clone(), Arc::new(answer)));
        Upstream {
            url: self.url,
            seen,
            accepting,
        }
    }
}

impl Seen {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Parts>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

fn listen(socket: TcpSocket) -> TcpListener {
    socket.listen(1024).expect("a bound socket can listen")
}

async fn accept<F, A>(listener: TcpListener, seen: Seen, answer: Arc<F>)
where
    F: Fn(Request<Incoming>) -> A + Send + Sync + 'static,
    A: Future<Output = Response<Content>> + Send + 'static,
{
    // With the server, its connections end.
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(serve(stream, seen.clone(), Arc::clone(&answer)));
    }
}

async fn serve<F, A>(stream: TcpStream, seen: Seen, answer: Arc<F>)
where
    F: Fn(Request<Incoming>) -> A + Send + Sync + 'static,
    A: Future<Output = Response<Content>> + Send + 'static,
{
    let service = service_fn(|request: Request<Incoming>| {
        let (head, content) = request.into_parts();
        seen.lock().push(head.clone());
        let answering = answer(Request::from_parts(head, content));
        async { Ok::<_, Infallible>(answering.await) }
    });
    let begins_with_http2 = begins_with_http2(&stream).await;
    let stream = TokioIo::new(stream);
    // A client that goes away in the middle is part of what is tested.
    let _ = if begins_with_http2 {
        let server = http2::Builder::new(TokioExecutor::new());
        server.serve_connection(stream, service).await
    } else {
        http1::Builder::new()
            .serve_connection(stream, service)
            .await
    };
}

/// Whether a client begins with the preface of HTTP/2 (RFC 9113 §3.4), of which no method is the beginning.
async fn begins_with_http2(stream: &TcpStream) -> bool {
    let mut first = [0; 3];
    let read = stream.peek(&mut first).await;
    read.is_ok_and(|read| first[..read] == b"PRI"[..read] && read > 1)
}
