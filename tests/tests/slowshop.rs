//! Promise: `terrace sql advise` names each fault that is planted in `slowshop`, on SQLite and on Postgres, with a mend that
//! makes the work at least five times less.

use serde_json::Value;
use terrace_tests::Running;
use terrace_tests::contract::exit;
use terrace_tests::postgres::Server;
use terrace_tests::slowshop::{self, FAULTS, ROUNDS, has, provoke, report};

/// The queries that an index mends: the statement, and with which values.
const INDEXED: [(&str, &[&str]); 4] = [
    ("SELECT id, total FROM orders WHERE customer_id = ?", &["7"]),
    (
        "SELECT id, name FROM customers WHERE city = ? ORDER BY joined_at DESC LIMIT ?",
        &["City 7", "10"],
    ),
    (
        "SELECT id, name FROM customers WHERE lower(email) = ?",
        &["customer7@example.com"],
    ),
    (
        "SELECT p.id, count(r.id) FROM products AS p LEFT JOIN reviews AS r ON r.product_id = p.id WHERE p.id BETWEEN ? AND ? GROUP BY p.id",
        &["7", "11"],
    ),
];

const DELETE: &str = "DELETE FROM baskets WHERE id = ?";
const SUM: (&str, &str) = (
    "SELECT sum(seconds) FROM visits",
    "SELECT seconds FROM visit_totals WHERE id = ?",
);
const NAMES: (&str, &str) = (
    "SELECT name FROM customers WHERE id = ?",
    "SELECT id, name FROM customers WHERE id IN (?, …)",
);
const CHANGES: &str = "INSERT INTO stock_changes (product_id, amount, reason) VALUES (?, …)";
const CATALOGUE: (&str, &str) = (
    "SELECT id, name, price FROM products ORDER BY id",
    "SELECT id, name, price FROM products WHERE id > ? ORDER BY id LIMIT ?",
);
const MANUALS: (&str, &str) = (
    "SELECT id, body FROM manuals WHERE product_id = ?",
    "SELECT count(*) FROM manuals WHERE product_id = ?",
);
const REVIEW: &str = "INSERT INTO reviews (product_id, stars, made_at, body) VALUES (?, …)";

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

/// A time of the transactions that are open for longest, for each of them.
fn payment(report: &Value, time: &str) -> u64 {
    let transactions = report["transactions"]
        .as_array()
        .expect("a report has transactions");
    let pay = transactions
        .iter()
        .max_by_key(|each| number(&each["idle_microseconds"]));
    let pay = pay.expect("payments are transactions");
    number(&pay[time]) / number(&pay["transactions"])
}

/// The indexes of a table that no key needs.
async fn indexes(app: &Running, server: Option<&Server>, table: &str) -> u64 {
    if let Some(server) = server {
        let count = format!(
            "SELECT count(*) FROM pg_index WHERE indrelid = '{table}'::regclass AND NOT indisprimary"
        );
        return server.run(&count).parse().expect("it prints a number");
    }
    let query =
        format!("SELECT count(*) FROM sqlite_schema WHERE type = 'index' AND tbl_name = '{table}'");
    let ended = app.app().sql(&["exec", &query, "--json"]).await;
    let answer: Value = serde_json::from_str(&ended.text).expect("it prints one object");
    number(&answer["rows"][0][0])
}

/// Has a server know its tables, as its own upkeep does within a minute.
fn analyze(server: Option<&Server>) {
    if let Some(server) = server {
        server.run("ANALYZE");
    }
}

/// Applies what the findings say that is a statement.
async fn mend(app: &Running, findings: &[Value]) {
    for finding in findings {
        if finding["mend_kind"] == "statement" {
            let mend = finding["mend"].as_str().expect("a finding has a mend");
            let ended = app.app().sql(&["exec", mend]).await;
            assert_eq!(ended.code, Some(exit::FINE), "{mend}: {}", ended.text);
        }
    }
}

/// The total cost in the first line of a plan.
fn cost(plan: &str) -> f64 {
    let total = plan.split_once("(cost=").and_then(|(_, rest)| {
        let (_, total) = rest.split_once("..")?;
        total.split(' ').next()?.parse().ok()
    });
    total.expect("a plan of Postgres has costs")
}

/// The costs of the queries that an index mends, in the server's units.
async fn costs(app: &Running) -> Vec<f64> {
    // What the server asks for each reference to a deleted basket is in no plan.
    let references = "SELECT 1 FROM basket_items WHERE basket_id = ?";
    let mut costs = Vec::new();
    for (query, values) in INDEXED.into_iter().chain([(references, &["7"][..])]) {
        let mut arguments = vec!["exec", query, "--explain"];
        for value in values {
            arguments.extend(["--param", value]);
        }
        let ended = app.app().sql(&arguments).await;
        costs.push(cost(&ended.text));
    }
    costs
}

/// What the same load cost before the mends and after them.
struct Reports {
    before: Value,
    after: Value,
}

/// All faults are named, each with a mend. With the mends, there is nothing more to say.
async fn named_and_mended(app: Running, server: Option<&Server>) -> (Running, Reports) {
    provoke(&app, "").await;
    analyze(server);
    let before = report(&app).await;
    let findings = before["findings"].as_array();
    let findings = findings.expect("a report has findings").clone();
    for (path, kind, words) in FAULTS {
        let is_named = findings.iter().any(|finding| has(finding, kind, words));
        assert!(is_named, "{path}: no {kind} with {words} in {findings:#?}");
    }
    let entries = [
        indexes(&app, server, "reviews").await,
        indexes(&app, server, "stock_changes").await,
    ];
    mend(&app, &findings).await;
    analyze(server);
    // With an index on their products, which one more query needs, reviews have two.
    let left = indexes(&app, server, "reviews").await;
    assert_eq!((entries, left), ([5, 2], 2));
    assert_eq!(indexes(&app, server, "stock_changes").await, 0);
    let app = app.restart().await;
    provoke(&app, "&mended=1").await;
    analyze(server);
    let after = report(&app).await;
    assert_eq!(after["findings"], Value::Array(Vec::new()), "{after:#}");
    let ended = app.advise(&[]).await;
    assert!(
        ended.text.starts_with("default: no findings ("),
        "{}",
        ended.text
    );
    (app, Reports { before, after })
}

/// Each mend of the program made the work at least five times less: in runs, in rows, in bytes, or in time with open
/// transactions.
#[track_caller]
fn compare(Reports { before, after }: &Reports) {
    for (query, instead) in [NAMES, (CHANGES, CHANGES)] {
        let most = |report, query| number(&shape(report, query)["most_in_a_request"]);
        assert_eq!((most(before, query), most(after, instead)), (40, 1));
    }
    for ((query, instead), unit) in [(CATALOGUE, "rows"), (MANUALS, "result_bytes")] {
        let (much, little) = (each(before, query, unit), each(after, instead, unit));
        assert!(much >= 5 * little, "{query}: {much} and {little} {unit}");
    }
    let idle = |report| payment(report, "idle_microseconds");
    assert!(idle(before) >= 5 * idle(after));
}

#[tokio::test]
async fn planted_faults_are_named_and_mended() {
    let app = slowshop::app().start().await;
    let (_app, reports) = named_and_mended(app, None).await;
    compare(&reports);
    let Reports { before, after } = &reports;
    let indexed = INDEXED.iter().map(|(query, _)| (*query, *query));
    for (query, instead) in indexed.chain([(DELETE, DELETE), SUM]) {
        let (slow, quick) = (each(before, query, "steps"), each(after, instead, "steps"));
        assert!(slow >= 5 * quick, "{query}: {slow} and {quick} steps");
    }
}

/// Starts the shop on a server, finds and mends all, and compares what the server says of the costs.
async fn on_postgres(server: &Server) {
    let url = server.url();
    let app = slowshop::app().config(&format!("[sql.default]\nurl = {url:?}"));
    let app = app.start().await;
    analyze(Some(server));
    let before = costs(&app).await;
    let (app, reports) = named_and_mended(app, Some(server)).await;
    compare(&reports);
    let after = costs(&app).await;
    for (at, (slow, quick)) in before.iter().zip(&after).enumerate() {
        assert!(slow >= &(5.0 * quick), "{at}: {before:?} and {after:?}");
    }
    let scanned = |report: &Value, query| {
        let plan = &shape(report, query)["plan"][0];
        cost(plan.as_str().expect("the plan has lines"))
    };
    let (slow, quick) = (
        scanned(&reports.before, SUM.0),
        scanned(&reports.after, SUM.1),
    );
    assert!(slow >= 5.0 * quick, "{slow} and {quick}");
}

/// The plans alone are judged.
#[tokio::test]
async fn planted_faults_are_named_and_mended_on_postgres() {
    on_postgres(&Server::start()).await;
}

/// The planner is asked.
#[tokio::test]
async fn planted_faults_are_named_and_mended_on_postgres_with_hypopg() {
    let server = Server::start();
    let count = "SELECT count(*) FROM pg_available_extensions WHERE name = 'hypopg'";
    if server.run(count) == "0" {
        println!("not run: a Postgres server without hypopg: install postgresql-15-hypopg");
        return;
    }
    server.run("CREATE EXTENSION hypopg");
    on_postgres(&server).await;
}

/// The time that a request spends on a query, in microseconds.
fn spent(report: &Value, query: &str) -> u64 {
    number(&shape(report, query)["microseconds"]) / ROUNDS as u64
}

fn print(Reports { before, after }: &Reports, engine: &str) {
    println!(
        "| {engine}: time of a request with | before | after | times less |\n|---|---|---|---|"
    );
    let indexed = INDEXED.iter().map(|(query, _)| (*query, *query));
    let rest = [
        (DELETE, DELETE),
        SUM,
        NAMES,
        (CHANGES, CHANGES),
        CATALOGUE,
        MANUALS,
        (REVIEW, REVIEW),
    ];
    let mut rows: Vec<_> = indexed
        .chain(rest)
        .map(|(query, instead)| (query, spent(before, query), spent(after, instead)))
        .collect();
    let open = |report| payment(report, "microseconds");
    rows.push(("the transaction of a payment", open(before), open(after)));
    for (query, slow, quick) in rows {
        let times = slow as f64 / quick.max(1) as f64;
        println!("| `{query}` | {slow} µs | {quick} µs | {times:.1} |");
    }
}

#[tokio::test]
#[ignore = "prints times, which are for people to judge"]
async fn times_of_mends() {
    let app = slowshop::app().start().await;
    let (_app, reports) = named_and_mended(app, None).await;
    print(&reports, "SQLite");
    let server = Server::start();
    let url = server.url();
    let app = slowshop::app().config(&format!("[sql.default]\nurl = {url:?}"));
    let app = app.start().await;
    let (_app, reports) = named_and_mended(app, Some(&server)).await;
    print(&reports, "Postgres");
}
