//! Promise: a function reaches the stores, databases and variables that it is granted, and no others.

use http::Method;
use serde_json::{Value, json};
use terrace_tests::redis::Server;
use terrace_tests::{Answer, App, Running, guest};

/// The same calls through spin-sdk 7 and through `fermyon:spin@2.0.0`.
const GUESTS: [&str; 2] = ["capabilities", "capabilities-v2"];

/// Where a guest has key-value stores: the second one also has them through `wasi:keyvalue`.
fn interfaces(name: &str) -> &'static [&'static str] {
    match name {
        "capabilities-v2" => &["/kv", "/wasi/kv"],
        _ => &["/kv"],
    }
}

/// An app that is granted everything.
async fn granted(name: &str) -> Running {
    let app = App::of(name).grant("key_value_stores = [\"default\"]");
    app.grant("sqlite_databases = [\"default\"]")
        .limit("timeout = \"10s\"")
        .start()
        .await
}

/// The app with its store in an SQLite file, and the same with its store on a Redis server.
async fn on_each_engine(name: &str) -> [(Running, Option<Server>); 2] {
    let server = Server::with(&["appendonly yes"]);
    let app = App::of(name).grant("key_value_stores = [\"default\"]");
    let app = app.config(&format!("[kv.default]\nurl = {:?}", server.url()));
    let app = app.start().await;
    [(granted(name).await, None), (app, Some(server))]
}

async fn sql(app: &Running, script: Value) -> Answer {
    app.post("/sql/default", script.to_string()).await
}

async fn rows(app: &Running, statement: &str) -> Value {
    sql(app, json!([[statement]])).await.expect(200).json()["rows"].clone()
}

#[tokio::test]
async fn without_a_grant_every_label_is_denied() {
    for name in GUESTS {
        let app = App::of(name).start().await;
        for label in ["default", "other"] {
            for interface in interfaces(name) {
                app.get(&format!("{interface}/{label}/key"))
                    .await
                    .expect(403);
            }
            app.post(&format!("/sql/{label}"), r#"[["SELECT 1"]]"#)
                .await
                .expect(403);
        }
    }
}

#[tokio::test]
async fn a_grant_of_one_label_is_none_of_another() {
    for name in GUESTS {
        let app = granted(name).await;
        for interface in interfaces(name) {
            app.get(&format!("{interface}/other/key")).await.expect(403);
        }
        app.post("/sql/other", r#"[["SELECT 1"]]"#)
            .await
            .expect(403);
    }
}

#[tokio::test]
async fn a_key_is_set_read_found_listed_and_deleted() {
    for name in GUESTS {
        for (app, _server) in on_each_engine(name).await {
            for interface in interfaces(name) {
                check_calls(&app, interface).await;
            }
        }
    }
}

/// Each call on a store once.
async fn check_calls(app: &Running, interface: &str) {
    let path = |key: &str| format!("{interface}/default/{key}");
    let call = async |method, key, value: &[u8]| {
        let path = path(key);
        let called = app.call(method, &path, value.to_vec());
        called.await.expect(200)
    };
    app.get(&path("a")).await.expect(404);
    call(Method::PUT, "a", b"one").await;
    call(Method::PUT, "b", &[0, 255]).await;
    assert_eq!(app.get(&path("a")).await.expect(200).text(), "one");
    let bytes = app.get(&path("b")).await.expect(200).body;
    assert_eq!(bytes.as_ref(), [0, 255]);
    let exists = async || app.post(&path("a"), "").await.expect(200);
    assert_eq!(exists().await.text(), "true");
    let keys = app.get(&format!("{interface}/default")).await;
    assert_eq!(keys.expect(200).json(), json!(["a", "b"]));
    for _ in 0..2 {
        call(Method::DELETE, "a", b"").await;
    }
    assert_eq!(exists().await.text(), "false");
}

#[tokio::test]
async fn a_large_value_comes_back_whole() {
    for name in GUESTS {
        for (app, server) in on_each_engine(name).await {
            let value = vec![7_u8; 1 << 20];
            app.call(Method::PUT, "/kv/default/large", value.clone())
                .await
                .expect(200);
            let found = app.get("/kv/default/large").await.expect(200).body;
            assert!(found == value, "{name} {server:?}");
        }
    }
}

#[tokio::test]
async fn values_of_a_store_outlive_the_process() {
    for (app, _server) in on_each_engine("capabilities").await {
        app.call(Method::PUT, "/kv/default/kept", "yes")
            .await
            .expect(200);
        let app = app.restart().await;
        assert_eq!(app.get("/kv/default/kept").await.expect(200).text(), "yes");
    }
}

#[tokio::test]
async fn all_interfaces_see_the_same_state() {
    let grants = "key_value_stores = [\"default\"]\nsqlite_databases = [\"default\"]";
    let app = App::new()
        .component("new", guest("capabilities"))
        .route("/new/...")
        .grant(grants);
    let app = app
        .component("old", guest("capabilities-v2"))
        .route("/old/...")
        .grant(grants)
        .start()
        .await;
    app.call(Method::PUT, "/new/kv/default/a", "from new")
        .await
        .expect(200);
    for interface in interfaces("capabilities-v2") {
        let found = app.get(&format!("/old{interface}/default/a")).await;
        assert_eq!(found.expect(200).text(), "from new", "{interface}");
    }
    app.post(
        "/old/sql/default",
        r#"[["CREATE TABLE t (a)"], ["INSERT INTO t VALUES (1)"]]"#,
    )
    .await
    .expect(200);
    let rows = app
        .post("/new/sql/default", r#"[["SELECT a FROM t"]]"#)
        .await
        .expect(200)
        .json();
    assert_eq!(rows["rows"], json!([[1]]));
}

#[tokio::test]
async fn every_kind_of_sql_value_comes_back_as_it_went() {
    for name in GUESTS {
        let app = granted(name).await;
        let script = json!([[
            "SELECT ? AS a, ? AS b, ? AS c, ? AS d, ? AS e",
            null,
            i64::MAX,
            1.5,
            "ä\u{0}z",
            [0, 255]
        ]]);
        let result = sql(&app, script).await.expect(200).json();
        assert_eq!(result["columns"], json!(["a", "b", "c", "d", "e"]));
        assert_eq!(
            result["rows"],
            json!([[null, i64::MAX, 1.5, "ä\u{0}z", [0, 255]]])
        );
    }
}

#[tokio::test]
async fn an_sql_error_says_what_is_wrong() {
    for name in GUESTS {
        let app = granted(name).await;
        let answer = sql(&app, json!([["SELECT * FROM nowhere"]]))
            .await
            .expect(502);
        assert!(answer.text().contains("nowhere"), "{}", answer.text());
    }
}

#[tokio::test]
async fn a_committed_transaction_is_kept_and_one_rolled_back_is_not() {
    for name in GUESTS {
        let app = granted(name).await;
        sql(&app, json!([["CREATE TABLE t (a)"]])).await.expect(200);
        sql(
            &app,
            json!([["BEGIN"], ["INSERT INTO t VALUES (1)"], ["COMMIT"]]),
        )
        .await
        .expect(200);
        sql(
            &app,
            json!([["BEGIN"], ["INSERT INTO t VALUES (2)"], ["ROLLBACK"]]),
        )
        .await
        .expect(200);
        assert_eq!(rows(&app, "SELECT a FROM t").await, json!([[1]]));
    }
}

/// However a request ends in the middle of its transaction, nothing of it stays, and the writer is free again.
#[tokio::test]
async fn a_request_that_ends_in_a_transaction_is_rolled_back() {
    for name in GUESTS {
        let app = App::of(name)
            .grant("sqlite_databases = [\"default\"]")
            .limit("timeout = \"1s\"")
            .start()
            .await;
        sql(&app, json!([["CREATE TABLE t (a)"]])).await.expect(200);
        let open = json!([["BEGIN IMMEDIATE"], ["INSERT INTO t VALUES (1)"]]).to_string();
        app.post("/sql/default", open.clone()).await.expect(200);
        assert_eq!(
            rows(&app, "SELECT a FROM t").await,
            json!([]),
            "{name}: it returned"
        );
        app.post("/sql/default?then=trap", open.clone())
            .await
            .expect(500);
        assert_eq!(
            rows(&app, "SELECT a FROM t").await,
            json!([]),
            "{name}: it trapped"
        );
        app.post("/sql/default?then=loop", open).await.expect(504);
        assert_eq!(
            rows(&app, "SELECT a FROM t").await,
            json!([]),
            "{name}: it ran into its deadline"
        );
        sql(&app, json!([["INSERT INTO t VALUES (2)"]]))
            .await
            .expect(200);
    }
}

#[tokio::test]
async fn concurrent_transactions_do_not_mix() {
    for name in GUESTS {
        let app = granted(name).await;
        sql(
            &app,
            json!([["CREATE TABLE t (n INTEGER)"], ["INSERT INTO t VALUES (0)"]]),
        )
        .await
        .expect(200);
        let script =
            json!([["BEGIN IMMEDIATE"], ["UPDATE t SET n = n + 1"], ["COMMIT"]]).to_string();
        let answers =
            terrace_tests::load::calls(200, 16, |_| app.post("/sql/default", script.clone())).await;
        let done = answers.iter().filter(|answer| answer.status == 200).count();
        assert_eq!(done, 200, "{name}");
        assert_eq!(
            rows(&app, "SELECT n FROM t").await,
            json!([[200]]),
            "{name}"
        );
    }
}

/// A statement without an end must end with its request, and must not keep others from the database.
#[tokio::test]
async fn an_endless_statement_ends_at_the_deadline() {
    for name in GUESTS {
        let app = App::of(name)
            .grant("sqlite_databases = [\"default\"]")
            .limit("timeout = \"1s\"")
            .start()
            .await;
        let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
        let answer = sql(&app, json!([[endless]])).await;
        assert!(
            [502, 504].contains(&answer.status),
            "{name}: {}",
            answer.status
        );
        sql(&app, json!([["CREATE TABLE t (a)"]])).await.expect(200);
    }
}

/// The SDK, in an instance for one request and in one that is shared.
fn portable(reuse: &str) -> App {
    App::new()
        .component("portable", guest("portable"))
        .route("/...")
        .grant("sqlite_databases = [\"default\"]")
        .limit("timeout = \"3s\"")
        .limit(reuse)
}

/// The SDK's calls may block the instance, but never while that keeps the holder of a lock from its COMMIT.
#[tokio::test]
async fn two_connections_in_one_instance_do_not_wait_for_each_other_in_vain() {
    for reuse in ["reuse = { concurrent = 1 }", "reuse = { concurrent = 4 }"] {
        let app = portable(reuse).start().await;
        let create = json!({"sql": "CREATE TABLE t (n)"}).to_string();
        app.post("/sql/default", create).await.expect(200);
        let waiting = |_| app.post("/waiting/default/t", "");
        for answer in terrace_tests::load::at_once(4, waiting).await {
            answer.expect(200);
        }
        let count = json!({"sql": "SELECT count(*) FROM t"}).to_string();
        let answer = app.post("/sql/default", count).await.expect(200).json();
        assert_eq!(answer["rows"], json!([[{"integer": 8}]]), "{reuse}");
    }
}

/// While such a call blocks the instance, its request still ends at its deadline.
#[tokio::test]
async fn an_endless_statement_of_the_sdk_ends_at_the_deadline() {
    let app = portable("reuse = { concurrent = 1 }").start().await;
    let endless =
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
    let endless = json!({"sql": endless}).to_string();
    for _ in 0..2 {
        let answer = app.post("/sql/default", endless.clone()).await;
        let status = answer.status;
        assert!([500, 502, 504].contains(&status), "{status}");
    }
    let other = json!({"sql": "CREATE TABLE t (n)"}).to_string();
    app.post("/sql/default", other).await.expect(200);
}

#[tokio::test]
async fn sql_reaches_no_other_file() {
    for name in GUESTS {
        let app = granted(name).await;
        for statement in [
            "ATTACH DATABASE '/tmp/other.db' AS other",
            "VACUUM INTO '/tmp/copy.db'",
            "SELECT load_extension('x')",
        ] {
            let answer = sql(&app, json!([[statement]])).await;
            assert_ne!(answer.status, 200, "{name}: {statement} was allowed");
        }
    }
}

#[tokio::test]
async fn variables_reach_only_the_component_that_has_them() {
    for name in GUESTS {
        let app = App::of(name).section("[variables]\nplain = { default = \"red\" }\ntoken = { required = true, secret = true }");
        let app = app.section(&format!("[component.{name}.variables]\ncolour = \"dark {{{{ plain }}}}\"\ntoken = \"{{{{ token }}}}\""));
        let app = app
            .environment("SPIN_VARIABLE_TOKEN", "s3cret")
            .start()
            .await;
        assert_eq!(
            app.get("/variables/colour").await.expect(200).text(),
            "dark red"
        );
        assert_eq!(
            app.get("/variables/token").await.expect(200).text(),
            "s3cret"
        );
        app.get("/variables/plain").await.expect(404);
        app.get("/variables/NOT_A_NAME").await.expect(400);
        assert!(
            !app.process.log.text().contains("s3cret"),
            "a secret stands in the log"
        );
    }
}

/// Both drafts of `wasi:config` that guests in the field import.
#[tokio::test]
async fn variables_of_the_command_line_are_the_configuration_of_wasi() {
    let app = App::of("capabilities-v2")
        .section("[variables]\nplain = { default = \"red\" }\ntoken = { required = true }")
        .grant("variables = { colour = \"dark {{ plain }}\", token = \"{{ token }}\" }")
        .arguments(&["--variable", "token=t0ken", "--variable", "plain=blue"])
        .start()
        .await;
    for draft in ["rc", "draft"] {
        let get = async |key| app.get(&format!("/config/{draft}/{key}")).await;
        assert_eq!(get("colour").await.expect(200).text(), "dark blue");
        assert_eq!(get("token").await.expect(200).text(), "t0ken");
        for unknown in ["plain", "NOT_A_NAME"] {
            get(unknown).await.expect(404);
        }
        let all = app.get(&format!("/config/{draft}")).await.expect(200);
        assert_eq!(all.json(), json!(["colour=dark blue", "token=t0ken"]));
    }
}
