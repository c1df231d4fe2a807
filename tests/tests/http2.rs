//! Promise: a client of HTTP/2 gets what a client of HTTP/1.1 gets, and none of its streams costs another client more than
//! the limits allow.

use std::future::poll_fn;

use bytes::Bytes;
use h2::client::SendRequest;
use http::{Method, Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use terrace_tests::client::{request, whole};
use terrace_tests::contract::{EVENT_REQUEST, FAILURE, failure};
use terrace_tests::raw::Connection;
use terrace_tests::secure::{self, ask, http2};
use terrace_tests::streamed::MUCH;
use terrace_tests::upstream::Upstream;
use terrace_tests::wait::within;
use terrace_tests::{App, Running};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

const H2C: &str = "[listen]\nh2c = true";

/// An edge that speaks HTTP/2, in front of an origin that answers with as many bytes as the path says.
async fn counting() -> (Upstream, App) {
    let origin = Upstream::answering(async |request: Request<Incoming>| {
        let count = request.uri().path()[1..].parse().unwrap_or(0);
        let response = Response::builder().header("cache-control", "no-store");
        response
            .body(whole(vec![b'x'; count]))
            .expect("a valid response")
    });
    let origin = origin.await;
    let edge = App::edge(&origin.url).config(H2C);
    (origin, edge)
}

fn get(path: &str) -> Request<terrace_tests::client::Content> {
    request(
        Method::GET,
        &format!("http://a.example{path}"),
        &[],
        Bytes::new(),
    )
}

/// A client that decides by itself what to read. Its window for the connection is larger than that for a stream.
async fn client(edge: &Running) -> (SendRequest<Bytes>, JoinHandle<()>) {
    let stream: TcpStream = secure::connect(&edge.http).await;
    let handshake = h2::client::Builder::new()
        .initial_connection_window_size(1 << 20)
        .handshake(stream);
    let handshake = within("the preface", handshake).await;
    let (sender, connection) = handshake.expect("the server speaks HTTP/2");
    let driving = tokio::spawn(async move {
        let _ = connection.await;
    });
    (sender, driving)
}

fn plain(path: &str) -> Request<()> {
    let request = Request::get(format!("http://a.example{path}"));
    request.body(()).expect("a valid request")
}

#[tokio::test]
async fn http_2_carries_what_http_1_1_does() {
    let origin = Upstream::answering(async |request: Request<Incoming>| {
        let (head, content) = request.into_parts();
        let length = head.headers.get("content-length").cloned();
        let cookie = head.headers.get("cookie").cloned();
        let mut response = Response::builder();
        for (name, value) in [("x-length", length), ("x-cookie", cookie)] {
            if let Some(value) = value {
                response = response.header(name, value);
            }
        }
        let content = content.map_err(std::io::Error::other).boxed_unsync();
        response.body(content).unwrap()
    });
    let origin = origin.await;
    let edge = App::edge(&origin.url).config(H2C).start().await;
    let mut sender = http2(secure::connect(&edge.http).await).await;
    let content = vec![b'c'; 300_000];
    let url = "http://a.example/";
    let post = request(
        Method::POST,
        url,
        &[("cookie", "a=1"), ("cookie", "b=2")],
        content.clone(),
    );
    let answer = ask(&mut sender, post).await;
    assert_eq!((answer.status, answer.body.len()), (200, content.len()));
    assert_eq!(answer.header("x-cookie"), "a=1; b=2");
    assert_eq!(answer.header("x-length"), "300000");
    let mut all = Vec::new();
    for number in 0..50 {
        let text = number.to_string();
        let post = request(Method::POST, url, &[], text.clone());
        all.push((text, sender.send_request(post)));
    }
    for (text, response) in all {
        let answer = secure::whole(response.await.unwrap()).await;
        assert_eq!((answer.status, answer.text()), (200, text));
    }
}

#[tokio::test]
async fn a_response_without_content_has_none_in_http_2() {
    let (_origin, edge) = counting().await;
    let edge = edge.start().await;
    let mut sender = http2(secure::connect(&edge.http).await).await;
    let head = request(Method::HEAD, "http://a.example/1000", &[], Bytes::new());
    let answer = ask(&mut sender, head).await;
    assert_eq!((answer.status, answer.body.len()), (200, 0));
    assert_eq!(answer.header("content-length"), "1000");
    let missing = ask(&mut sender, get("/0")).await;
    assert_eq!((missing.status, missing.body.len()), (200, 0));
}

#[tokio::test]
async fn http_2_without_tls_is_spoken_only_where_it_is_asked_for() {
    let origin = Upstream::start().await;
    let edge = App::edge(&origin.url).start().await;
    let mut connection = Connection::open(&edge.http).await;
    connection.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    let said = connection.read_to_end().await;
    assert!(said.starts_with("HTTP/1.1 400"), "{said}");
    let edge = App::edge(&origin.url).config(H2C).start().await;
    assert_eq!(edge.get("/a").await.status, 200, "HTTP/1.1 as before");
    // Half of the preface, then another method.
    let mut connection = Connection::open(&edge.http).await;
    connection.send("PR").await;
    connection
        .send("OPFIND / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        .await;
    let said = connection.read_to_end().await;
    assert!(said.starts_with("HTTP/1.1 200"), "{said}");
}

#[tokio::test]
async fn a_head_with_too_many_fields_is_refused_alone() {
    let (_origin, edge) = counting().await;
    let edge = edge.start().await;
    let (mut sender, _driving) = client(&edge).await;
    let mut request = plain("/5");
    for number in 0..200 {
        let name = http::HeaderName::try_from(format!("x-{number}")).unwrap();
        request.headers_mut().insert(name, "1".parse().unwrap());
    }
    let (refused, _) = sender.send_request(request, true).unwrap();
    let (answered, _) = sender.send_request(plain("/5"), true).unwrap();
    assert_eq!(within("431", refused).await.unwrap().status(), 431);
    assert_eq!(within("200", answered).await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_stream_that_is_not_read_ends_and_the_others_of_its_connection_go_on() {
    let (_origin, edge) = counting().await;
    let limits = "[limits]\nwrite_timeout = \"1s\"";
    let edge = edge.config(limits).start().await;
    let (mut sender, _driving) = client(&edge).await;
    let (stalled, _) = sender
        .send_request(plain(&format!("/{MUCH}")), true)
        .unwrap();
    let stalled = within("a head", stalled).await.unwrap();
    let id = stalled.headers()["x-request-id"].clone();
    let mut content = stalled.into_body();
    for _ in 0..3 {
        let (other, _) = sender.send_request(plain("/100"), true).unwrap();
        let mut other = within("another response", other).await.unwrap().into_body();
        let piece = within("its content", poll_fn(|cx| other.poll_data(cx))).await;
        assert_eq!(piece.unwrap().unwrap().len(), 100);
    }
    // What the window held comes, and then the reset.
    let mut received = 0;
    let reset = within("the reset", async {
        loop {
            match content.data().await {
                Some(Ok(piece)) => received += piece.len(),
                Some(Err(error)) => break error,
                None => panic!("the content is whole"),
            }
        }
    });
    assert!(reset.await.is_reset());
    assert!(received < MUCH);
    let of_stalled = |line: &serde_json::Value| line["request_id"] == id.to_str().unwrap();
    let logged = edge.process.log.event(EVENT_REQUEST, of_stalled).await;
    assert_eq!(logged[FAILURE], failure::RESPONSE_TIMEOUT);
}

#[tokio::test]
async fn a_client_that_cancels_its_requests_is_cut_off_and_others_are_served() {
    let (_origin, edge) = counting().await;
    let edge = edge.start().await;
    let (sender, driving) = client(&edge).await;
    let mut sent = 0;
    while let Ok(mut ready) = sender.clone().ready().await {
        let Ok((response, mut stream)) = ready.send_request(plain("/1000000"), true) else {
            break;
        };
        stream.send_reset(h2::Reason::CANCEL);
        drop(response);
        sent += 1;
        assert!(sent < 100_000, "the connection goes on");
        tokio::task::yield_now().await;
    }
    drop(sender);
    within("the end of the connection", driving).await.unwrap();
    assert_eq!(edge.get("/5").await.body.len(), 5);
}

#[tokio::test]
async fn a_connection_of_http_2_without_requests_ends() {
    let (_origin, edge) = counting().await;
    let limits = "[limits]\nheader_timeout = \"1s\"\nkeep_alive_timeout = \"1s\"";
    let edge = edge.config(limits).start().await;
    let (unused, driving) = client(&edge).await;
    within("the end of an unused connection", driving)
        .await
        .unwrap();
    drop(unused);
    let (mut sender, driving) = client(&edge).await;
    let (response, _) = sender.send_request(plain("/5"), true).unwrap();
    assert_eq!(within("a response", response).await.unwrap().status(), 200);
    within("the end of an idle connection", driving)
        .await
        .unwrap();
    drop(sender);
    // Not even the preface comes.
    let silent = Connection::open(&edge.http).await;
    assert_eq!(silent.read_to_end().await, "");
}

/// A client that announces the largest windows and reads nothing holds no more than a piece of each response.
#[tokio::test]
async fn a_client_that_reads_nothing_is_cut_off() {
    let (_origin, edge) = counting().await;
    let limits = "[limits]\nwrite_timeout = \"1s\"";
    let edge = edge.config(limits).start().await;
    let stream = secure::connect(&edge.http).await;
    let handshake = h2::client::Builder::new()
        .initial_window_size((1 << 31) - 1)
        .initial_connection_window_size((1 << 31) - 1)
        .handshake::<_, Bytes>(stream);
    let (mut sender, mut connection) = within("the preface", handshake).await.unwrap();
    let path = format!("/{MUCH}");
    let (response, _) = sender.send_request(plain(&path), true).unwrap();
    // Driven until the head has come, then no more: nothing is read from the socket.
    let head = within("a head", async {
        tokio::select! {
            head = response => head,
            ended = &mut connection => panic!("{ended:?}"),
        }
    });
    let id = head.await.unwrap().headers()["x-request-id"].clone();
    let of_it = |line: &serde_json::Value| line["request_id"] == id.to_str().unwrap();
    let logged = edge.process.log.event(EVENT_REQUEST, of_it).await;
    assert!(logged[FAILURE].is_string(), "{logged}");
    assert_eq!(edge.get("/5").await.body.len(), 5);
}
