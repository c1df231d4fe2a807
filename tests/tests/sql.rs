//! Promise: the command line reaches the databases of an app, also beside its server.

use serde_json::{Value, json};
use terrace_tests::contract::exit;
use terrace_tests::process::{self, Ended};
use terrace_tests::realworld::Api;
use terrace_tests::wait::until;
use terrace_tests::{App, Running};

/// Conduit with the users `anna` and `bert`, who has written an article.
async fn conduit() -> (Running, Api) {
    let app = App::conduit().start().await;
    let api = Api::new(&app.url("/api"));
    for name in ["anna", "bert"] {
        let user = json!({"username": name, "email": format!("{name}@example.com"), "password": "password123"});
        let answer = api.post("/users", "", &json!({"user": user})).await;
        let token = answer.expect(201).json()["user"]["token"].to_string();
        if name == "bert" {
            let article = json!({"title": "First", "description": "About", "body": "It"});
            let article = json!({"article": article});
            let token = token.trim_matches('"');
            api.post("/articles", token, &article).await.expect(201);
        }
    }
    (app, api)
}

async fn exec(app: &Running, arguments: &[&str]) -> Ended {
    app.app().sql(&[&["exec"], arguments].concat()).await
}

/// Asserts the exit code and that the output has all of `words`.
#[track_caller]
fn says(ended: &Ended, code: i32, words: &[&str]) {
    assert_eq!(ended.code, Some(code), "{}", ended.text);
    for word in words {
        assert!(ended.text.contains(word), "no `{word}` in: {}", ended.text);
    }
}

#[tokio::test]
async fn statements_run_beside_the_server() {
    let (app, api) = conduit().await;
    let query = "SELECT id, username, bio FROM users WHERE username >= ? ORDER BY id";
    let ended = exec(&app, &[query, "--param", "anna"]).await;
    let table = "\
 id | username | bio
----+----------+------
  1 | anna     | NULL
  2 | bert     | NULL
(2 rows)";
    says(&ended, exit::FINE, &[table]);
    let update = "UPDATE users SET bio = ?1 WHERE username = 'anna'";
    let ended = exec(&app, &[update, "--param", "'42'"]).await;
    says(&ended, exit::FINE, &["1 row changed"]);
    let profile = api.get("/profiles/anna", "").await.expect(200).json();
    assert_eq!(profile["profile"]["bio"], "42");
    let ended = exec(&app, &[query, "--param", "anna", "--json"]).await;
    let answer: Value = serde_json::from_str(&ended.text).unwrap();
    let expected = json!({
        "event": "sql-answer", "columns": ["id", "username", "bio"],
        "rows": [[1, "anna", "42"], [2, "bert", null]], "changes": 0,
    });
    assert_eq!(answer, expected);
}

#[tokio::test]
async fn a_plan_and_a_translation_are_shown_and_not_run() {
    let (app, _api) = conduit().await;
    let delete = "DELETE FROM slugs WHERE slug = ?";
    let ended = exec(&app, &[delete, "--param", "first", "--explain"]).await;
    says(&ended, exit::FINE, &["SEARCH slugs USING"]);
    let ended = exec(&app, &[delete, "--param", "first", "--translate"]).await;
    says(&ended, exit::FINE, &["DELETE FROM", "$1"]);
    let glob = "SELECT id FROM users\nWHERE username MATCH 'a'";
    let ended = exec(&app, &[glob, "--translate"]).await;
    says(&ended, exit::USAGE, &["statement:2:"]);
    let ended = exec(&app, &["SELECT count(*) FROM slugs"]).await;
    says(&ended, exit::FINE, &["1\n"]);
}

#[tokio::test]
async fn mistakes_are_named_with_their_place() {
    let (app, _api) = conduit().await;
    for (arguments, words) in [
        (
            &["SELECT username,\n absent FROM users"][..],
            &["statement:2:2: no such column: absent", "absent FROM users"][..],
        ),
        (&["SELECT 1; SELECT 2"], &["more than one statement"]),
        (&[" -- nothing"], &["no statement"]),
        (&["SELECT ?1"], &["0 parameters were given"]),
        (&["BEGIN"], &["begins a transaction"]),
        (
            &["SELECT 1", "--label", "defalt"],
            &[
                "no database with the label `defalt`",
                "did you mean `default`",
            ],
        ),
        (&["ATTACH 'other.db' AS other"], &["not available"]),
    ] {
        says(&exec(&app, arguments).await, exit::USAGE, words);
    }
    let taken = "INSERT INTO slugs (slug, article_id) VALUES ('first', 7)";
    let ended = exec(&app, &[taken]).await;
    says(&ended, exit::FAILED, &["UNIQUE constraint failed"]);
    let ended = exec(&app, &["SELECT absent", "--json"]).await;
    assert_eq!(ended.code, Some(exit::USAGE));
    let fault: Value = serde_json::from_str(&ended.text).unwrap();
    assert_eq!((&fault["line"], &fault["column"]), (&json!(1), &json!(8)));
}

#[tokio::test]
async fn what_is_no_database_is_refused() {
    let app = App::conduit();
    let select = ["exec", "SELECT 1"];
    let ended = app.sql(&select).await;
    says(
        &ended,
        exit::FAILED,
        &["does not exist yet", "state/default.db"],
    );
    assert!(!app.state().join("default.db").exists());
    let app = app.file(
        "state/default.db",
        "not a database at all, but a text of some length",
    );
    let ended = app.sql(&select).await;
    says(&ended, exit::FAILED, &["is not an SQLite database"]);
}

const FOLDER: &str = "[application.tool.terrace.migrations]\ndefault = \"migrations\"";

/// The migrations of conduit.
const CONDUIT: [(&str, &str); 4] = [
    (
        "0001_conduit.sql",
        include_str!("../../functions/conduit/migrations/0001_conduit.sql"),
    ),
    (
        "0002_warnings.sql",
        include_str!("../../functions/conduit/migrations/0002_warnings.sql"),
    ),
    (
        "0003_spread_keys.sql",
        include_str!("../../functions/conduit/migrations/0003_spread_keys.sql"),
    ),
    (
        "0004_notifications.sql",
        include_str!("../../functions/conduit/migrations/0004_notifications.sql"),
    ),
];

/// An app with these files as its migrations.
fn with_files(app: App, files: &[(&str, &str)]) -> App {
    let app = app.section(FOLDER);
    files.iter().fold(app, |app, (name, text)| {
        app.file(&format!("migrations/{name}"), text)
    })
}

/// Conduit with its migrations in the manifest.
fn migrated_conduit() -> App {
    with_files(App::conduit(), &CONDUIT)
}

/// An app that is never served, with these files as its migrations.
fn with_migrations(files: &[(&str, &str)]) -> App {
    let app = App::of("hello").grant("sqlite_databases = [\"default\"]");
    with_files(app, files)
}

const ITEMS: (&str, &str) = (
    "0001_items.sql",
    "CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT);\nINSERT INTO items (name) VALUES ('one');\n",
);

#[tokio::test]
async fn migrations_are_applied_before_the_app_serves_and_the_function_finds_them() {
    let app = migrated_conduit().start().await;
    let recorded = "SELECT name FROM terrace_migrations ORDER BY number";
    let ended = exec(&app, &[recorded]).await;
    let words = [
        "0001_conduit.sql",
        "0002_warnings.sql",
        "0003_spread_keys.sql",
    ];
    says(&ended, exit::FINE, &words);
    Api::new(&app.url("/api")).register().await;
    let by_function = "SELECT count(*) FROM sqlite_schema WHERE name = 'schema_version'";
    says(
        &exec(&app, &[by_function]).await,
        exit::FINE,
        &[" 0\n(1 row)"],
    );
    let ended = app.app().sql(&["migrate"]).await;
    says(&ended, exit::FINE, &["all migrations are applied"]);
}

#[tokio::test]
async fn migrations_that_a_function_applied_are_recorded_and_not_applied_again() {
    let app = migrated_conduit();
    let before = App::conduit().start().await;
    Api::new(&before.url("/api")).register().await;
    std::fs::create_dir_all(app.state()).unwrap();
    let copy = app.state().join("default.db");
    let copy = format!("VACUUM INTO '{}'", copy.display());
    let file = rusqlite::Connection::open(before.app().state().join("default.db")).unwrap();
    file.execute(&copy, []).unwrap();
    let ended = app.sql(&["migrate"]).await;
    says(&ended, exit::FINE, &["0004_notifications.sql is recorded"]);
    let app = app.start().await;
    let ended = exec(&app, &["SELECT count(*) FROM users"]).await;
    says(&ended, exit::FINE, &["1\n"]);
    Api::new(&app.url("/api")).register().await;
}

#[tokio::test]
async fn each_migration_is_applied_by_one_of_two_servers() {
    let app = migrated_conduit();
    let (one, other) = tokio::join!(app.start_beside(), app.start_beside());
    let ended = app
        .sql(&["exec", "SELECT count(*) AS n FROM terrace_migrations"])
        .await;
    says(&ended, exit::FINE, &["\n 4\n"]);
    for server in [&one, &other] {
        server.get("/api/tags").await.expect(200);
    }
}

#[tokio::test]
async fn migrations_are_shown_applied_and_refused() {
    let app = with_migrations(&[ITEMS]);
    let ended = app.sql(&["migrate", "--dry-run"]).await;
    says(
        &ended,
        exit::FINE,
        &["-- default: 0001_items.sql\nCREATE TABLE items"],
    );
    assert!(!app.state().join("default.db").exists());
    let ended = app.sql(&["migrate", "--json"]).await;
    let told: Value = serde_json::from_str(&ended.text).unwrap();
    let expected = json!({"event": "migrated", "label": "default", "migration": "0001_items.sql", "by_function": false});
    assert_eq!(told, expected);
    let wrong = "CREATE TABLE more (id INTEGER);\n\nINSERT INTO item (name) VALUES ('two');";
    let app = app.file("migrations/0002_more.sql", wrong);
    for ended in [app.sql(&["migrate"]).await, app.refuse().await] {
        says(
            &ended,
            exit::FAILED,
            &["0002_more.sql, line 3: no such table: item"],
        );
    }
    let ended = app.sql(&["exec", "SELECT * FROM more"]).await;
    says(&ended, exit::USAGE, &["no such table: more"]);
    let app = app.file(
        "migrations/0001_items.sql",
        "CREATE TABLE items (id INTEGER);",
    );
    let ended = app.sql(&["migrate"]).await;
    says(
        &ended,
        exit::USAGE,
        &["0001_items.sql was changed after it was applied"],
    );
}

#[tokio::test]
async fn mistakes_in_the_folder_of_migrations_are_named() {
    let missing = App::of("hello").section(FOLDER);
    for ended in [missing.check().await, missing.refuse().await] {
        says(
            &ended,
            exit::USAGE,
            &["spin.toml", "migrations", "cannot be read"],
        );
    }
    let label = FOLDER.replace("default", "other");
    let unknown = App::of("hello").section(&label);
    says(
        &unknown.check().await,
        exit::USAGE,
        &["unknown migrations label `other`"],
    );
    let none = App::of("hello");
    let ended = none.sql(&["migrate"]).await;
    says(&ended, exit::USAGE, &["the manifest names no migrations"]);
}

#[tokio::test]
async fn statements_that_are_not_portable_are_found_before_anybody_moves() {
    let search = "-- To find items.\nCREATE VIRTUAL TABLE found USING fts5(name);\nINSERT INTO found VALUES ('a');";
    let app = with_migrations(&[ITEMS, ("0002_search.sql", search)]);
    says(&app.check().await, exit::FINE, &["is fine"]);
    let portable = ["check", "--portable", "--from", "spin.toml"];
    let ended = process::run(app.folder(), &portable).await;
    says(
        &ended,
        exit::USAGE,
        &["0002_search.sql:2:34: not portable: virtual tables"],
    );
    assert_eq!(
        ended.text.matches("not portable").count(),
        1,
        "{}",
        ended.text
    );
    let app = migrated_conduit();
    app.check().await;
    let portable = [&portable[..], &["--variable", "jwt_secret=x"]].concat();
    let ended = process::run(app.folder(), &portable).await;
    says(&ended, exit::FINE, &["is fine"]);
}

#[tokio::test]
async fn a_swap_applies_new_migrations() {
    let app = with_migrations(&[ITEMS]).develop().await;
    let folder = app.app().folder();
    let more = "INSERT INTO items (name) VALUES ('two')";
    std::fs::write(folder.join("migrations/0002_more.sql"), more).unwrap();
    let manifest = std::fs::read_to_string(folder.join("spin.toml")).unwrap();
    let aside = folder.join("spin.toml.new");
    std::fs::write(
        &aside,
        manifest + "[variables]\nnew = { default = \"1\" }\n",
    )
    .unwrap();
    std::fs::rename(aside, folder.join("spin.toml")).unwrap();
    let state = ["--from", "spin.toml", "--state-dir", "state"];
    let count = ["sql", "exec", "SELECT count(*) AS n FROM items"];
    let count = [&count[..], &state].concat();
    until("the migration", async || {
        let ended = process::run(folder, &count).await;
        ended.text.contains("\n 2\n").then_some(())
    })
    .await;
}
