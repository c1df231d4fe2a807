//! Ending without losing a request.

use std::sync::Arc;
use std::time::Duration;

use http::Request;
use tokio::sync::Semaphore;

use super::{RequestBody, ServerLimits, TestServer, echo_server, text};

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
    while semaphore
        .try_acquire()
        .map(|permit| permit.forget())
        .is_err()
    {
        std::thread::yield_now();
    }
}

#[test]
fn a_request_in_flight_is_answered_and_its_connection_closed() {
    let (mut server, open, begun) = held_server(ServerLimits::standard());
    let mut client = server.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    wait_for(&begun);
    server.signal();
    while server.readiness.is_ready() {
        std::thread::yield_now();
    }
    open.add_permits(1);
    let reply = client.reply();
    assert_eq!((reply.status, reply.content.as_str()), (200, "served"));
    assert!(reply.head.contains("connection: close"), "{}", reply.head);
    assert_eq!(client.rest(), "");
    server.join();
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
    server.join();
    assert!(std::net::TcpStream::connect(address).is_err());
}

#[test]
fn a_connection_that_was_accepted_before_gets_its_first_request_served() {
    let mut server = echo_server();
    let mut client = server.connect();
    server.await_metric("terrace_connections 1");
    server.signal();
    while server.readiness.is_ready() {
        std::thread::yield_now();
    }
    assert_eq!(client.get("/").status, 200);
    assert_eq!(client.rest(), "");
    drop(client);
    server.join();
}

#[test]
fn no_request_is_lost_while_clients_keep_coming() {
    let mut server = echo_server();
    let address = server.address;
    let clients: Vec<_> = (0..8)
        .map(|_| {
            std::thread::spawn(move || {
                let mut served = 0;
                while let Ok(stream) = std::net::TcpStream::connect(address) {
                    drop(stream);
                    let Some(replied) = one_request(address) else {
                        break;
                    };
                    assert!(replied, "a request was cut after {served}");
                    served += 1;
                }
                served
            })
        })
        .collect();
    server.await_metric("method=\"safe\",status=\"2xx\"} 1");
    server.signal();
    server.join();
    assert!(
        clients
            .into_iter()
            .map(|client| client.join().unwrap())
            .sum::<u32>()
            > 0
    );
}

/// Whether a request got its response; `None` when nobody listens any more.
fn one_request(address: std::net::SocketAddr) -> Option<bool> {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(address).ok()?;
    let sent = stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let mut reply = String::new();
    let read = stream.read_to_string(&mut reply);
    Some(sent.is_ok() && read.is_ok() && reply.starts_with("HTTP/1.1 200"))
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
    server.join();
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
    server.join();
}
