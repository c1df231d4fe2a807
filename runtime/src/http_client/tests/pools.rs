//! The pool of connections: who gets which, and who waits.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener as Listener;
use tokio::sync::Semaphore;

use super::*;
use crate::limits::{MAX_OUTBOUND_STREAMS, OUTBOUND_STREAM_WINDOW_BYTES};

/// A server that speaks HTTP/2 and nothing else.
struct Http2 {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    requests: Arc<AtomicUsize>,
    /// A request to a path other than `/` is answered when there is a permit.
    permits: Arc<Semaphore>,
}

impl Http2 {
    /// Each answer has so much content.
    async fn start(content: usize) -> Self {
        let listener = Listener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            connections: Arc::default(),
            requests: Arc::default(),
            permits: Arc::new(Semaphore::new(0)),
        };
        let (connections, requests) = (
            Arc::clone(&server.connections),
            Arc::clone(&server.requests),
        );
        let permits = Arc::clone(&server.permits);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connections.fetch_add(1, Ordering::Relaxed);
                let (requests, permits) = (Arc::clone(&requests), Arc::clone(&permits));
                let answer = service_fn(move |request: Request<Incoming>| {
                    requests.fetch_add(1, Ordering::Relaxed);
                    answered(request, Arc::clone(&permits), content)
                });
                let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                tokio::spawn(builder.serve_connection(TokioIo::new(stream), answer));
            }
        });
        server
    }

    fn get(&self, path: &str) -> Request<Full<Bytes>> {
        let uri = format!("http://{}{path}", self.address);
        Request::get(uri).body(Full::default()).unwrap()
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

/// Waits for a permit, unless the path is `/`, and makes the answer.
async fn answered(
    request: Request<Incoming>,
    permits: Arc<Semaphore>,
    content: usize,
) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.uri().path() != "/" {
        permits.acquire().await.unwrap().forget();
    }
    let content = Full::new(Bytes::from(vec![b'a'; content]));
    Ok(Response::new(content))
}

fn http2() -> Client<Full<Bytes>> {
    Client::new(Connector::new(LONG), Protocols::Http2)
}

#[tokio::test]
async fn http_2_requests_share_a_connection_up_to_the_most() {
    let (server, client) = (Http2::start(2).await, http2());
    let most = MAX_OUTBOUND_STREAMS as usize;
    let calls = (0..most * 2 + 1).map(|_| call(&client, server.get("/later")));
    let all_are_there = async {
        while server.requests.load(Ordering::Relaxed) < most * 2 + 1 {
            tokio::task::yield_now().await;
        }
        let connections = server.connections();
        server.permits.add_permits(most * 2 + 1);
        connections
    };
    let calls = futures::future::join_all(calls);
    let (answers, connections) = futures::future::join(calls, all_are_there).await;
    assert_eq!(connections, 3);
    for answer in answers {
        assert_eq!(answer.unwrap(), "aa");
    }
    assert_eq!(call(&client, server.get("/")).await.unwrap(), "aa");
    assert_eq!(server.connections(), 3, "they are kept");
}

/// A client that reads its response slowly does not slow down others whose responses share the connection.
#[tokio::test]
async fn responses_that_nobody_reads_leave_others_their_way() {
    let size = 4 * OUTBOUND_STREAM_WINDOW_BYTES as usize;
    let (server, client) = (Http2::start(size).await, http2());
    let mut unread = Vec::new();
    for _ in 1..MAX_OUTBOUND_STREAMS {
        let response = client.send(server.get("/"), timeouts(LONG, LONG)).await;
        unread.push(response.unwrap());
    }
    let answer = call(&client, server.get("/")).await.unwrap();
    assert_eq!((answer.len(), server.connections()), (size, 1));
}

/// RFC 9113 §8.7: a server that refuses a stream has done nothing with the request, whatever its method.
#[tokio::test]
async fn a_request_that_was_refused_unseen_is_sent_once_more() {
    let listener = Listener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let mut seen = 0;
        for refuses in [true, false] {
            let (stream, _) = listener.accept().await.unwrap();
            let mut connection = h2::server::handshake(stream).await.unwrap();
            let (_, mut respond) = connection.accept().await.unwrap().unwrap();
            seen += 1;
            if refuses {
                respond.send_reset(h2::Reason::REFUSED_STREAM);
            } else {
                respond.send_response(Response::new(()), true).unwrap();
            }
            tokio::spawn(async move { while connection.accept().await.is_some() {} });
        }
        seen
    });
    let client = http2();
    let post = Request::post(format!("http://{address}/")).body(Full::default());
    assert_eq!(call(&client, post.unwrap()).await.unwrap(), "");
    assert_eq!(server.await.unwrap(), 2);
}

/// A server that lets go of its connections, as one that restarts, costs no request.
#[tokio::test]
async fn a_connection_that_its_server_ends_is_replaced() {
    let listener = Listener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let mut connection = h2::server::handshake(stream).await.unwrap();
            let (_, mut respond) = connection.accept().await.unwrap().unwrap();
            respond.send_response(Response::new(()), true).unwrap();
            connection.graceful_shutdown();
            tokio::spawn(async move { while connection.accept().await.is_some() {} });
        }
    });
    let client = http2();
    for _ in 0..20 {
        let post = Request::post(format!("http://{address}/")).body(Full::default());
        assert_eq!(call(&client, post.unwrap()).await.unwrap(), "");
    }
}

/// The second look-up never ends, so the second request waits for the connection of the first one.
#[tokio::test]
async fn a_request_takes_what_comes_first_a_new_connection_or_one_given_back() {
    static LOOKUPS: AtomicUsize = AtomicUsize::new(0);
    let server = Scripted::start(&[&[OK, OK]]);
    let lookup: connector::Lookup = |_, port| match LOOKUPS.fetch_add(1, Ordering::Relaxed) {
        0 => Box::pin(async move { Ok(vec![([127, 0, 0, 1], port).into()]) }),
        _ => Box::pin(std::future::pending()),
    };
    let connector = Connector {
        lookup,
        ..Connector::new(LONG)
    };
    let client = Client::new(connector, Protocols::Http1);
    let get = || {
        let uri = format!("http://name.test:{}/", server.address.port());
        Request::get(uri).body(Full::default()).unwrap()
    };
    let first = client.send(get(), timeouts(LONG, LONG)).await.unwrap();
    let mut second = Box::pin(call(&client, get()));
    assert!(futures::poll!(&mut second).is_pending());
    assert_eq!(first.into_body().collect().await.unwrap().to_bytes(), "ok");
    assert_eq!(second.await.unwrap(), "ok");
    assert_eq!(server.requests(), [2]);
}

#[tokio::test]
async fn each_request_that_waits_is_told_that_there_is_no_connection() {
    for protocols in [Protocols::Http1, Protocols::Http2] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let client = Client::new(Connector::new(LONG), protocols);
        let calls = (0..50).map(|_| {
            let get = Request::get(format!("http://{address}/")).body(Full::default());
            call(&client, get.unwrap())
        });
        for failure in futures::future::join_all(calls).await {
            assert_eq!(failure, Err(ClientError::ConnectionRefused));
        }
    }
}

/// Requests that come and go while connecting takes long do not add attempts without end.
#[tokio::test]
async fn there_are_no_more_attempts_than_requests_that_wait() {
    static LOOKUPS: AtomicUsize = AtomicUsize::new(0);
    let lookup: connector::Lookup = |_, _| {
        LOOKUPS.fetch_add(1, Ordering::Relaxed);
        Box::pin(std::future::pending())
    };
    let connector = Connector {
        lookup,
        ..Connector::new(LONG)
    };
    let client = Client::new(connector, Protocols::Http1);
    for _ in 0..1_000 {
        let get = Request::get("http://name.test/").body(Full::default());
        let mut given_up = Box::pin(call(&client, get.unwrap()));
        assert!(futures::poll!(&mut given_up).is_pending());
        tokio::task::yield_now().await;
    }
    assert_eq!(LOOKUPS.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn servers_without_connections_are_forgotten() {
    let client = client();
    for number in 0..10_000 {
        let uri = format!("http://host{number}.test/").parse().unwrap();
        client.pool(&uri).unwrap();
    }
    let pools = client.servers.pools.lock();
    assert!(pools.by_server.len() <= MIN_POOLS_SWEPT);
}

#[tokio::test]
async fn connections_that_nobody_uses_close() {
    let (one, many) = (Scripted::start(&[&[OK, OK]]), Http2::start(2).await);
    let client = client();
    call(&client, one.request(Method::GET)).await.unwrap();
    let http2 = http2();
    call(&http2, many.get("/")).await.unwrap();
    for (client, uri) in [
        (&client, one.request(Method::GET).uri().clone()),
        (&http2, many.get("/").uri().clone()),
    ] {
        let pool = client.pool(&uri).unwrap();
        assert!(pool.sweep(clock::now()).is_some());
        let later = clock::now() + crate::limits::OUTBOUND_IDLE_TIMEOUT;
        assert_eq!(pool.sweep(later), None);
        drop(pool);
        assert!(
            client
                .servers
                .pools
                .lock()
                .by_server
                .values()
                .all(Pool::is_unused)
        );
    }
    let requests = tokio::task::spawn_blocking(|| one.requests()).await;
    assert_eq!(requests.unwrap(), [1], "the server sees the end");
}
