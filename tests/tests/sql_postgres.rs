//! Promise: the command line does on Postgres what it does on SQLite, and shows the Postgres that would run.

use serde_json::{Value, json};
use terrace_tests::contract::exit;
use terrace_tests::postgres::Server;
use terrace_tests::process::Ended;
use terrace_tests::realworld::Api;
use terrace_tests::{App, Running};

fn on(server: &Server, app: App) -> App {
    let url = server.url();
    app.config(&format!("[sql.default]\nurl = {url:?}"))
}

/// An app that is never served, with these files as its migrations.
fn with_migrations(server: &Server, files: &[(&str, &str)]) -> App {
    let app = App::of("hello").grant("sqlite_databases = [\"default\"]");
    let app = app.section("[application.tool.terrace.migrations]\ndefault = \"migrations\"");
    let app = files.iter().fold(app, |app, (name, text)| {
        app.file(&format!("migrations/{name}"), text)
    });
    on(server, app)
}

/// Asserts the exit code and that the output has all of `words`.
#[track_caller]
fn says(ended: &Ended, code: i32, words: &[&str]) {
    assert_eq!(ended.code, Some(code), "{}", ended.text);
    for word in words {
        assert!(ended.text.contains(word), "no `{word}` in: {}", ended.text);
    }
}

async fn exec(app: &Running, arguments: &[&str]) -> Ended {
    app.app().sql(&[&["exec"], arguments].concat()).await
}

#[tokio::test]
async fn statements_run_on_postgres_beside_the_server() {
    let server = Server::start();
    let app = on(&server, App::conduit()).start().await;
    let api = Api::new(&app.url("/api"));
    let user = json!({"username": "anna", "email": "anna@example.com", "password": "password123"});
    let user = json!({"user": user});
    api.post("/users", "", &user).await.expect(201);
    let query = "SELECT id, username, bio FROM users WHERE username >= ? ORDER BY id";
    let table = "\
 id | username | bio
----+----------+------
  1 | anna     | NULL
(1 row)";
    let ended = exec(&app, &[query, "--param", "anna"]).await;
    says(&ended, exit::FINE, &[table]);
    let update = "UPDATE users SET bio = ?1 WHERE username = 'anna'";
    let ended = exec(&app, &[update, "--param", "'42'"]).await;
    says(&ended, exit::FINE, &["1 row changed"]);
    let ended = exec(&app, &[query, "--param", "a", "--json"]).await;
    let answer: Value = serde_json::from_str(&ended.text).unwrap();
    let expected = json!({
        "event": "sql-answer", "columns": ["id", "username", "bio"],
        "rows": [[1, "anna", "42"]], "changes": 0,
    });
    assert_eq!(answer, expected);
    let delete = "DELETE FROM slugs WHERE slug = ?";
    let ended = exec(&app, &[delete, "--param", "first", "--explain"]).await;
    says(&ended, exit::FINE, &["Delete on slugs"]);
    let ended = exec(&app, &[delete, "--param", "first", "--translate"]).await;
    says(&ended, exit::FINE, &["DELETE FROM", "$1"]);
    let profile = api.get("/profiles/anna", "").await.expect(200).json();
    assert_eq!(profile["profile"]["bio"], "42");
}

#[tokio::test]
async fn mistakes_on_postgres_are_named_with_their_place() {
    let server = Server::start();
    let app = on(&server, App::conduit()).start().await;
    app.get("/api/tags").await.expect(200);
    for (arguments, code, words) in [
        (
            &["SELECT username,\n absent FROM users"][..],
            exit::USAGE,
            &["statement:2:2: no such column: absent"][..],
        ),
        (
            &["SELECT 1; SELECT 2"],
            exit::USAGE,
            &["more than one statement"],
        ),
        (&["SELECT ?1"], exit::USAGE, &["parameter"]),
        (&["BEGIN"], exit::USAGE, &["begins a transaction"]),
        (
            &["SELECT name FROM tags WHERE name MATCH 'a'"],
            exit::USAGE,
            &["statement:1:"],
        ),
        (
            &["INSERT INTO slugs (slug, article_id) VALUES ('a', 1), ('a', 2)"],
            exit::FAILED,
            &["UNIQUE constraint failed: slugs.slug"],
        ),
    ] {
        says(&exec(&app, arguments).await, code, words);
    }
}

const ITEMS: (&str, &str) = (
    "0001_items.sql",
    "CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT);\nINSERT INTO items (name) VALUES ('one');\n",
);

/// The second file only makes sense after the first.
const MORE: (&str, &str) = (
    "0002_more.sql",
    "ALTER TABLE items ADD COLUMN weight REAL;\nINSERT OR IGNORE INTO items (id, name, weight) SELECT id, 'two', 0.5 FROM items;\n",
);

#[tokio::test]
async fn dry_run_prints_the_postgres_that_would_run() {
    let server = Server::start();
    let app = with_migrations(&server, &[ITEMS, MORE]);
    let shown = app.sql(&["migrate", "--dry-run"]).await;
    let words = [
        "-- default: 0001_items.sql",
        "CREATE TABLE \"items\"",
        "bigint",
        "-- default: 0002_more.sql",
        "double precision",
        "ON CONFLICT",
    ];
    says(&shown, exit::FINE, &words);
    assert_eq!(server.run("SELECT to_regclass('items') IS NULL"), "t");
    let ended = app.sql(&["migrate"]).await;
    let words = ["applied 0001_items.sql", "applied 0002_more.sql"];
    says(&ended, exit::FINE, &words);
    let ended = app.sql(&["migrate", "--dry-run"]).await;
    says(&ended, exit::FINE, &["all migrations are applied"]);
    assert_eq!(server.run("SELECT count(*) FROM items"), "1");
    // What was shown runs as it is, where the functions are.
    let other = Server::start();
    let opened = with_migrations(&other, &[])
        .sql(&["exec", "SELECT 1"])
        .await;
    says(&opened, exit::FINE, &["(1 row)"]);
    other.run(&shown.text);
    assert_eq!(other.run("SELECT count(*) FROM items"), "1");
}

#[tokio::test]
async fn statements_that_are_not_portable_are_found_for_a_database_on_postgres() {
    let server = Server::start();
    let search = (
        "0002_search.sql",
        "CREATE VIRTUAL TABLE found USING fts5(name);",
    );
    let app = with_migrations(&server, &[ITEMS, search]);
    let words = ["0002_search.sql:1:34: not portable: virtual tables"];
    let config = ["check", "--from", "spin.toml", "--config", "terrace.toml"];
    app.sql(&["migrate", "--dry-run"]).await;
    let ended = terrace_tests::process::run(app.folder(), &config).await;
    says(&ended, exit::USAGE, &words);
    let ended = app.sql(&["migrate", "--dry-run"]).await;
    says(&ended, exit::USAGE, &words);
    let ended = app.sql(&["migrate"]).await;
    says(&ended, exit::FAILED, &["0002_search.sql, line 1"]);
    // The first file stays, and nothing of the second is there.
    assert_eq!(server.run("SELECT count(*) FROM items"), "1");
}
