//! Promise: the command line reaches the databases of an app, also beside its server.

use serde_json::{Value, json};
use terrace_tests::contract::exit;
use terrace_tests::process::Ended;
use terrace_tests::realworld::Api;
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
