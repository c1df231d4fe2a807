//! The sample app `slowshop`: what is wrong with it, and load that shows that.

use serde_json::Value;

use crate::app::App;
use crate::contract::exit;
use crate::running::Running;

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
pub const FAULTS: [(&str, &str, &str); 13] = [
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
    (
        "/manuals",
        "unread-results",
        "SELECT id, body FROM manuals WHERE product_id = ?",
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
pub const ROUNDS: usize = 13;

/// The shop, on a database of its own.
#[must_use]
pub fn app() -> App {
    let app = App::of("slowshop")
        .grant("sqlite_databases = [\"default\"]")
        .section("[application.tool.terrace.migrations]\ndefault = \"migrations\"");
    MIGRATIONS
        .iter()
        .fold(app, |app, (name, text)| app.file(name, text))
}

/// Asks each path so often that its fault can be seen.
pub async fn provoke(app: &Running, query: &str) {
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

/// What `terrace sql advise` says of the database `default`.
///
/// # Panics
/// When it fails, or prints no report.
pub async fn report(app: &Running) -> Value {
    let ended = app.advise(&["--json", "--label", "default"]).await;
    assert_eq!(ended.code, Some(exit::FINE), "{}", ended.text);
    let report: Value = serde_json::from_str(&ended.text).expect("it prints one object");
    report["databases"][0].clone()
}

/// Whether it is a finding of that kind, with these words in its subject or its mend.
#[must_use]
pub fn has(finding: &Value, kind: &str, words: &str) -> bool {
    let texts = [&finding["subject"], &finding["mend"]];
    let mut texts = texts.iter().filter_map(|text| text.as_str());
    finding["kind"] == kind && texts.any(|text| text.contains(words))
}
