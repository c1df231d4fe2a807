//! What a client gets of what the inner service answers.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use http::{Request, Response, StatusCode};

use super::{
    Outcome, RequestBody, RequestContext, ResponseBody, ServerLimits, TestServer, echo_server, text,
};
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

/// Sends two interim responses, one before the connection's task is idle and one after.
async fn hint_first(request: Request<RequestBody>) -> Outcome {
    let context = request.extensions().get::<Arc<RequestContext>>().unwrap();
    if let Some(interim) = context.interim() {
        let mut fields = http::HeaderMap::new();
        fields.insert("link", "</a>".parse().unwrap());
        poll_fn(|task| Poll::Ready(interim.register(task.waker()))).await;
        interim.send(StatusCode::EARLY_HINTS, &fields);
        tokio::task::yield_now().await;
        interim.send(StatusCode::PROCESSING, &http::HeaderMap::new());
    }
    text("done")
}

#[test]
fn interim_responses_go_before_the_final_one_rfc_9110_15_2() {
    let server = TestServer::start(ServerLimits::standard(), &[], hint_first);
    let request = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let all = server.connect().send(request).rest();
    let heads: Vec<&str> = all.split("\r\n\r\n").collect();
    assert_eq!(heads[0], "HTTP/1.1 103 Early Hints\r\nlink: </a>");
    assert_eq!(heads[1], "HTTP/1.1 102 Processing");
    assert!(heads[2].starts_with("HTTP/1.1 200 OK\r\n"), "{all}");
    assert_eq!(heads[3], "done");
}

#[test]
fn a_client_of_http_1_0_gets_no_interim_response_rfc_9110_15_2() {
    let server = TestServer::start(ServerLimits::standard(), &[], hint_first);
    let all = server
        .connect()
        .send("GET / HTTP/1.0\r\nHost: a\r\n\r\n")
        .rest();
    assert!(all.starts_with("HTTP/1.0 200 OK\r\n"), "{all}");
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
