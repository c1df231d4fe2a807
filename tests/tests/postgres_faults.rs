//! Promise: what was acknowledged stays, and nothing is done twice, whatever happens to the Postgres server, the network or the node.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::Method;
use serde_json::json;
use terrace_tests::contract::exit;
use terrace_tests::postgres::Server;
use terrace_tests::postgres::pooler::Pooler;
use terrace_tests::proxy::{Door, Proxy};
use terrace_tests::realworld::{self, Api};
use terrace_tests::wait::until;
use terrace_tests::{App, Running, load};

/// How many writes each load makes.
const WRITES: usize = 1_500;
const CLIENTS: usize = 32;

/// Nothing of the table refuses a row that is written twice.
const CREATE: &str = "CREATE TABLE IF NOT EXISTS writes (place INTEGER PRIMARY KEY, id INTEGER)";

async fn start(url: &str) -> Running {
    let app = App::of("capabilities").grant("sqlite_databases = [\"default\"]");
    let app = app.grant("key_value_stores = [\"default\"]");
    let app = app.config(&format!("[sql.default]\nurl = {url:?}"));
    let app = app.start().await;
    let create = json!([[CREATE]]).to_string();
    app.post("/sql/default", create).await.expect(200);
    app
}

async fn write(app: &Running, id: usize) -> bool {
    let script = json!([["INSERT INTO writes (id) VALUES (?)", id]]).to_string();
    let url = app.url("/sql/default");
    let request = terrace_tests::client::request(Method::POST, &url, &[], script);
    let answer = app.client.try_send(request).await;
    answer.is_ok_and(|answer| answer.status == 200)
}

/// Writes rows from many clients, and does something each time that a part of them was answered. Gives what was acknowledged.
async fn write_while(
    app: &Running,
    from: usize,
    parts: usize,
    mut act: impl FnMut(),
) -> BTreeSet<usize> {
    let acknowledged = Mutex::new(BTreeSet::new());
    let answered = AtomicUsize::new(0);
    let writes = load::calls(WRITES, CLIENTS, |number| {
        let (acknowledged, answered) = (&acknowledged, &answered);
        async move {
            let id = from + number;
            if write(app, id).await {
                acknowledged.lock().expect("no writer panics").insert(id);
            }
            answered.fetch_add(1, Ordering::Relaxed);
        }
    });
    let acts = async {
        for part in 1..parts {
            let due = WRITES * part / parts;
            until("some writes", async || {
                (answered.load(Ordering::Relaxed) >= due).then_some(())
            })
            .await;
            act();
        }
    };
    tokio::join!(writes, acts);
    acknowledged.into_inner().expect("no writer panics")
}

/// Asserts that each acknowledged row is there once, and no row twice.
fn check(server: &Server, acknowledged: &BTreeSet<usize>) {
    let doubled = server.run("SELECT id FROM writes GROUP BY id HAVING count(*) > 1");
    assert_eq!(doubled, "", "these are there twice");
    let kept = server.run("SELECT id FROM writes");
    let kept: BTreeSet<usize> = kept.lines().filter_map(|line| line.parse().ok()).collect();
    let lost: Vec<_> = acknowledged.difference(&kept).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
}

#[tokio::test]
async fn acknowledged_writes_outlive_kills_of_the_server_and_of_the_node_and_none_is_doubled() {
    let mut server = Server::start();
    let app = start(&server.url()).await;
    let mut acknowledged = write_while(&app, 0, 3, || {
        server.kill();
        server.restart();
    })
    .await;
    assert!(acknowledged.len() > WRITES / 4, "{}", acknowledged.len());
    let more = write_while(&app, WRITES, 2, || app.process.kill()).await;
    assert!(more.len() > WRITES / 4, "{}", more.len());
    acknowledged.extend(more);
    let app = app.kill_and_restart().await;
    check(&server, &acknowledged);
    assert!(write(&app, WRITES * 2).await);
}

#[tokio::test]
async fn connections_that_are_cut_under_load_lose_and_double_nothing() {
    let server = Server::start();
    let proxy = Proxy::to(server.socket());
    let app = start(&proxy.url()).await;
    let acknowledged = write_while(&app, 0, 10, || proxy.cut_all()).await;
    assert!(acknowledged.len() > WRITES / 2, "{}", acknowledged.len());
    check(&server, &acknowledged);
}

#[tokio::test]
async fn connections_and_the_breaker_are_metrics() {
    let server = Server::start();
    let proxy = Proxy::to(server.socket());
    let app = start(&proxy.url()).await;
    assert!(write(&app, 1).await);
    let of = [("database", "default")];
    let metrics = app.metrics().await;
    assert!(metrics.sum("terrace_sql_connections", &of) >= 1.0);
    assert!(metrics.sum("terrace_sql_connections_opened_total", &of) >= 1.0);
    assert!(metrics.sum("terrace_sql_writes_total", &of) >= 2.0);
    assert!(metrics.sum("terrace_sql_breaker_open", &of) < 1.0);
    proxy.door(Door::Shut);
    proxy.cut_all();
    until("the breaker opens", async || {
        (!write(&app, 2).await && app.metrics().await.sum("terrace_sql_breaker_open", &of) >= 1.0)
            .then_some(())
    })
    .await;
    let gone = app.metrics().await;
    assert!(gone.sum("terrace_sql_connections", &of) < 1.0);
    proxy.door(Door::Open);
    until("the server is back", async || {
        write(&app, 3).await.then_some(())
    })
    .await;
    app.until_metric("terrace_sql_breaker_open", &of, |open| open < 1.0)
        .await;
}

/// The whole API through a pgbouncer that gives each transaction another connection, with and without the setting for it.
#[tokio::test]
async fn claims_of_the_realworld_api_hold_behind_a_pooler() {
    for setting in ["", "prepared = false"] {
        let server = Server::start();
        let pooler = Pooler::to(server.socket());
        let url = pooler.url();
        let app = App::conduit().config(&format!("[sql.default]\nurl = {url:?}\n{setting}"));
        let app = app.start().await;
        let api = Api::new(&app.url("/api"));
        terrace_tests::target::all_hold(api, realworld::claims(), None).await;
    }
}

/// What is wrong with a server is said before anything is served.
#[tokio::test]
async fn servers_that_cannot_be_used_are_refused_before_anything_is_served() {
    let server = Server::start();
    let read_only = Server::with(&["default_transaction_read_only=on"]);
    let proxy = Proxy::to(server.socket());
    proxy.door(Door::Shut);
    let url = server.url();
    for (url, words) in [
        (url.replace("/postgres", "/absent"), "does not exist"),
        (url.replace("terrace@", "nobody:hush@"), "refuses this user"),
        (read_only.url(), "is read-only"),
        (proxy.url(), "cannot be reached"),
        (
            proxy.url().replace("disable", "sometimes"),
            "`sslmode` is one of",
        ),
    ] {
        let app = App::of("hello").grant("sqlite_databases = [\"default\"]");
        let ended = app
            .config(&format!("[sql.default]\nurl = {url:?}"))
            .refuse()
            .await;
        assert_eq!(ended.code, Some(exit::FAILED), "{}", ended.text);
        assert!(ended.text.contains(words), "{words}: {}", ended.text);
        assert!(!ended.text.contains("hush"), "{}", ended.text);
    }
}
