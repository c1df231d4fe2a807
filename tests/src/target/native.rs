//! Functions as native code: the host in memory of the SDK behind a socket.
//!
//! The host of the SDK is for one thread, so it has one, which answers one request after the other.

use std::convert::Infallible;
use std::net::TcpListener as StdListener;
use std::thread::{self, JoinHandle};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use terrace_sdk::Handler;
use terrace_sdk::testing::Host;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::{LocalSet, spawn_local};

use crate::portable::FIRE;

/// The queue whose messages the function gets.
const QUEUE: &str = "jobs";

/// The time of each schedule.
const TIME: &str = "2026-11-28T07:30:00Z";

/// A function as native code. It ends with it.
#[derive(Debug)]
pub struct Native {
    /// Where requests go: `http://ADDRESS`.
    pub http: String,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Native {
    /// A function on a host.
    ///
    /// # Panics
    /// When there is no free port or no room for a thread.
    #[must_use]
    pub fn start<H, A>(handler: H, host: fn() -> Host) -> Self
    where
        H: Handler<A> + Copy + Send + 'static,
        A: 'static,
    {
        let listener = StdListener::bind("127.0.0.1:0").expect("there is a free port");
        let address = listener.local_addr().expect("a listener has an address");
        let (end, ended) = oneshot::channel();
        let thread = thread::spawn(move || serve(listener, ended, handler, host()));
        Self {
            http: format!("http://{address}"),
            end: Some(end),
            thread: Some(thread),
        }
    }
}

impl Drop for Native {
    fn drop(&mut self) {
        drop(self.end.take());
        // A panic of the handler has broken the connection of the test, which fails by that.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn serve<H, A>(listener: StdListener, ended: oneshot::Receiver<()>, handler: H, host: Host)
where
    H: Handler<A> + Copy + 'static,
    A: 'static,
{
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .expect("there is room for a runtime");
    LocalSet::new().block_on(&runtime, async {
        tokio::select! {
            _ = ended => {}
            () = accept(listener, handler, host) => {}
        }
    });
}

async fn accept<H, A>(listener: StdListener, handler: H, host: Host)
where
    H: Handler<A> + Copy + 'static,
    A: 'static,
{
    listener
        .set_nonblocking(true)
        .expect("a listener need not block");
    let listener = TcpListener::from_std(listener).expect("the runtime takes a listener");
    while let Ok((stream, _)) = listener.accept().await {
        let host = host.clone();
        let service = service_fn(move |request| answer(handler, host.clone(), request));
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        spawn_local(connection);
    }
}

async fn answer<A>(
    handler: impl Handler<A> + Copy,
    host: Host,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, content) = request.into_parts();
    let content = content
        .collect()
        .await
        .expect("tests send whole requests")
        .to_bytes();
    let request = Request::from_parts(head, content.into());
    let answer = match request.uri().path().strip_prefix(FIRE) {
        Some(schedule) => host.fire(schedule, TIME, handler),
        None => host.call(handler, request),
    };
    // What it has sent is delivered by itself, as elsewhere.
    host.deliver(QUEUE, handler);
    let mut response = Response::new(Full::new(answer.content));
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    Ok(response)
}
