//! What a client gets of what the inner service answers.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, header};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use storage::EngineFailure;

use super::{Outcome, RequestBody, ResponseBody, ServerLimits, TestServer, echo_server, text};
use crate::failure::Failure;

fn reply(request: &str, answer: fn() -> Outcome) -> super::client::Reply {
    let server = TestServer::start(
        ServerLimits::standard(),
        &[],
        move |_: Request<RequestBody>| async move { answer() },
    );
    server.connect().send(request).reply()
}

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

#[test]
fn a_failure_is_answered_with_problem_details_and_the_request_id() {
    let reply = reply(GET, || Err(Failure::GuestTrapped));
    let details: serde_json::Value = serde_json::from_str(&reply.content).unwrap();
    assert_eq!(reply.status, 500);
    assert!(
        reply
            .head
            .contains("proxy-status: terrace; error=http_response_incomplete"),
        "{}",
        reply.head
    );
    assert!(reply.head.contains(&format!(
        "x-request-id: {}",
        details["request_id"].as_str().unwrap()
    )));
}

#[test]
fn fields_of_the_connection_are_not_the_functions_to_set() {
    let reply = reply(GET, || {
        let response = Response::builder()
            .header("connection", "keep-alive, x-hop")
            .header("keep-alive", "timeout=1000")
            .header("transfer-encoding", "gzip")
            .header("upgrade", "h2c")
            .header("x-hop", "1")
            .header("x-kept", "1")
            .header("content-length", "1000");
        Ok(response
            .body(ResponseBody::Full(Bytes::from_static(b"four")))
            .unwrap())
    });
    for gone in [
        "keep-alive",
        "transfer-encoding",
        "upgrade",
        "x-hop",
        "1000",
    ] {
        assert!(!reply.head.contains(gone), "{gone} in {}", reply.head);
    }
    assert!(
        reply.head.contains("x-kept: 1") && reply.head.contains("date: "),
        "{}",
        reply.head
    );
    assert_eq!(reply.content, "four");
}

#[test]
fn a_switch_of_protocols_is_no_answer() {
    let switches = || {
        Ok(Response::builder()
            .status(101)
            .body(ResponseBody::Empty)
            .unwrap())
    };
    assert_eq!(reply(GET, switches).status, 500);
}

#[test]
fn head_is_answered_with_the_length_alone() {
    let server = TestServer::start(ServerLimits::standard(), &[], |_| async { text("four") });
    let mut client = server.connect();
    client.send("HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let reply = client.rest().to_ascii_lowercase();
    assert!(
        reply.contains("content-length: 4\r\n") && reply.ends_with("\r\n\r\n"),
        "{reply}"
    );
    server.await_metric("status=\"2xx\"} 1");
}

#[test]
fn http_1_0_is_answered_and_closed() {
    let server = echo_server();
    let mut client = server.connect();
    let reply = client.send("GET / HTTP/1.0\r\nHost: a\r\n\r\n").rest();
    assert!(reply.starts_with("HTTP/1.0 200"), "{reply}");
}

#[test]
fn content_is_asked_for_only_when_it_is_read() {
    let server = echo_server();
    let mut client = server.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    assert_eq!(client.reply().status, 100);
    assert_eq!(client.send("abc").reply().status, 200);
    let reads_nothing = TestServer::start(ServerLimits::standard(), &[], |_| async { text("no") });
    let mut client = reads_nothing.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    assert_eq!(client.reply().status, 200);
}

#[test]
fn a_response_with_a_trailer_section_counts_as_complete() {
    let server = TestServer::start(ServerLimits::standard(), &[], |_| async {
        let trailers = HeaderMap::from_iter([(header::ETAG, HeaderValue::from_static("sum"))]);
        let frames = [
            Ok::<_, Failure>(Frame::data(Bytes::from_static(b"four"))),
            Ok(Frame::trailers(trailers)),
        ];
        let content = StreamBody::new(futures::stream::iter(frames));
        let mut response = Response::new(ResponseBody::Streamed(content.boxed_unsync()));
        let names = HeaderValue::from_static("etag");
        response.headers_mut().insert(header::TRAILER, names);
        Ok(response)
    });
    let mut client = server.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: close, te\r\n\r\n");
    let text = client.rest();
    assert!(
        text.ends_with("4\r\nfour\r\n0\r\netag: sum\r\n\r\n"),
        "{text}"
    );
    server.await_metric("terrace_request_duration_seconds_count{component=\"\"} 1");
    let metrics = server.metrics.to_text();
    assert!(!metrics.contains("client-disconnected"), "{metrics}");
}

#[test]
fn a_function_that_fails_by_its_database_is_not_to_blame() {
    let trap = |request: Request<RequestBody>| async move {
        let context = request.body().context().unwrap();
        match request.uri().path() {
            "/busy" => context.set_storage_failure(&EngineFailure::Busy),
            "/unknown" => context.set_storage_failure(&EngineFailure::OutcomeUnknown),
            _ => {}
        }
        Err(Failure::GuestTrapped)
    };
    let server = TestServer::start(ServerLimits::standard(), &[], trap);
    for (path, status, name) in [
        ("/busy", 503, "storage-unavailable"),
        ("/unknown", 500, "storage-failed"),
        ("/own", 500, "guest-trapped"),
    ] {
        let reply = server.connect().get(path);
        assert_eq!(reply.status, status, "{path}");
        assert!(reply.content.contains(name), "{path}: {}", reply.content);
        let says_when = reply.head.contains("retry-after: 1");
        assert_eq!(says_when, status == 503, "{path}: {}", reply.head);
    }
}
