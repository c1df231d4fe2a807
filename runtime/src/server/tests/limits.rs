//! Every limit at its value and just beyond.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::BodyExt;

use super::{RequestBody, ResponseBody, ServerLimits, TestServer, echo, text};
use crate::failure::Failure;

const SHORT: Duration = Duration::from_millis(50);

/// Content without end.
struct Endless;

impl Body for Endless {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[0; 65536])))))
    }
}

fn server(change: impl FnOnce(&mut ServerLimits)) -> TestServer {
    let mut limits = ServerLimits::standard();
    change(&mut limits);
    TestServer::start(limits, &[], echo)
}

fn status_of_head(server: &TestServer, fields: &str) -> u16 {
    server
        .connect()
        .send(format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n"))
        .reply()
        .status
}

#[test]
fn header_fields_are_counted() {
    let server = server(|limits| limits.max_header_count = 10);
    assert_eq!(status_of_head(&server, &"A: b\r\n".repeat(9)), 200);
    assert_eq!(status_of_head(&server, &"A: b\r\n".repeat(10)), 431);
}

#[test]
fn the_standard_count_of_header_fields_holds() {
    let server = server(|_| {});
    assert_eq!(status_of_head(&server, &"A: b\r\n".repeat(99)), 200);
    assert_eq!(status_of_head(&server, &"A: b\r\n".repeat(100)), 431);
}

#[test]
fn header_bytes_are_counted() {
    let server = server(|limits| limits.max_header_bytes = 1000);
    let rest = "GET / HTTP/1.1\r\nHost: a\r\nA: \r\n\r\n".len();
    let field = |bytes| format!("A: {}\r\n", "b".repeat(bytes));
    assert_eq!(status_of_head(&server, &field(1000 - rest)), 200);
    assert_eq!(status_of_head(&server, &field(1001 - rest)), 431);
}

#[test]
fn a_head_that_never_ends_is_refused() {
    let server = server(|limits| limits.max_header_bytes = 10_000);
    let mut client = server.connect();
    client
        .send("GET / HTTP/1.1\r\nHost: a\r\nA: ")
        .send_what_is_taken(&vec![b'a'; 1_000_000]);
    assert_eq!(client.reply().status, 431);
}

#[test]
fn a_content_length_beyond_the_limit_is_refused_before_anything_runs() {
    let limited = |mut request: Request<RequestBody>| async move {
        request.body_mut().set_limit(5)?;
        echo(request).await
    };
    let server = TestServer::start(ServerLimits::standard(), &[], limited);
    let post = |content: &str| {
        let length = content.len();
        let head = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
        server.connect().send(head + content).reply()
    };
    assert_eq!(post("12345").status, 200);
    let refused = post("123456");
    assert_eq!(refused.status, 413);
    assert!(
        refused.content.contains("At most 5 bytes"),
        "{}",
        refused.content
    );
}

#[test]
fn a_client_that_sends_too_much_reads_its_413() {
    let server = server(|limits| limits.max_body_bytes = 1000);
    let mut client = server.connect();
    client
        .send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\n")
        .send_what_is_taken(&vec![b'a'; 0xfffff]);
    assert_eq!(client.reply().status, 413);
}

#[test]
fn the_client_is_told_413_whatever_the_guest_makes_of_its_read_error() {
    let careless = |request: Request<RequestBody>| async move {
        let _ = request.into_body().collect().await;
        text("fine")
    };
    let mut limits = ServerLimits::standard();
    limits.max_body_bytes = 3;
    let server = TestServer::start(limits, &[], careless);
    let chunked =
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n";
    assert_eq!(server.connect().send(chunked).reply().status, 413);
}

#[test]
fn a_head_that_is_not_finished_in_time_is_answered_with_408() {
    let server = server(|limits| limits.header_timeout = SHORT);
    let mut client = server.connect();
    assert_eq!(client.send("GET / HTTP/1.1\r\nHos").reply().status, 408);
    assert_eq!(client.rest(), "");
}

#[test]
fn the_second_head_of_a_connection_has_the_same_time() {
    let server = server(|limits| limits.header_timeout = SHORT);
    let mut client = server.connect();
    assert_eq!(client.get("/").status, 200);
    assert_eq!(client.send("GET / HTTP/1.1\r\nHos").reply().status, 408);
}

#[test]
fn a_connection_that_says_nothing_is_closed_without_a_word() {
    let server = server(|limits| limits.header_timeout = SHORT);
    assert_eq!(server.connect().rest(), "");
}

#[test]
fn a_connection_is_closed_when_it_is_not_used_again() {
    let server = server(|limits| limits.keep_alive_timeout = SHORT);
    let mut client = server.connect();
    assert_eq!(client.get("/").status, 200);
    assert_eq!(client.rest(), "");
}

#[test]
fn content_that_stops_coming_is_answered_with_408() {
    let server = server(|limits| limits.body_progress_timeout = SHORT);
    let mut client = server.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
    assert_eq!(client.reply().status, 408);
    assert_eq!(client.rest(), "");
}

/// Each byte comes well within the time, which a byte alone does not earn back.
#[test]
fn a_client_that_sends_a_byte_now_and_then_does_not_hold_its_request_open() {
    let server = server(|limits| {
        limits.body_progress_timeout = SHORT;
        limits.min_rate = 1000;
    });
    let mut client = server.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n");
    let answer = client.reply_to_trickle(Duration::from_millis(5));
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
}

#[test]
fn a_client_that_reads_a_byte_now_and_then_is_cut_off() {
    let mut limits = ServerLimits::standard();
    limits.write_progress_timeout = SHORT;
    limits.min_rate = u64::MAX;
    let server = TestServer::start(limits, &[], endless);
    let mut client = server.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    client.read_pieces_until_cut();
    server.await_metric("failure=\"response-timeout\"} 1");
}

async fn endless(_: Request<RequestBody>) -> Result<Response<ResponseBody>, Failure> {
    let content = ResponseBody::Streamed(Endless.boxed_unsync());
    Ok(Response::new(content))
}

#[test]
fn a_client_that_never_reads_is_cut_off() {
    let mut limits = ServerLimits::standard();
    limits.write_progress_timeout = SHORT;
    let server = TestServer::start(limits, &[], endless);
    let mut client = server.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    server.await_metric("failure=\"response-timeout\"} 1");
}

/// More than the sockets of both ends hold.
const LONG: usize = 32 * 1024 * 1024;

async fn long(_: Request<RequestBody>) -> Result<Response<ResponseBody>, Failure> {
    Ok(Response::new(ResponseBody::Full(Bytes::from(vec![
        b'a';
        LONG
    ]))))
}

#[test]
fn a_long_response_is_not_an_unused_connection() {
    let mut limits = ServerLimits::standard();
    limits.keep_alive_timeout = Duration::from_millis(1);
    limits.header_timeout = Duration::from_millis(10);
    let server = TestServer::start(limits, &[], long);
    assert_eq!(server.connect().get("/").content.len(), LONG);
}

#[test]
fn a_long_response_is_sent_to_its_end_while_the_server_drains() {
    let mut server = TestServer::start(ServerLimits::standard(), &[], long);
    let mut client = server.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    server.await_metric("method=\"safe\",status=\"2xx\"} 1");
    server.signal();
    server.await_drain();
    assert_eq!(client.reply().content.len(), LONG);
    drop(client);
    server.join().unwrap();
}

#[test]
fn a_connection_beyond_the_limit_is_told_so() {
    let server = server(|limits| limits.max_connections = 1);
    let mut first = server.connect();
    assert_eq!(first.get("/").status, 200);
    let refused = server.connect().reply();
    assert_eq!(refused.status, 503);
    assert!(refused.head.contains("retry-after: 1"), "{}", refused.head);
    assert_eq!(first.get("/").status, 200);
}

#[test]
fn a_closed_connection_makes_room_for_another() {
    let server = server(|limits| limits.max_connections = 1);
    drop(server.connect().get("/"));
    server.await_metric("terrace_connections 0");
    assert_eq!(server.connect().get("/").status, 200);
}
