//! Promise: a key-value store on a Redis server is the same for each process, and an outage of the server is an error of the call
//! and of nothing else.

use http::Method;
use terrace_tests::contract::{exit, metric};
use terrace_tests::proxy::Proxy;
use terrace_tests::redis::Server;
use terrace_tests::redis::cluster::Cluster;
use terrace_tests::wait::until;
use terrace_tests::{App, Running};

fn app(url: &str) -> App {
    App::of("capabilities")
        .grant("key_value_stores = [\"default\"]")
        .config(&format!("[kv.default]\nurl = {url:?}"))
}

async fn put(app: &Running, key: &str, value: &str) {
    let path = format!("/kv/default/{key}");
    app.call(Method::PUT, &path, value.to_owned())
        .await
        .expect(200);
}

#[tokio::test]
async fn two_processes_on_one_server_see_each_others_values() {
    let server = Server::start();
    let (one, two) = (app(&server.url()), app(&server.url()));
    let (one, two) = tokio::join!(one.start(), two.start());
    put(&one, "a", "from one").await;
    put(&two, "b", "from two").await;
    assert_eq!(
        one.get("/kv/default/b").await.expect(200).text(),
        "from two"
    );
    assert_eq!(
        two.get("/kv/default/a").await.expect(200).text(),
        "from one"
    );
    assert_eq!(server.ask(&["DBSIZE"]), "2");
}

#[tokio::test]
async fn a_cluster_is_named_by_some_of_its_servers() {
    let cluster = Cluster::start().await;
    let url = cluster.url();
    let app = app(&url)
        .config(&format!("[cache]\nshared = {url:?}"))
        .config(&format!("[cluster]\nurl = {url:?}"));
    let app = app.start().await;
    for key in ["a", "b", "c", "d", "e", "f"] {
        put(&app, key, key).await;
        let path = format!("/kv/default/{key}");
        assert_eq!(app.get(&path).await.expect(200).text(), key);
    }
    let keys = app.get("/kv/default").await.expect(200).text();
    assert_eq!(keys, r#"["a","b","c","d","e","f"]"#);
    app.until_metric(metric::CACHE_FOLLOWED, &[], |is| is == 1.0)
        .await;
    until("the node is in the registry", async || {
        let key = ["EXISTS", "terrace:cluster:nodes"];
        let server = cluster.primary_of(key[1]);
        (cluster.servers[server].ask(&key) == "1").then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_outage_of_the_server_fails_calls_and_nothing_else() {
    let mut server = Server::with(&["appendonly yes"]);
    let app = app(&server.url()).start().await;
    put(&app, "a", "kept").await;
    server.kill();
    let answer = app.get("/kv/default/a").await;
    assert!(answer.status >= 500, "{}", answer.status);
    assert!(answer.text().contains("not available"), "{}", answer.text());
    app.get("/kv/other/a").await.expect(403);
    let said = "calls of a key-value store fail: the server is not available";
    let log = &app.process.log;
    log.find(said, |text| text.contains(said).then_some(()))
        .await;
    server.restart();
    let value = until("the server is found again", async || {
        let answer = app.get("/kv/default/a").await;
        (answer.status == 200).then(|| answer.text())
    });
    assert_eq!(value.await, "kept");
    put(&app, "a", "new").await;
}

#[tokio::test]
async fn calls_are_counted_by_store_engine_and_operation() {
    let mut server = Server::start();
    let redis = app(&server.url()).start().await;
    let sqlite = App::of("capabilities-v2").grant("key_value_stores = [\"default\"]");
    let sqlite = sqlite.start().await;
    for (app, engine) in [(&redis, "redis"), (&sqlite, "sqlite")] {
        for value in ["1", "2", "3"] {
            put(app, "a", value).await;
        }
        app.get("/kv/default/a").await.expect(200);
        app.get("/kv/other/a").await.expect(403);
        let metrics = app.metrics().await;
        let calls = |operation| {
            let labels = [("store", "default"), ("engine", engine)];
            let labels = [&labels[..], &[("operation", operation)]].concat();
            metrics.sum(metric::KV_CALLS, &labels)
        };
        assert_eq!([calls("set"), calls("get"), calls("keys")], [3.0, 1.0, 0.0]);
        assert_eq!(metrics.sum(metric::KV_TIMED, &[("engine", engine)]), 4.0);
        assert_eq!(metrics.sum(metric::KV_FAILURES, &[]), 0.0);
    }
    server.kill();
    let answer = redis.get("/kv/default/a").await;
    assert!(answer.status >= 500, "{}", answer.status);
    let failures = [("store", "default"), ("failure", "unavailable")];
    let metrics = redis.metrics().await;
    assert_eq!(metrics.sum(metric::KV_FAILURES, &failures), 1.0);
}

#[tokio::test]
async fn a_server_that_cannot_be_used_is_said_at_the_start() {
    let mut server = Server::with(&["requirepass hush"]);
    let proxy = Proxy::before(&server.socket());
    for (url, expected) in [
        (server.url(), "refuses this user"),
        (
            format!("redis://:wrong@{}", proxy.address()),
            "refuses this user",
        ),
        (
            format!("rediss://:hush@{}", proxy.address()),
            "no safe connection",
        ),
        (
            format!("redis://:hush@{}/hush", proxy.address()),
            "cannot be used",
        ),
    ] {
        let ended = app(&url).refuse().await;
        assert_eq!(ended.code, Some(exit::FAILED), "{}", ended.text);
        assert!(ended.text.contains(expected), "{}", ended.text);
        assert!(!ended.text.contains("hush"), "{}", ended.text);
    }
    let login = format!("redis://{}", proxy.address());
    let started = app(&login)
        .config("password_variable = \"STORE_PASSWORD\"")
        .environment("STORE_PASSWORD", "hush");
    put(&started.start().await, "a", "1").await;
    server.kill();
    let ended = app(&server.url()).refuse().await;
    assert!(ended.text.contains("cannot be reached"), "{}", ended.text);
}
