//! Requests that are under way while the addresses of a name change.

use std::convert::Infallible;

use bytes::Bytes;
use futures::stream::{self, StreamExt};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::super::outgoing::KeptContent;
use super::super::testing::{connector, edge, entries, find};
use super::*;
use crate::request::{Caller, RequestId, TraceContext};
use crate::settings::OriginProtocol;

const PROTOCOLS: [OriginProtocol; 2] = [OriginProtocol::Http1, OriginProtocol::Http2];

type Answer = Response<UnsyncBoxBody<Bytes, Infallible>>;

/// Where the servers listen, both at one port.
const PLACES: [&str; 2] = ["127.0.0.1", "127.0.0.2"];

/// A server that ends, with its connections, when it is dropped.
struct Server {
    seen: watch::Receiver<usize>,
    /// `/waits` and the rest of `/half` need one each.
    permits: Arc<Semaphore>,
    _serving: JoinSet<()>,
}

impl Server {
    /// Two servers at one port, and the port.
    async fn two(protocol: OriginProtocol) -> (Self, Self, u16) {
        loop {
            let one = TcpListener::bind((PLACES[0], 0)).await.unwrap();
            let port = one.local_addr().unwrap().port();
            // Somebody else may have the port there.
            if let Ok(other) = TcpListener::bind((PLACES[1], port)).await {
                return (
                    Self::start(one, protocol),
                    Self::start(other, protocol),
                    port,
                );
            }
        }
    }

    fn start(listener: TcpListener, protocol: OriginProtocol) -> Self {
        let (see, seen) = watch::channel(0);
        let permits = Arc::new(Semaphore::new(0));
        let mut serving = JoinSet::new();
        let of_server = Arc::clone(&permits);
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let stream = TokioIo::new(listener.accept().await.unwrap().0);
                let (see, permits) = (see.clone(), Arc::clone(&of_server));
                let service = service_fn(move |request: Request<Incoming>| {
                    see.send_modify(|seen| *seen += 1);
                    answer(request, Arc::clone(&permits))
                });
                let http1 = http1::Builder::new();
                let http2 = http2::Builder::new(TokioExecutor::new());
                connections.spawn(async move {
                    // The test ends connections as it likes.
                    let _ = match protocol {
                        OriginProtocol::Http1 => http1.serve_connection(stream, service).await,
                        OriginProtocol::Http2 => http2.serve_connection(stream, service).await,
                    };
                });
            }
        });
        Self {
            seen,
            permits,
            _serving: serving,
        }
    }
}

async fn answer(request: Request<Incoming>, permits: Arc<Semaphore>) -> Result<Answer, Infallible> {
    let piece = |text: &'static str| Ok(Frame::data(Bytes::from_static(text.as_bytes())));
    let path = request.uri().path().to_owned();
    if path == "/waits" {
        permits.acquire().await.unwrap().forget();
    }
    let rest = async move {
        if path == "/half" {
            permits.acquire().await.unwrap().forget();
        }
        piece(" and the rest")
    };
    let content = stream::once(async move { piece("a half") }).chain(stream::once(rest));
    Ok(Response::new(StreamBody::new(content).boxed_unsync()))
}

/// An edge before `nodes`, whose addresses change.
struct Balanced {
    origins: Arc<Origins>,
    attempts: Attempts,
}

impl Balanced {
    /// At first, it has the first address.
    async fn before(protocol: OriginProtocol, port: u16) -> Self {
        let edge = Edge {
            origin_protocol: protocol,
            ..edge()
        };
        let entries = entries(&[&format!("dns+http://nodes:{port}")]);
        let origins = Origins::with(&entries, &edge, clock::now(), connector());
        find(&origins, &PLACES[..1]).await;
        let origins = Arc::new(origins);
        Self {
            attempts: Attempts::new(Arc::clone(&origins), &edge),
            origins,
        }
    }

    async fn get(&self, path: &str) -> Result<Answered, Failure> {
        let ids = IdSource::from_system();
        let client = Caller::Client("192.0.2.1:4321".parse().unwrap());
        let (id, trace) = (RequestId::generate(&ids), TraceContext::start(&ids));
        let context = Arc::new(RequestContext::new(id, client, trace, clock::now()));
        let request = Request::get(path).body(RequestBody::default()).unwrap();
        let outgoing = Outgoing::new(request, true, &KeptContent::default()).await?;
        let long = Duration::from_secs(20);
        let timeouts = Timeouts {
            connect: long,
            first_byte: long,
            between_bytes: long,
            deadline: None,
        };
        self.attempts.run(outgoing, timeouts, &context).await
    }
}

async fn content((_exchange, response): Answered) -> Bytes {
    let content = response.into_body().collect().await;
    content.unwrap().to_bytes()
}

#[tokio::test]
async fn requests_at_an_address_that_a_name_loses_are_answered_there() {
    for protocol in PROTOCOLS {
        let (mut lost, stays, port) = Server::two(protocol).await;
        let edge = Balanced::before(protocol, port).await;
        let half = edge.get("/half").await.unwrap();
        let mut waiting = Box::pin(edge.get("/waits"));
        tokio::select! {
            _ = &mut waiting => panic!("there is no permit"),
            seen = lost.seen.wait_for(|seen| *seen == 2) => seen.unwrap(),
        };
        find(&edge.origins, &PLACES[1..]).await;
        // The first request to a new address has the worker forget its connections to old ones.
        content(edge.get("/").await.unwrap()).await;
        assert_eq!((*stays.seen.borrow(), *lost.seen.borrow()), (1, 2));
        lost.permits.add_permits(2);
        for answered in [waiting.await.unwrap(), half] {
            assert_eq!(content(answered).await, "a half and the rest");
        }
    }
}

#[tokio::test]
async fn a_request_at_an_address_that_is_lost_and_ends_goes_to_one_that_came_meanwhile() {
    for protocol in PROTOCOLS {
        let (mut lost, came, port) = Server::two(protocol).await;
        let edge = Balanced::before(protocol, port).await;
        let mut waiting = Box::pin(edge.get("/waits"));
        tokio::select! {
            _ = &mut waiting => panic!("there is no permit"),
            seen = lost.seen.wait_for(|seen| *seen == 1) => seen.unwrap(),
        };
        find(&edge.origins, &PLACES[1..]).await;
        drop(lost);
        came.permits.add_permits(1);
        assert_eq!(content(waiting.await.unwrap()).await, "a half and the rest");
    }
}
