//! Promise: `terrace sql advise` names the queries that hurt with what mends them, and says nothing of an app without any.

use serde_json::Value;
use terrace_tests::contract::exit;
use terrace_tests::postgres::Server;
use terrace_tests::realworld::{self, Api, unique};
use terrace_tests::{App, Running};

/// The migrations of the shop.
const MIGRATIONS: [(&str, &str); 2] = [
    (
        "migrations/0001_slowshop.sql",
        include_str!("../../functions/slowshop/migrations/0001_slowshop.sql"),
    ),
    (
        "migrations/0002_rows.sql",
        include_str!("../../functions/slowshop/migrations/0002_rows.sql"),
    ),
];

/// Each fault of the shop: its path, the kind of its finding, and words of the subject or the mend.
const FAULTS: [(&str, &str, &str); 12] = [
    ("/orders", "missing-index", "ON orders (customer_id)"),
    (
        "/neighbours",
        "missing-index",
        "ON customers (city, joined_at)",
    ),
    ("/login", "missing-index", "ON customers (lower(email))"),
    ("/reviewed", "missing-index", "ON reviews (product_id)"),
    ("/empty", "missing-index", "ON basket_items (basket_id)"),
    (
        "/minutes",
        "growing-scan",
        "SELECT sum(seconds) FROM visits",
    ),
    (
        "/buyers",
        "repeated-query",
        "SELECT id, name FROM customers WHERE id IN (?, ?, …)",
    ),
    ("/stock", "repeated-query", "VALUES (?, …), (?, …), …"),
    (
        "/catalogue",
        "no-limit",
        "SELECT id, name, price FROM products",
    ),
    ("/pay", "long-transactions", "transactions of slowshop"),
    ("/review", "duplicate-index", "DROP INDEX reviews_by_stars"),
    (
        "/stock",
        "unused-index",
        "DROP INDEX stock_changes_by_amount",
    ),
];

/// How often each path is asked: so often that the writes to the unused indexes count.
const ROUNDS: usize = 13;

fn slowshop() -> App {
    let app = App::new()
        .component("slowshop", terrace_tests::guest("slowshop"))
        .route("/...")
        .grant("sqlite_databases = [\"default\"]")
        .section("[application.tool.terrace.migrations]\ndefault = \"migrations\"");
    MIGRATIONS
        .iter()
        .fold(app, |app, (name, text)| app.file(name, text))
}

/// Asks each path so often that its fault can be seen.
async fn provoke(app: &Running, query: &str) {
    let mut paths: Vec<_> = FAULTS.iter().map(|(path, ..)| *path).collect();
    paths.sort_unstable();
    paths.dedup();
    for round in 1..=ROUNDS {
        for path in &paths {
            app.get(&format!("{path}?n={round}{query}"))
                .await
                .expect(200);
        }
    }
}

/// The report on the database `default`.
async fn report(app: &Running) -> Value {
    let ended = app.advise(&["--json", "--label", "default"]).await;
    assert_eq!(ended.code, Some(exit::FINE), "{}", ended.text);
    let report: Value = serde_json::from_str(&ended.text).expect("it prints one object");
    report["databases"][0].clone()
}

fn has(finding: &Value, kind: &str, words: &str) -> bool {
    let texts = [&finding["subject"], &finding["mend"]];
    let mut texts = texts.iter().filter_map(|text| text.as_str());
    finding["kind"] == kind && texts.any(|text| text.contains(words))
}

fn number(value: &Value) -> u64 {
    value.as_u64().expect("the report has this number")
}

#[track_caller]
fn shape<'r>(report: &'r Value, query: &str) -> &'r Value {
    let shapes = report["shapes"].as_array().expect("a report has shapes");
    let shape = shapes.iter().find(|shape| shape["query"] == query);
    assert!(shape.is_some(), "no {query} in {report:#}");
    shape.unwrap_or(&Value::Null)
}

/// A number of a shape for each of its calls.
#[track_caller]
fn each(report: &Value, query: &str, name: &str) -> u64 {
    let shape = shape(report, query);
    number(&shape[name]) / number(&shape["calls"])
}

/// The time for each payment in which its transaction is open and no statement of it runs.
fn idle(report: &Value) -> u64 {
    let transactions = report["transactions"]
        .as_array()
        .expect("a report has transactions");
    let pay = transactions
        .iter()
        .max_by_key(|each| number(&each["idle_microseconds"]));
    let pay = pay.expect("payments are transactions");
    number(&pay["idle_microseconds"]) / number(&pay["transactions"])
}

async fn indexes(app: &Running, table: &str) -> u64 {
    let query =
        format!("SELECT count(*) FROM sqlite_schema WHERE type = 'index' AND tbl_name = '{table}'");
    let ended = app.app().sql(&["exec", &query, "--json"]).await;
    let answer: Value = serde_json::from_str(&ended.text).expect("it prints one object");
    number(&answer["rows"][0][0])
}

/// All twelve are named, each with the route and a mend. Applied, each mend makes the work at least five times less, and
/// there is nothing more to say.
#[tokio::test]
async fn twelve_planted_faults_are_named_and_mended() {
    let app = slowshop().start().await;
    provoke(&app, "").await;
    let before = report(&app).await;
    let findings = before["findings"].as_array().unwrap().clone();
    for (path, kind, words) in FAULTS {
        let is_named = findings.iter().any(|finding| has(finding, kind, words));
        assert!(is_named, "{path}: no {kind} with {words} in {findings:#?}");
    }
    let entries = [
        indexes(&app, "reviews").await,
        indexes(&app, "stock_changes").await,
    ];
    for finding in findings
        .iter()
        .filter(|finding| finding["mend_kind"] == "statement")
    {
        let mend = finding["mend"].as_str().unwrap();
        let ended = app.app().sql(&["exec", mend]).await;
        assert_eq!(ended.code, Some(exit::FINE), "{mend}: {}", ended.text);
    }
    // With an index on their products, which one more query needs, reviews have two.
    assert_eq!((entries, indexes(&app, "reviews").await), ([5, 2], 2));
    assert_eq!(indexes(&app, "stock_changes").await, 0);
    let app = app.restart().await;
    provoke(&app, "&mended=1").await;
    let after = report(&app).await;
    assert_eq!(after["findings"], Value::Array(Vec::new()), "{after:#}");
    compare(&before, &after);
    let ended = app.advise(&[]).await;
    assert!(
        ended.text.starts_with("default: no findings ("),
        "{}",
        ended.text
    );
}

/// Each mend made the work at least five times less: in steps of SQLite, in rows, in runs, or in time with open transactions.
#[track_caller]
fn compare(before: &Value, after: &Value) {
    for query in [
        "SELECT id, total FROM orders WHERE customer_id = ?",
        "SELECT id, name FROM customers WHERE city = ? ORDER BY joined_at DESC LIMIT ?",
        "SELECT id, name FROM customers WHERE lower(email) = ?",
        "SELECT p.id, count(r.id) FROM products AS p LEFT JOIN reviews AS r ON r.product_id = p.id WHERE p.id BETWEEN ? AND ? GROUP BY p.id",
        "DELETE FROM baskets WHERE id = ?",
    ] {
        let (slow, quick) = (each(before, query, "steps"), each(after, query, "steps"));
        assert!(slow >= 5 * quick, "{query}: {slow} and {quick} steps");
    }
    let slow = each(before, "SELECT sum(seconds) FROM visits", "steps");
    let quick = each(
        after,
        "SELECT seconds FROM visit_totals WHERE id = ?",
        "steps",
    );
    assert!(slow >= 5 * quick, "{slow} and {quick} steps");
    for (query, instead) in [
        (
            "SELECT name FROM customers WHERE id = ?",
            "SELECT id, name FROM customers WHERE id IN (?, …)",
        ),
        (
            "INSERT INTO stock_changes (product_id, amount, reason) VALUES (?, …)",
            "INSERT INTO stock_changes (product_id, amount, reason) VALUES (?, …)",
        ),
    ] {
        let most = |report, query| number(&shape(report, query)["most_in_a_request"]);
        assert_eq!((most(before, query), most(after, instead)), (40, 1));
    }
    let many = each(
        before,
        "SELECT id, name, price FROM products ORDER BY id",
        "rows",
    );
    let page = "SELECT id, name, price FROM products WHERE id > ? ORDER BY id LIMIT ?";
    assert!(many >= 5 * each(after, page, "rows"));
    assert!(
        idle(before) >= 5 * idle(after),
        "{} and {}",
        idle(before),
        idle(after)
    );
}

/// People see the findings first, with what mends them, and then the queries.
#[tokio::test]
async fn people_see_findings_first() {
    let app = slowshop().start().await;
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
    let app = slowshop().start().await;
    app.get("/orders?n=1").await.expect(200);
    let page = app.admin("/sql/shapes.json").await.expect(200);
    assert_eq!(page.json()["databases"][0]["shapes"][0]["calls"], 1);
    // Values are nobody's business: only their places are shown.
    app.get("/login?n=4711").await.expect(200);
    let page = app.admin("/sql/shapes.json").await.expect(200);
    assert!(!page.text().contains("4711"), "{}", page.text());
    app.get("/sql/shapes.json").await.expect(404);
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
