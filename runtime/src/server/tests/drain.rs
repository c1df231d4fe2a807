//! Ending without losing a request.

use std::sync::Arc;
use std::time::Duration;

use http::Request;
use tokio::sync::Semaphore;

use super::{RequestBody, ServeError, ServerLimits, TestServer, await_that, echo_server, text};

/// A server whose requests wait until the returned semaphore lets them through. Each counts in the second one
/// when it has begun.
fn held_server(limits: ServerLimits) -> (TestServer, Arc<Semaphore>, Arc<Semaphore>) {
    let (open, begun) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let (opened, begins) = (Arc::clone(&open), Arc::clone(&begun));
    let held = move |_: Request<RequestBody>| {
        let (open, begun) = (Arc::clone(&opened), Arc::clone(&begins));
        async move {
            begun.add_permits(1);
            open.acquire().await.unwrap().forget();
            text("served")
        }
    };
    (TestServer::start(limits, &[], held), open, begun)
}

fn wait_for(semaphore: &Semaphore) {
    await_that("a request", || semaphore.available_permits() > 0);
}

#[test]
fn a_request_in_flight_is_answered_and_its_connection_closed() {
    let (mut server, open, begun) = held_server(ServerLimits::standard());
    let mut client = server.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    wait_for(&begun);
    server.signal();
    server.await_drain();
    open.add_permits(1);
    let reply = client.reply();
    assert_eq!((reply.status, reply.content.as_str()), (200, "served"));
    assert_eq!(client.rest(), "");
    drop(client);
    server.join().unwrap();
}

#[test]
fn responses_say_close_while_the_server_drains() {
    let mut server = echo_server();
    let mut client = server.connect();
    client.send("GET / HTTP/1.1\r\nHos");
    server.await_metric("terrace_connections 1");
    server.signal();
    server.await_drain();
    let reply = client.send("t: a\r\n\r\n").reply();
    assert!(reply.head.contains("connection: close"), "{}", reply.head);
    assert_eq!(client.rest(), "");
    drop(client);
    server.join().unwrap();
}

#[test]
fn idle_connections_are_closed_and_the_port_is_free() {
    let mut server = echo_server();
    let mut client = server.connect();
    assert_eq!(client.get("/").status, 200);
    server.signal();
    assert_eq!(client.rest(), "");
    drop(client);
    let address = server.address;
    server.join().unwrap();
    assert!(std::net::TcpStream::connect(address).is_err());
}

#[test]
fn a_connection_that_was_accepted_before_gets_its_first_request_served() {
    let mut server = echo_server();
    let mut client = server.connect();
    server.await_metric("terrace_connections 1");
    server.signal();
    server.await_drain();
    assert_eq!(client.get("/").status, 200);
    assert_eq!(client.rest(), "");
    drop(client);
    server.join().unwrap();
}

#[test]
fn no_request_that_was_sent_before_the_signal_is_lost() {
    let mut server = echo_server();
    let mut kept = server.connect();
    assert_eq!(kept.get("/").status, 200);
    let mut clients: Vec<_> = (0..50).map(|_| server.connect()).collect();
    for client in clients.iter_mut().chain([&mut kept]) {
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    server.signal();
    for client in clients.iter_mut().chain([&mut kept]) {
        assert_eq!(client.reply().status, 200);
        assert_eq!(client.rest(), "");
    }
    drop((clients, kept));
    server.join().unwrap();
}

#[test]
fn requests_in_flight_are_cut_at_the_drain_timeout() {
    let mut limits = ServerLimits::standard();
    limits.drain_timeout = Duration::from_millis(50);
    let (mut server, _open, begun) = held_server(limits);
    let mut client = server.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    wait_for(&begun);
    server.signal();
    assert!(matches!(server.join(), Err(ServeError::Drain)));
    server.await_metric("failure=\"client-disconnected\"} 1");
}

#[test]
fn the_second_signal_ends_at_once() {
    let (mut server, _open, begun) = held_server(ServerLimits::standard());
    let mut client = server.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    wait_for(&begun);
    server.signal();
    server.signal();
    assert!(matches!(server.join(), Err(ServeError::Drain)));
}
