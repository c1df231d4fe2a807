//! A worker whose thread ends, beside one that lives.

use std::net::TcpListener;

use http::{Request, Response};
use tokio::sync::watch;

use super::*;
use crate::failure::Failure;
use crate::observe::Metrics;
use crate::request::{RequestBody, ResponseBody};
use crate::server::tests::TestPipeline;
use crate::server::{Ending, ServerConfig, TrustedProxies};
use crate::settings::ServerLimits;

async fn empty(_: Request<RequestBody>) -> Result<Response<ResponseBody>, Failure> {
    Ok(Response::default())
}

/// Two workers; what ends the thread of the first one; and what cuts both when it is dropped.
async fn two() -> (Workers, watch::Sender<Ending>, watch::Sender<Ending>) {
    let config = ServerConfig {
        address: "127.0.0.1:0".parse().unwrap(),
        tls: None,
        h2c: false,
        proxy_protocol: false,
        workers: NonZeroUsize::new(2).unwrap(),
        limits: ServerLimits::standard(),
        trusted_proxies: TrustedProxies::new(Vec::new(), Vec::new()),
    };
    let count = config.workers;
    let (cut, ending) = watch::channel(Ending::Drain);
    let parts = WorkerParts {
        config: Arc::new(config),
        observer: Arc::new(Observer::new(Arc::new(Metrics::new()), None)),
        ending,
    };
    let factory = |parts: PipelineParts| TestPipeline::new(parts, empty);
    let workers = Workers::start(count, factory, parts.clone()).await;
    let mut workers = workers.unwrap();
    let (end_first, ending) = watch::channel(Ending::Drain);
    let parts = WorkerParts { ending, ..parts };
    let (worker, thread) = Worker::start(WorkerId(0), Arc::new(factory), parts).unwrap();
    (workers.workers[0], workers.threads.0[0]) = (worker, thread);
    (workers, end_first, cut)
}

fn connection() -> (TcpStream, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (stream, peer) = listener.accept().unwrap();
    stream.set_nonblocking(true).unwrap();
    // Kept open until the test ends.
    std::mem::forget(client);
    (stream, peer)
}

#[tokio::test]
async fn a_worker_that_died_gets_no_connection_and_is_started_again() {
    let (mut workers, end_first, _cut) = two().await;
    end_first.send(Ending::Cut).unwrap();
    workers.lose().await;
    let metrics = Arc::clone(workers.observer.metrics());
    assert_eq!(
        (metrics.workers().get(), metrics.workers_lost().get()),
        (1, 1)
    );
    for _ in 0..3 {
        let (stream, peer) = connection();
        workers.accept(stream, peer, false).unwrap();
    }
    let loads: Vec<usize> = workers.workers.iter().map(Worker::load).collect();
    assert_eq!(
        loads,
        [0, 3],
        "the worker without a thread has no connection"
    );

    workers.replace_lost().await;
    assert!(!workers.any_lost());
    assert_eq!(metrics.workers().get(), 2);
    let (stream, peer) = connection();
    workers.accept(stream, peer, false).unwrap();
    let loads: Vec<usize> = workers.workers.iter().map(Worker::load).collect();
    assert_eq!(loads, [1, 3], "the new thread has the fewest");
}

#[tokio::test]
async fn without_any_worker_a_connection_is_given_back() {
    let (mut workers, end_first, cut) = two().await;
    end_first.send(Ending::Cut).unwrap();
    cut.send(Ending::Cut).unwrap();
    workers.lose().await;
    workers.lose().await;
    assert!(!workers.any_lives());
    let (stream, peer) = connection();
    assert!(workers.accept(stream, peer, false).is_err());
}
