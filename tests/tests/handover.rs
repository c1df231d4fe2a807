//! Promise: a server that is replaced by its successor fails no request, and goes on if the successor does not start.

use bytes::Bytes;
use http::Method;
use terrace_tests::authority::Authority;
use terrace_tests::client::request;
use terrace_tests::contract::exit;
use terrace_tests::load::OpenLoop;
use terrace_tests::realworld::conversation;
use terrace_tests::secure::{Secure, http2};
use terrace_tests::wait::until;
use terrace_tests::{App, guest};

/// Requests per second.
const RATE: u32 = 40;

fn hello() -> App {
    App::new().component("hello", guest("hello")).route("/...")
}

/// Clients that keep their connections read and write, without a proxy in between, while a server is replaced twice.
#[tokio::test]
async fn a_server_is_replaced_under_load_without_a_failed_request() {
    let mut server = App::conduit().start().await;
    let (http, admin) = (server.http.clone(), server.admin.clone());
    let load = OpenLoop::start(RATE, conversation(&server.url("/api")).await);
    for _ in 0..2 {
        load.go_on_for(20).await;
        let (successor, ended) = server.succeed().await;
        assert_eq!(ended.code, Some(exit::FINE), "{}", ended.text);
        server = successor;
        assert_eq!((&server.http, &server.admin), (&http, &admin));
        assert_eq!(server.admin("/readyz").await.status, 200);
    }
    load.go_on_for(20).await;
    let calls = load.finish().await;
    for call in &calls {
        assert!(call.is_fine(), "{call:?}");
    }
}

#[tokio::test]
async fn the_listener_for_https_is_handed_over_too() {
    let authority = Authority::new();
    let app = hello().config(
        "[listen]\nhttps = \"127.0.0.1:0\"\n[tls]\ncertificate = \"a.pem\"\nkey = \"a.key\"",
    );
    authority.sign(&["a.example"], "2").write(app.folder(), "a");
    let server = app.start().await;
    let https = server.https().to_owned();
    let (server, ended) = server.succeed().await;
    assert_eq!(ended.code, Some(exit::FINE), "{}", ended.text);
    assert_eq!(server.https(), https);
    let stream = Secure::new(&authority, &["h2"]);
    let stream = stream.connect(&https, "a.example").await.unwrap();
    let ask = request(Method::GET, "https://a.example/", &[], Bytes::new());
    let response = http2(stream).await.send_request(ask).await.unwrap();
    assert_eq!(response.status(), 200);
}

#[tokio::test]
async fn a_successor_that_does_not_start_changes_nothing() {
    let server = hello().start().await;
    let broken = App::new()
        .component("hello", "broken.wasm")
        .route("/...")
        .file("broken.wasm", "this is no component");
    let ended = broken.in_place_of(&server).refuse().await;
    assert_ne!(ended.code, Some(exit::FINE), "{}", ended.text);
    assert_eq!(server.get("/").await.status, 200);
    let (server, ended) = server.succeed().await;
    assert_eq!(ended.code, Some(exit::FINE), "{}", ended.text);
    assert_eq!(server.get("/").await.status, 200);
}

/// A supervisor may always pass the flag: for the first start, and after a crash.
#[tokio::test]
async fn without_a_running_server_there_is_nothing_to_take_over() {
    let server = hello().arguments(&["--take-over"]).start().await;
    assert_eq!(server.get("/").await.status, 200);
    server.process.kill();
    let server = server.come_back().await;
    assert_eq!(server.get("/").await.status, 200);
}

#[tokio::test]
async fn a_server_that_hangs_is_not_taken_over_and_says_so() {
    let server = hello().start().await;
    server.process.pause();
    let ended = hello().in_place_of(&server).refuse().await;
    assert_eq!(ended.code, Some(exit::FAILED), "{}", ended.text);
    let said = "cannot take the listening sockets over";
    assert!(ended.text.contains(said), "{}", ended.text);
    server.process.resume();
    until("answers", async || {
        (server.try_get("/").await.ok()?.status == 200).then_some(())
    })
    .await;
}
