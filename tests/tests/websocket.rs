//! Promise: WebSockets and server-sent events pass through an edge.

use futures::SinkExt;
use futures::channel::mpsc;
use http::{Method, Response};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use terrace_tests::client::request;
use terrace_tests::contract::{EVENT_REQUEST, exit};
use terrace_tests::raw::{Connection, statuses};
use terrace_tests::upstream::Upstream;
use terrace_tests::wait::within;
use terrace_tests::{App, Running};

/// A client's part of the handshake (RFC 6455 §1.2).
const ASK: &str = "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// The server's part.
const AGREE: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// An origin that agrees and answers each `ping` with `pong`, until the client sends something else or leaves. What it was
/// asked, and how it ended, is told.
async fn chatting() -> (Upstream, mpsc::UnboundedReceiver<String>) {
    let (tell, told) = mpsc::unbounded();
    let origin = Upstream::raw(move |mut connection: Connection| {
        let mut tell = tell.clone();
        async move {
            let asked = connection.read_until("\r\n\r\n").await;
            if !asked.starts_with("GET") {
                return;
            }
            tell.send(asked).await.expect("the test listens");
            connection.send(AGREE).await;
            while connection.read_until("ping").await.ends_with("ping") {
                connection.send("pong").await;
            }
            connection.send("bye").await;
            tell.send("ended".to_owned())
                .await
                .expect("the test listens");
        }
    });
    (origin.await, told)
}

/// A WebSocket through the edge.
async fn open(edge: &Running) -> Connection {
    let mut client = Connection::open(&edge.http).await;
    client.send(ASK).await;
    let agreed = client.read_until("\r\n\r\n").await;
    assert!(agreed.starts_with("HTTP/1.1 101"), "{agreed}");
    let fields = agreed.to_lowercase();
    for field in [
        "upgrade: websocket",
        "connection: upgrade",
        "sec-websocket-accept: s3pp",
    ] {
        assert!(fields.contains(field), "no `{field}` in {agreed}");
    }
    client
}

async fn check_pong(client: &mut Connection) {
    client.send("ping").await;
    assert_eq!(client.read_until("pong").await, "pong");
}

async fn next(told: &mut mpsc::UnboundedReceiver<String>) -> String {
    use futures::StreamExt;
    within("word of the origin", told.next())
        .await
        .expect("it lives")
}

#[tokio::test]
async fn a_websocket_passes_both_ways_until_one_side_closes() {
    let (origin, mut told) = chatting().await;
    let edge = App::edge(&origin.url).start().await;
    // The client closes.
    let mut client = open(&edge).await;
    let asked = next(&mut told).await.to_lowercase();
    for field in [
        "upgrade: websocket",
        "connection: upgrade",
        "sec-websocket-key: dghl",
        "x-forwarded-for: 127.0.0.1",
    ] {
        assert!(asked.contains(field), "no `{field}` in {asked}");
    }
    for _ in 0..3 {
        check_pong(&mut client).await;
    }
    drop(client);
    assert_eq!(next(&mut told).await, "ended");
    // The origin closes.
    let mut client = open(&edge).await;
    next(&mut told).await;
    check_pong(&mut client).await;
    client.send("quit").await;
    client.finish_sending().await;
    assert_eq!(client.read_to_end().await, "bye");
    let is_logged = |line: &serde_json::Value| line["status"] == 101;
    edge.process.log.event(EVENT_REQUEST, is_logged).await;
    edge.until_metric("terrace_origin_in_flight", &[], |count| count == 0.0)
        .await;
}

/// Also beside one that is down.
#[tokio::test]
async fn a_websocket_goes_to_an_origin_that_is_up() {
    let (origin, _told) = chatting().await;
    let down = terrace_tests::upstream::Reserved::take();
    let edge = App::balancer(&[&down.url, &origin.url]).start().await;
    for _ in 0..5 {
        check_pong(&mut open(&edge).await).await;
    }
}

#[tokio::test]
async fn a_websocket_on_which_nothing_passes_is_closed() {
    let (origin, _told) = chatting().await;
    let config = "[edge]\nwebsocket_timeout = \"200ms\"";
    let edge = App::edge(&origin.url).config(config).start().await;
    let client = open(&edge).await;
    assert_eq!(client.read_to_end().await, "");
}

#[tokio::test]
async fn a_websocket_ends_when_the_edge_shuts_down() {
    let (origin, mut told) = chatting().await;
    let edge = App::edge(&origin.url).start().await;
    let mut client = open(&edge).await;
    next(&mut told).await;
    check_pong(&mut client).await;
    edge.process.terminate();
    client.read_to_end().await;
    assert_eq!(next(&mut told).await, "ended");
    assert_eq!(edge.process.wait().await.code, Some(exit::FINE));
}

/// Its answer is one like any other, and the connection goes on.
#[tokio::test]
async fn an_origin_may_refuse_a_websocket() {
    let origin = Upstream::start().await;
    let edge = App::edge(&origin.url).start().await;
    let mut client = Connection::open(&edge.http).await;
    for _ in 0..2 {
        client.send(ASK).await;
        let answer = client.read_until("upstream /chat").await;
        assert_eq!(statuses(&answer), [200], "{answer}");
    }
    assert_eq!(origin.seen().len(), 2, "nothing is stored");
}

/// No other protocol is passed on, and none that only one of the two fields names.
#[tokio::test]
async fn only_a_websocket_is_asked_for() {
    let origin = Upstream::start().await;
    let edge = App::edge(&origin.url).start().await;
    for fields in [
        "Connection: upgrade\r\nUpgrade: h2c",
        "Upgrade: websocket",
        "Connection: upgrade",
    ] {
        let mut client = Connection::open(&edge.http).await;
        let head = format!("GET /a HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n");
        client.send(head).await;
        client.read_until("upstream /a").await;
        let seen = origin.seen().pop();
        if let Some(seen) = seen {
            assert!(!seen.headers.contains_key("upgrade"), "{fields}");
        }
    }
}

/// A function does not switch protocols.
#[tokio::test]
async fn under_up_a_websocket_is_a_request_like_any_other() {
    let app = App::of("hello").start().await;
    let mut client = Connection::open(&app.http).await;
    client.send(ASK).await;
    let answer = client.read_until("\r\n\r\n").await;
    assert!(!statuses(&answer).contains(&101), "{answer}");
}

#[tokio::test]
async fn server_sent_events_arrive_one_by_one() {
    let (events, sent) = mpsc::channel::<&'static str>(1);
    let sent = std::sync::Mutex::new(Some(sent));
    let origin = Upstream::answering(move |_| {
        use futures::StreamExt;
        let sent = sent.lock().expect("no panic").take();
        let frames = sent
            .expect("one request")
            .map(|event| Ok(Frame::data(event.into())));
        let response = Response::builder().header("content-type", "text/event-stream");
        let response = response.body(StreamBody::new(frames).boxed_unsync());
        async move { response.expect("a valid response") }
    });
    let (origin, mut events) = (origin.await, events);
    let edge = App::edge(&origin.url).start().await;
    let response = edge
        .client
        .stream(request(Method::GET, &edge.url("/events"), &[], ""))
        .await;
    let mut content = response.into_body();
    for event in ["data: 1\n\n", "data: 2\n\n", "data: 3\n\n"] {
        events.send(event).await.expect("the origin sends");
        let frame = within("the event", content.frame()).await;
        let frame = frame.expect("not ended").expect("not broken");
        assert_eq!(frame.into_data().expect("data"), event);
    }
}
