//! Promise: `terrace sql advise` says which queries hurt and with what evidence, and says nothing of an app without any.
//! What it finds in a shop with planted faults is left to `slowshop.rs`.

use serde_json::Value;
use terrace_tests::contract::exit;
use terrace_tests::postgres::Server;
use terrace_tests::realworld::{self, Api, unique};
use terrace_tests::slowshop::{self, ROUNDS, has, report};
use terrace_tests::{App, Running};

/// People see the findings first, with what mends them, and then the queries.
#[tokio::test]
async fn people_see_findings_first() {
    let app = slowshop::app().start().await;
    for round in 1..=ROUNDS {
        app.get(&format!("/orders?n={round}")).await.expect(200);
    }
    let ended = app.advise(&[]).await;
    let words = [
        "default: 1 finding (1 query, 13 calls)",
        "missing-index: SELECT id, total FROM orders WHERE customer_id = ?",
        "slowshop at /...",
        "CREATE INDEX orders_by_customer_id ON orders (customer_id)",
        "100.0%",
    ];
    let mut rest = &ended.text[..];
    for word in words {
        let (_, after) = rest
            .split_once(word)
            .unwrap_or_else(|| panic!("no {word} in {}", ended.text));
        rest = after;
    }
    let ended = app.advise(&["--label", "defalt"]).await;
    assert_eq!(ended.code, Some(exit::USAGE));
    assert!(
        ended.text.contains("did you mean `default`"),
        "{}",
        ended.text
    );
}

/// Readers and writers at once.
async fn load(app: &Running) {
    let api = Api::new(&app.url("/api"));
    let author = api.register().await;
    terrace_tests::load::calls(60, 6, |_| async {
        let article = api
            .publish(&author, &unique("Under load "), &["load", "new"])
            .await;
        let article = realworld::path_of(&article);
        for path in ["/articles", "/articles?tag=load", "/tags", &article] {
            api.get(path, &author.token).await.expect(200);
        }
    })
    .await;
}

/// The load: all claims of the RealWorld API, and readers and writers at once.
#[tokio::test]
async fn tuned_conduit_under_load_has_no_findings() {
    let app = App::conduit().start().await;
    let api = Api::new(&app.url("/api"));
    terrace_tests::target::all_hold(api, realworld::claims(), None).await;
    load(&app).await;
    let report = report(&app).await;
    let shapes = report["shapes"].as_array().expect("a report has shapes");
    assert!(shapes.len() > 10);
    assert_eq!(report["findings"], Value::Array(Vec::new()), "{report:#}");
}

/// On Postgres too, where the plans are judged.
#[tokio::test]
async fn tuned_conduit_on_postgres_has_no_findings() {
    let server = Server::start();
    let url = server.url();
    let app = App::conduit().config(&format!("[sql.default]\nurl = {url:?}"));
    let app = app.start().await;
    load(&app).await;
    let report = report(&app).await;
    assert_eq!(report["findings"], Value::Array(Vec::new()), "{report:#}");
    let ended = app.advise(&[]).await;
    assert!(
        ended.text.contains("default: no findings ("),
        "{}",
        ended.text
    );
}

/// The page is one of the admin listener, and of no other.
#[tokio::test]
async fn queries_are_shown_by_the_admin_listener_only() {
    let app = slowshop::app().start().await;
    app.get("/orders?n=1").await.expect(200);
    let page = app.admin("/sql/shapes.json").await.expect(200);
    assert_eq!(page.json()["databases"][0]["shapes"][0]["calls"], 1);
    // Values are nobody's business: only their places are shown.
    app.get("/login?n=4711").await.expect(200);
    let page = app.admin("/sql/shapes.json").await.expect(200);
    assert!(!page.text().contains("4711"), "{}", page.text());
    app.get("/sql/shapes.json").await.expect(404);
}

/// Runs statements of which each has a text, and a shape, of its own.
async fn many_texts(app: &Running, requests: std::ops::Range<usize>) {
    let first = requests.start;
    terrace_tests::load::calls(requests.len(), 4, |at| async move {
        let numbers = (first + at) * 100..(first + at + 1) * 100;
        let script = numbers.map(|number| [format!("SELECT {number} AS c{number}")]);
        let script = serde_json::json!(script.collect::<Vec<_>>()).to_string();
        app.post("/sql/default", script).await.expect(200);
    })
    .await;
}

/// A load of many texts, while two ask for the page again and again.
async fn two_ask_under_load(app: App, requests: usize) {
    let app = app.start().await;
    many_texts(&app, 0..20).await;
    let page = app.admin("/sql/shapes.json").await.expect(200);
    let (shapes, bytes) = (shapes_of(&page.json()), page.body.len());
    let memory = app.process.memory();
    let is_over = std::cell::Cell::new(false);
    let load = async {
        many_texts(&app, 20..20 + requests).await;
        is_over.set(true);
    };
    let ask = async || {
        let mut pages = 0;
        while !is_over.get() {
            let page = app.admin("/sql/shapes.json").await.expect(200);
            let report = page.json();
            assert_eq!(report["databases"][0]["unexamined"], Value::Null);
            assert!(shapes_of(&report) <= 512 && page.body.len() < 2 * bytes);
            pages += 1;
        }
        pages
    };
    let ((), one, other) = tokio::join!(load, ask(), ask());
    assert!(
        shapes > 400 && one > 0 && other > 0,
        "{shapes} {one} {other}"
    );
    let grown = app.process.memory().saturating_sub(memory);
    println!(
        "{} and {} pages; {} KiB more memory",
        one,
        other,
        grown / 1_024
    );
    assert!(grown < 64 * 1_024 * 1_024, "{grown} bytes");
}

fn shapes_of(report: &Value) -> usize {
    let shapes = report["databases"][0]["shapes"].as_array();
    shapes.expect("a report has shapes").len()
}

#[tokio::test]
async fn two_who_ask_under_a_load_of_many_texts_are_answered() {
    let app = App::of("capabilities").grant("sqlite_databases = [\"default\"]");
    // Ten thousand texts.
    two_ask_under_load(app, 100).await;
}

#[tokio::test]
async fn two_who_ask_under_a_load_of_many_texts_on_postgres_are_answered() {
    let server = Server::start();
    let url = server.url();
    let app = App::of("capabilities").grant("sqlite_databases = [\"default\"]");
    let app = app.config(&format!("[sql.default]\nurl = {url:?}"));
    two_ask_under_load(app, 25).await;
}

/// Of a stream, the server sees who reads it.
#[tokio::test]
async fn results_that_a_function_leaves_are_named() {
    let app = App::of("capabilities")
        .grant("sqlite_databases = [\"default\"]")
        .start()
        .await;
    let post = async |path: &str, sql: &str| {
        let script = serde_json::json!([[sql]]).to_string();
        app.post(path, script).await.expect(200).text()
    };
    post("/sql/default", "CREATE TABLE item (id INTEGER PRIMARY KEY)").await;
    let rows = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)";
    post(
        "/sql/default",
        &format!("INSERT INTO item {rows} SELECT i FROM n"),
    )
    .await;
    for _ in 0..12 {
        let first = post("/sql/default?rows=first", "SELECT id FROM item ORDER BY id").await;
        assert!(first.contains('1') && !first.contains('2'), "{first}");
        let all = post("/sql/default", "SELECT id FROM item").await;
        assert!(all.contains("500"), "{all}");
    }
    let report = report(&app).await;
    let findings = report["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 1, "{findings:#?}");
    assert!(has(&findings[0], "unread-results", "ORDER BY id"));
    assert_eq!(findings[0]["evidence"]["mean_unread_rows"], 499);
}

/// What a running server asks and Postgres would not take is named before anybody moves.
#[tokio::test]
async fn queries_that_are_not_portable_are_found_by_check() {
    let app = App::of("capabilities")
        .grant("sqlite_databases = [\"default\"]")
        .start()
        .await;
    for sql in [
        "CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT, kind TEXT)",
        "SELECT name FROM item WHERE id = 1",
        "SELECT kind, name FROM item GROUP BY kind",
    ] {
        let script = serde_json::json!([[sql]]).to_string();
        app.post("/sql/default", script).await.expect(200);
    }
    let admin = app.admin.trim_start_matches("http://");
    let arguments = ["check", "--from", "spin.toml", "--from-admin", admin];
    let ended = terrace_tests::process::run(app.app().folder(), &arguments).await;
    assert_eq!(ended.code, Some(exit::USAGE), "{}", ended.text);
    for words in [
        "queries of capabilities (default)",
        "not portable: ",
        "GROUP BY kind",
    ] {
        assert!(ended.text.contains(words), "no `{words}` in {}", ended.text);
    }
    assert!(!ended.text.contains("WHERE id"), "{}", ended.text);
}
