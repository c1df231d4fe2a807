//! Promise: a write that was acknowledged survives `kill -9`.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::Method;
use serde_json::json;
use terrace_tests::{App, Beside, Running};

/// How many writes are under way or done when the process is killed.
const WRITES: usize = 2_000;
const CLIENTS: usize = 64;

const CREATE: &str = "CREATE TABLE IF NOT EXISTS writes (id INTEGER PRIMARY KEY)";

async fn start(guest: &str) -> Running {
    let app = App::of(guest).grant("sqlite_databases = [\"default\"]");
    let app = app.grant("key_value_stores = [\"default\"]").start().await;
    sql(&app, json!([[CREATE]])).await;
    app
}

async fn sql(app: &Running, script: serde_json::Value) -> serde_json::Value {
    app.post("/sql/default", script.to_string())
        .await
        .expect(200)
        .json()
}

/// Writes from many clients, kills the process in the middle, and gives what had been acknowledged.
async fn write_until_killed(app: &Running, write: impl AsyncFn(usize) -> bool) -> BTreeSet<usize> {
    let acknowledged = Mutex::new(BTreeSet::new());
    let count = AtomicUsize::new(0);
    terrace_tests::load::calls(WRITES, CLIENTS, |id| {
        let (acknowledged, count, write) = (&acknowledged, &count, &write);
        async move {
            if write(id).await {
                acknowledged.lock().expect("no writer panics").insert(id);
            }
            // The kill comes in the middle of the load, with as many writes under way as there are clients.
            if count.fetch_add(1, Ordering::Relaxed) == WRITES / 2 {
                app.process.kill();
            }
        }
    })
    .await;
    acknowledged.into_inner().expect("no writer panics")
}

async fn check_sql(guest: &str) {
    let app = start(guest).await;
    let acknowledged = write_until_killed(&app, async |id| {
        let script = json!([["INSERT INTO writes VALUES (?)", id]]).to_string();
        let url = app.url("/sql/default");
        let request = terrace_tests::client::request(Method::POST, &url, &[], script);
        app.client
            .try_send(request)
            .await
            .is_ok_and(|answer| answer.status == 200)
    })
    .await;
    assert!(
        acknowledged.len() >= WRITES / 4,
        "only {} writes were acknowledged",
        acknowledged.len()
    );
    let app = app.kill_and_restart().await;
    let rows = sql(&app, json!([["SELECT id FROM writes"]])).await;
    let kept: BTreeSet<usize> = rows["rows"]
        .as_array()
        .expect("rows")
        .iter()
        .filter_map(id_of)
        .collect();
    let lost: Vec<_> = acknowledged.difference(&kept).collect();
    assert!(
        lost.is_empty(),
        "{} acknowledged writes are lost: {lost:?}",
        lost.len()
    );
    let integrity = sql(&app, json!([["PRAGMA integrity_check"]])).await;
    assert_eq!(integrity["rows"], json!([["ok"]]));
}

fn id_of(row: &serde_json::Value) -> Option<usize> {
    usize::try_from(row[0].as_u64()?).ok()
}

#[tokio::test]
async fn acknowledged_sql_writes_survive_kill_9() {
    check_sql("capabilities").await;
}

#[tokio::test]
async fn acknowledged_sql_writes_survive_kill_9_through_the_older_interface() {
    check_sql("capabilities-v2").await;
}

#[tokio::test]
async fn acknowledged_key_value_writes_survive_kill_9() {
    let app = start("capabilities").await;
    let acknowledged = write_until_killed(&app, async |id| {
        let url = app.url(&format!("/kv/default/key-{id}"));
        let request = terrace_tests::client::request(Method::PUT, &url, &[], id.to_string());
        app.client
            .try_send(request)
            .await
            .is_ok_and(|answer| answer.status == 200)
    })
    .await;
    assert!(
        acknowledged.len() >= WRITES / 4,
        "only {} writes were acknowledged",
        acknowledged.len()
    );
    let app = app.kill_and_restart().await;
    for id in acknowledged {
        assert_eq!(
            app.get(&format!("/kv/default/key-{id}"))
                .await
                .expect(200)
                .text(),
            id.to_string()
        );
    }
}

#[tokio::test]
async fn a_transaction_cut_by_kill_9_leaves_nothing() {
    let app = start("capabilities").await;
    let open = json!([["BEGIN IMMEDIATE"], ["INSERT INTO writes VALUES (1)"]]).to_string();
    let mut connection = terrace_tests::raw::Connection::open(&app.http).await;
    let length = open.len();
    let head = format!(
        "POST /sql/default?then=loop HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{open}"
    );
    connection.send(head).await;
    let in_flight = terrace_tests::contract::metric::IN_FLIGHT;
    app.until_metric(in_flight, &[], |count| count >= 1.0).await;
    let app = app.kill_and_restart().await;
    assert_eq!(
        sql(&app, json!([["SELECT id FROM writes"]])).await["rows"],
        json!([])
    );
}

/// A full disk, as a limit on the size of the files the process may write: the write fails and says so, nothing
/// that was acknowledged is lost, and writing goes on when there is room again.
#[tokio::test]
async fn a_full_disk_fails_writes_and_loses_none() {
    let app = start("capabilities").await;
    sql(&app, json!([["INSERT INTO writes VALUES (1)"]])).await;
    app.process.limit_file_size(Some(256 << 10));
    let mut id = 1_u64;
    let refused = loop {
        id += 1;
        assert!(id < 10_000, "a limited disk took every write");
        let script = json!([["INSERT INTO writes VALUES (?)", id]]).to_string();
        let answer = app.post("/sql/default", script).await;
        if answer.status != 200 {
            break answer;
        }
    };
    assert!(
        [502, 507].contains(&refused.status),
        "the guest is told: {}",
        refused.status
    );
    let told = refused.header("proxy-status");
    assert!(told.contains("details=\"storage: "), "{told}");
    let line = app.logged("request", &refused).await;
    let failure = line["storage"].as_str().expect("the log names the failure");
    assert!(["full", "io-error"].contains(&failure), "{failure}");
    let insert = json!([["INSERT INTO writes VALUES (?)", id]]);
    let trapped = app.post("/sql/default?then=trap", insert.to_string()).await;
    let line = app.logged("request", &trapped).await;
    let (status, failure, retry) = match line["storage"].as_str() {
        Some("full") => (503, "storage-unavailable", "idempotent"),
        _ => (500, "storage-failed", "never"),
    };
    trapped.expect_problem(status, failure);
    assert_eq!(
        (&line["blame"], &line["retry"]),
        (&json!("platform"), &json!(retry))
    );
    app.process.limit_file_size(None);
    sql(&app, insert).await;
    let app = app.kill_and_restart().await;
    let count = sql(&app, json!([["SELECT count(*) FROM writes"]])).await;
    assert_eq!(
        count["rows"],
        json!([[id]]),
        "every acknowledged write is there"
    );
}

#[tokio::test]
async fn a_request_that_ends_while_the_database_is_locked_says_so() {
    let app = App::of("capabilities").grant("sqlite_databases = [\"default\"]");
    let app = app.limit("timeout = \"1s\"").start().await;
    sql(&app, json!([[CREATE]])).await;
    let other = rusqlite::Connection::open(app.app().state().join("default.db")).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let insert = json!([["INSERT INTO writes VALUES (1)"]]);
    let late = app.post("/sql/default", insert.to_string()).await;
    assert!(late.status >= 500, "{}", late.status);
    let told = late.header("proxy-status");
    assert!(told.contains("details=\"storage: "), "{told}");
    let line = app.logged("request", &late).await;
    let failure = line["storage"].as_str().expect("the log names the failure");
    assert!(
        ["busy", "deadline-exceeded"].contains(&failure),
        "{failure}"
    );
    other.execute_batch("COMMIT").unwrap();
    sql(&app, insert).await;
}

/// Writes from several clients to one of two servers at the same time; how many it acknowledged.
async fn write_beside(server: &Beside, first: usize, count: usize) -> usize {
    let acknowledged = AtomicUsize::new(0);
    terrace_tests::load::calls(count, 8, |id| {
        let acknowledged = &acknowledged;
        async move {
            let script = json!([["INSERT INTO writes VALUES (?)", first + id]]);
            let answer = server.post("/sql/default", script.to_string()).await;
            if answer.status == 200 {
                acknowledged.fetch_add(1, Ordering::Relaxed);
            }
        }
    })
    .await;
    acknowledged.into_inner()
}

async fn count_beside(server: &Beside) -> serde_json::Value {
    let script = json!([["SELECT count(*) FROM writes"]]).to_string();
    let rows = server.post("/sql/default", script).await.expect(200).json();
    rows["rows"][0][0].clone()
}

#[tokio::test]
async fn two_servers_write_to_one_database_and_either_may_end_first() {
    let app = App::of("capabilities").grant("sqlite_databases = [\"default\"]");
    let app = app.grant("key_value_stores = [\"default\"]");
    let first = app.start_beside().await;
    let create = json!([[CREATE]]).to_string();
    first.post("/sql/default", create).await.expect(200);
    // A rolling restart: the second starts while the first serves, and the first is asked to end.
    let second = app.start_beside().await;
    let (a, b) = tokio::join!(
        write_beside(&first, 0, 200),
        write_beside(&second, 1_000, 200)
    );
    assert_eq!((a, b), (200, 200));
    first.process.terminate();
    first.process.wait().await;
    assert_eq!(count_beside(&second).await, json!(400));
    // The second is lost while a third serves; then the third ends before the fourth.
    let third = app.start_beside().await;
    second.process.kill();
    assert_eq!(write_beside(&third, 2_000, 200).await, 200);
    let fourth = app.start_beside().await;
    fourth.process.terminate();
    fourth.process.wait().await;
    assert_eq!(count_beside(&third).await, json!(600));
}
