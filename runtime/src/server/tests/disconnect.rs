//! A client that leaves takes its request with it, and no other one.

use std::sync::Arc;

use http::Request;
use tokio::sync::Semaphore;

use super::{RequestBody, ServerLimits, TestServer, await_that, text};

/// Says when it is dropped.
struct Dropped(Arc<Semaphore>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.add_permits(1);
    }
}

#[test]
fn a_client_that_leaves_cancels_its_request_only() {
    let dropped = Arc::new(Semaphore::new(0));
    let begun = Arc::new(Semaphore::new(0));
    let (drops, begins) = (Arc::clone(&dropped), Arc::clone(&begun));
    let waits = move |request: Request<RequestBody>| {
        let (drops, begins) = (Arc::clone(&drops), Arc::clone(&begins));
        async move {
            if request.uri().path() == "/for-ever" {
                let _dropped = Dropped(drops);
                begins.add_permits(1);
                std::future::pending::<()>().await;
            }
            text("served")
        }
    };
    let server = TestServer::start(ServerLimits::standard(), &[], waits);
    let mut leaver = server.connect();
    leaver.send("GET /for-ever HTTP/1.1\r\nHost: a\r\n\r\n");
    await_that("begun", || begun.available_permits() > 0);
    drop(leaver);
    await_that("dropped", || dropped.available_permits() > 0);
    server.await_metric("failure=\"client-disconnected\"} 1");
    assert_eq!(server.connect().get("/").status, 200);
}

#[test]
fn content_that_ends_too_early_is_an_error_and_not_an_end() {
    let reads = |request: Request<RequestBody>| async move { super::echo(request).await };
    let server = TestServer::start(ServerLimits::standard(), &[], reads);
    let mut client = server.connect();
    client
        .send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
        .end_sending();
    assert!(!client.rest().contains("200 OK"));
    server.await_metric("failure=\"client-disconnected\"} 1");
}

#[test]
fn a_panic_ends_its_own_connection_only() {
    let panics = |request: Request<RequestBody>| async move {
        assert_ne!(request.uri().path(), "/panic");
        text("served")
    };
    let server = TestServer::start(ServerLimits::standard(), &[], panics);
    let mut bystander = server.connect();
    assert_eq!(bystander.get("/").status, 200);
    assert_eq!(
        server
            .connect()
            .send("GET /panic HTTP/1.1\r\nHost: a\r\n\r\n")
            .rest(),
        ""
    );
    assert_eq!(bystander.get("/").status, 200);
    assert_eq!(server.connect().get("/").status, 200);
}
