//! Promise: each setting of a database on Postgres does what docs/settings.md says.

use terrace_tests::contract::exit;
use terrace_tests::load::at_once;
use terrace_tests::postgres::Server;
use terrace_tests::proxy::{Fault, Proxy};
use terrace_tests::{App, Running};

const WITHOUT_CACHE: &str = "[cache]\nmemory = \"off\"";

async fn conduit(url: &str, settings: &str) -> Running {
    with(url, settings).start().await
}

fn with(url: &str, settings: &str) -> App {
    let database = format!("[sql.default]\nurl = {url:?}\n{settings}");
    App::conduit().config(&database).config(WITHOUT_CACHE)
}

#[tokio::test]
async fn connections_are_at_most_those_of_the_setting() {
    let server = Server::start();
    let app = conduit(&server.url(), "connections = 2").await;
    at_once(60, |number| {
        let app = &app;
        async move {
            let path = format!("/api/articles?limit=20&offset={number}");
            app.get(&path).await.expect(200);
        }
    })
    .await;
    let query = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'terrace %'";
    assert_eq!(server.run(query), "2");
    let of = [("database", "default")];
    let metrics = app.metrics().await;
    let open = metrics.sum("terrace_sql_connections", &of);
    assert!((open - 2.0).abs() < f64::EPSILON, "{open}");
}

#[tokio::test]
async fn password_comes_from_the_variable_that_the_setting_names() {
    let mut server = Server::start();
    server.run("ALTER USER terrace PASSWORD 'correct horse'");
    server.put("pg_hba.conf", "local all all scram-sha-256\n");
    server.kill();
    server.restart();
    let setting = "password_variable = \"DATABASE_PASSWORD\"";
    let app = || with(&server.url(), setting);
    let ended = app().refuse().await;
    assert_eq!(ended.code, Some(exit::USAGE), "{}", ended.text);
    let words = "`DATABASE_PASSWORD` is not set";
    assert!(ended.text.contains(words), "{}", ended.text);
    let wrong = app().environment("DATABASE_PASSWORD", "hush");
    let ended = wrong.refuse().await;
    assert_eq!(ended.code, Some(exit::FAILED), "{}", ended.text);
    assert!(ended.text.contains("refuses this user"), "{}", ended.text);
    assert!(!ended.text.contains("hush"), "{}", ended.text);
    let app = app().environment("DATABASE_PASSWORD", "correct horse");
    let app = app.start().await;
    app.get("/api/tags").await.expect(200);
    let ended = app.terminate().await;
    assert!(!ended.text.contains("correct horse"), "{}", ended.text);
}

/// The driver numbers the names of statements, and the first is `s0`. Whoever asks for it meets a cut, which shows as a retry.
#[tokio::test]
async fn prepared_says_whether_statements_have_names() {
    for (setting, has_names) in [
        ("", true),
        ("prepared = true", true),
        ("prepared = false", false),
    ] {
        let server = Server::start();
        let proxy = Proxy::to(server.socket());
        let url = proxy.url();
        let app = App::of("capabilities").grant("sqlite_databases = [\"default\"]");
        let app = app.grant("key_value_stores = [\"default\"]");
        let app = app.config(&format!("[sql.default]\nurl = {url:?}\n{setting}"));
        let app = app.start().await;
        proxy.when("s0\0", Fault::Cut);
        app.post("/sql/default", "[[\"SELECT 1\"]]")
            .await
            .expect(200);
        let metrics = app.metrics().await;
        let retries = metrics.sum("terrace_sql_retries_total", &[("database", "default")]);
        assert_eq!(retries > 0.0, has_names, "{setting}: {retries}");
    }
}

#[tokio::test]
async fn statements_are_counted_by_database() {
    let app = App::conduit().config(WITHOUT_CACHE).start().await;
    app.get("/api/tags").await.expect(200);
    let metrics = app.metrics().await;
    let of = [("database", "default")];
    assert!(metrics.sum("terrace_sql_reads_total", &of) >= 1.0);
    assert!(metrics.sum("terrace_sql_writes_total", &of) >= 1.0);
    // A file has no connections.
    assert!(
        !metrics.0.contains("terrace_sql_connections"),
        "{}",
        metrics.0
    );
}
