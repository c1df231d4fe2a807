//! Promise: nodes announce themselves in a registry on Redis, an edge follows it, and none of their comings and goings fails a
//! request; neither does an outage of Redis.

use http::Method;
use serde_json::{Value, json};
use terrace_tests::client::request;
use terrace_tests::contract::{exit, metric};
use terrace_tests::load::{Call, OpenLoop};
use terrace_tests::redis::Server;
use terrace_tests::wait::until;
use terrace_tests::{App, Running};
use tokio::time::Instant;

/// Requests per second.
const RATE: u32 = 50;

/// The hash with the registry.
const REGISTRY: &str = "terrace:cluster:nodes";

fn settings(redis: &Server) -> String {
    let url = redis.url();
    format!("[cache]\nmemory = \"off\"\n[cluster]\nurl = {url:?}")
}

/// A node of the app `tested`.
async fn node(redis: &Server) -> Running {
    let app = App::of("hello").config(&settings(redis));
    app.config("[listen]\ntrusted_proxies = [\"127.0.0.1\"]")
        .start()
        .await
}

/// An edge in front of the nodes in the registry.
async fn edge(redis: &Server) -> Running {
    let app = App::edge("").config(&settings(redis));
    app.config("[edge]\norigins = [\"cluster\"]").start().await
}

/// Requests through the edge; each tenth one may not be sent twice.
fn load(edge: &Running) -> OpenLoop {
    let url = edge.url("/");
    OpenLoop::start(RATE, move |index| {
        let method = match index % 10 {
            0 => Method::POST,
            _ => Method::GET,
        };
        request(method, &url, &[], "")
    })
}

/// Asserts that no call failed except those that may not be sent twice and were under way while a node was `lost` and the edge
/// did not know that.
#[track_caller]
fn check(calls: &[Call], lost: Option<(Instant, Instant)>) {
    for call in calls {
        assert!(
            call.is_fine_or_lost(lost),
            "{call:?} failed, lost at {lost:?}"
        );
    }
}

fn origin(node: &Running) -> &str {
    node.http.trim_start_matches("http://")
}

/// Waits until the edge finds so many nodes in a state.
async fn until_nodes(edge: &Running, state: &str, count: u32) {
    let labels = [("state", state)];
    let expected = f64::from(count);
    edge.until_metric(metric::CLUSTER_NODES, &labels, |found| found == expected)
        .await;
}

/// Waits until a server says whether the registry answers.
async fn until_registry(server: &Running, is_out: bool) {
    let expected = f64::from(u8::from(is_out));
    server
        .until_metric(metric::REGISTRY_OUT, &[], |out| out == expected)
        .await;
}

/// The origins of an edge.
async fn origins(edge: &Running) -> Vec<String> {
    let page = edge.admin("/cluster").await.expect(200).json();
    let listed = page["origins"].as_array().expect("a list").iter();
    let listed = listed.map(|origin| origin["origin"].as_str().expect("a text").to_owned());
    listed.collect()
}

async fn until_gone(edge: &Running, node: &str) {
    until("the edge has no such node any more", async || {
        let origins = origins(edge).await;
        (!origins.iter().any(|origin| origin == node)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn nodes_come_and_go_without_a_failed_request() {
    let redis = Server::start();
    let (one, two) = tokio::join!(node(&redis), node(&redis));
    let edge = edge(&redis).await;
    until_nodes(&edge, "used", 2).await;
    let load = load(&edge);
    edge.until_served_by(&one, 10).await;
    edge.until_served_by(&two, 10).await;
    let three = node(&redis).await;
    edge.until_served_by(&three, 10).await;
    // One leaves.
    let left = origin(&one).to_owned();
    let ended = one.terminate().await;
    assert_eq!(ended.code, Some(exit::FINE), "{}", ended.text);
    until_gone(&edge, &left).await;
    // One is lost.
    two.process.kill();
    let killed = Instant::now();
    until_nodes(&edge, "missing", 1).await;
    until_gone(&edge, origin(&two)).await;
    let noticed = Instant::now();
    edge.until_served_by(&three, 10).await;
    check(&load.finish().await, Some((killed, noticed)));
    let page = edge.admin("/cluster").await.expect(200).json();
    let nodes = page["cluster"]["nodes"].as_array().expect("a list");
    assert_eq!(nodes.len(), 1, "{page}");
    assert_eq!(nodes[0]["address"], three.http);
    assert_eq!(nodes[0]["app"], "tested");
    assert_eq!(nodes[0]["state"], "used");
    assert_eq!(page["cluster"]["app"], "tested");
}

/// The servers go on with what they know, and find each other again by themselves.
#[tokio::test]
async fn an_outage_of_the_registry_takes_no_node_away() {
    let mut redis = Server::start();
    let (one, two) = tokio::join!(node(&redis), node(&redis));
    let edge = edge(&redis).await;
    until_nodes(&edge, "used", 2).await;
    let load = load(&edge);
    let all_are_there = async || {
        assert_eq!(origins(&edge).await.len(), 2);
        edge.until_served_by(&one, 5).await;
        edge.until_served_by(&two, 5).await;
    };
    redis.kill();
    for server in [&one, &two, &edge] {
        until_registry(server, true).await;
    }
    all_are_there().await;
    // It comes back empty.
    redis.restart();
    for server in [&one, &two, &edge] {
        until_registry(server, false).await;
        assert_eq!(origins(&edge).await.len(), 2);
    }
    until("both are there again", async || {
        (redis.ask(&["HLEN", REGISTRY]) == "2").then_some(())
    })
    .await;
    until_nodes(&edge, "missing", 0).await;
    all_are_there().await;
    redis.hang();
    for server in [&one, &two, &edge] {
        until_registry(server, true).await;
    }
    all_are_there().await;
    redis.go_on();
    for server in [&one, &two, &edge] {
        until_registry(server, false).await;
    }
    let three = node(&redis).await;
    edge.until_served_by(&three, 5).await;
    check(&load.finish().await, None);
}

#[tokio::test]
async fn servers_start_while_the_registry_is_down() {
    let mut redis = Server::start();
    redis.kill();
    let (node, edge) = tokio::join!(node(&redis), edge(&redis));
    assert_eq!(edge.get("/").await.status, 502);
    redis.restart();
    until_served_by_any(&edge).await;
    assert_eq!(origins(&edge).await, [origin(&node)]);
}

async fn until_served_by_any(edge: &Running) {
    until("a node is found", async || {
        (edge.get("/").await.status == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn nodes_of_other_apps_and_versions_get_no_requests_and_a_warning() {
    let redis = Server::start();
    let own = node(&redis).await;
    let edge = edge(&redis).await;
    until_served_by_any(&edge).await;
    let other = App::of("hello").named("other").config(&settings(&redis));
    let other = other.start().await;
    let say = |name: &str, what: &Value| {
        // Years after the server's time.
        let text = format!("9999999999999 {what}");
        assert_eq!(redis.ask(&["HSET", REGISTRY, name, &text]), "1");
    };
    let node = |version: &str| json!({"address": "http://127.0.0.1:9", "app": "tested", "version": version});
    say("later", &node("99.0.0"));
    say("text", &json!("text"));
    for state in ["used", "other-app", "other-version", "unreadable"] {
        until_nodes(&edge, state, 1).await;
    }
    for _ in 0..20 {
        edge.get("/").await.expect(200);
    }
    assert_eq!(origins(&edge).await, [origin(&own)]);
    let warnings = |of: &str| edge.process.log.text().matches(of).count();
    assert_eq!(
        warnings("a node is not used: this edge serves the app `tested`"),
        1
    );
    assert_eq!(warnings("a node is not used: its version of Terrace"), 1);
    assert_eq!(warnings("is none of a node"), 1);
    // Their keys are those of the registry and of nobody else.
    assert_eq!(redis.ask(&["DBSIZE"]), "1");
    // An edge of the other app, on the same registry.
    let app = App::edge("").config(&settings(&redis));
    let named = app.config("app = \"other\"\n[edge]\norigins = [\"cluster\"]");
    let named = named.start().await;
    until_served_by_any(&named).await;
    assert_eq!(origins(&named).await, [origin(&other)]);
}

#[tokio::test]
async fn a_node_says_what_it_announces() {
    let redis = Server::start();
    let node = App::of("hello").config(&settings(&redis));
    let node = node
        .config("advertise = \"http://localhost:4000\"")
        .start()
        .await;
    let page = until("it is announced", async || {
        (redis.ask(&["EXISTS", REGISTRY]) == "1").then_some(())?;
        Some(node.admin("/cluster").await.expect(200).json())
    })
    .await;
    assert_eq!(page["nodes"][0]["address"], "http://localhost:4000");
    assert_eq!(page["nodes"][0]["state"], "announced");
    assert_eq!(
        page["nodes"][0]["digest"].as_str().expect("a text").len(),
        32
    );
    let ended = node.terminate().await;
    assert_eq!(ended.code, Some(exit::FINE), "{}", ended.text);
    let first = "return redis.call('HVALS', KEYS[1])[1]";
    let noted = redis.ask(&["EVAL", first, "1", REGISTRY]);
    assert!(noted.ends_with(' '), "it has not left: {noted}");
}

#[tokio::test]
async fn a_cluster_that_cannot_be_is_refused() {
    let redis = Server::with(&["requirepass secret"]);
    let everywhere = "[listen]\nhttp = \"0.0.0.0:0\"";
    let app = App::of("hello")
        .config(&settings(&redis))
        .config(everywhere);
    let ended = app.check().await;
    assert_eq!(ended.code, Some(exit::USAGE), "{}", ended.text);
    assert!(
        ended.text.contains("terrace.toml:4:1") && ended.text.contains("advertise = "),
        "{}",
        ended.text
    );
    let edge = App::edge("cluster").refuse().await;
    assert_eq!(edge.code, Some(exit::USAGE), "{}", edge.text);
    assert!(edge.text.contains("[cluster]"), "{}", edge.text);
    for app in [
        App::of("hello").config(&settings(&redis)),
        App::edge("cluster").config(&settings(&redis)),
    ] {
        let ended = app.refuse().await;
        assert_eq!(ended.code, Some(exit::FAILED), "{}", ended.text);
        assert!(
            ended.text.contains("the registry of nodes: "),
            "{}",
            ended.text
        );
    }
}

#[tokio::test]
async fn a_node_with_state_of_its_own_does_not_join() {
    let redis = Server::start();
    let url = redis.url();
    let app = || {
        let app = App::of("hello").grant("key_value_stores = [\"default\"]");
        app.config(&format!("[cluster]\nurl = {url:?}"))
    };
    let ended = app().refuse().await;
    assert_eq!(ended.code, Some(exit::USAGE), "{}", ended.text);
    for part in [
        "a key-value store `default`",
        "a cache of their own",
        "allow_local",
    ] {
        assert!(ended.text.contains(part), "{}", ended.text);
    }
    let allowed = app().config("allow_local = true").start().await;
    allowed.get("/").await.expect(200);
}
