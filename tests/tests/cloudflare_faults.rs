//! Promise: what is missing on Cloudflare's runtime is told with the line to write and the file to write it to.

use serde_json::json;
use terrace_tests::client::request;
use terrace_tests::target::not_run;
use terrace_tests::target::wrangler::{WRANGLER_REMEDY, Worker};
use terrace_tests::{Answer, Client};

/// Conduit under the changed configuration, or a word that it was not run.
macro_rules! conduit_or_return {
    () => {
        match Worker::conduit() {
            Some(worker) => worker,
            None => return not_run("faults of conduit on Cloudflare's runtime", WRANGLER_REMEDY),
        }
    };
}

/// What a client sees and what the log says when conduit is asked for its tags.
async fn tags_of(worker: &Worker) -> (Answer, String) {
    let served = worker.start().await;
    let url = format!("{}/api/tags", served.http);
    let get = request(http::Method::GET, &url, &[], "");
    let answer = Client::default().send(get).await;
    let failed = |line: &str| line.contains("failed").then(|| line.to_owned());
    let line = served.process.log.find("the failure", failed).await;
    (answer, line)
}

#[tokio::test]
async fn a_missing_database_is_named_with_its_binding() {
    let worker = conduit_or_return!().change(|config| config["d1_databases"] = json!([]));
    let (answer, line) = tags_of(&worker).await;
    answer.expect(500);
    for word in ["[[d1_databases]]", "binding = \"DB\"", "wrangler.toml"] {
        assert!(line.contains(word), "no {word} in: {line}");
    }
}

#[tokio::test]
async fn migrations_that_were_not_applied_are_told_with_the_command() {
    let worker = conduit_or_return!();
    let (answer, line) = tags_of(&worker).await;
    answer.expect(500);
    assert!(line.contains("wrangler d1 migrations apply DB"), "{line}");
}

#[tokio::test]
async fn a_secret_that_is_not_set_is_named_with_its_file() {
    let worker = conduit_or_return!().without_secrets();
    let migrated = worker.migrate().await;
    assert_eq!(migrated.code, Some(0), "{}", migrated.text);
    let served = worker.start().await;
    let user =
        json!({"user": {"username": "a", "email": "a@example.com", "password": "a long password"}});
    let url = format!("{}/api/users", served.http);
    let fields = [("content-type", "application/json")];
    let post = request(http::Method::POST, &url, &fields, user.to_string());
    Client::default().send(post).await.expect(500);
    let failed = |line: &str| line.contains("failed").then(|| line.to_owned());
    let line = served.process.log.find("the failure", failed).await;
    for word in ["jwt_secret", ".dev.vars", "secret put"] {
        assert!(line.contains(word), "no {word} in: {line}");
    }
}

/// JavaScript's text of a number need not be the file's, so the SDK asks for a string, as `spin.toml` does.
#[tokio::test]
async fn a_variable_that_is_no_string_is_told_with_the_line_to_write() {
    let config = "tests/guests/portable/wrangler.toml";
    let Some(worker) = Worker::new("portable", config, &[]) else {
        return not_run("faults of the SDK on Cloudflare's runtime", WRANGLER_REMEDY);
    };
    let worker = worker.change(|config| {
        config["vars"] = json!({"a_number": 1.0, "a_switch": true, "a_list": [1]});
    });
    let served = worker.start().await;
    for (name, kind) in [
        ("a_number", "number"),
        ("a_switch", "boolean"),
        ("a_list", "object"),
    ] {
        let url = format!("{}/variable/{name}", served.http);
        let get = request(http::Method::GET, &url, &[], "");
        let said = Client::default().send(get).await.expect(500).text();
        for words in [
            &format!("of type {kind}"),
            &format!("{name} = \"...\""),
            "wrangler.toml",
        ] {
            assert!(said.contains(words), "no {words} in: {said}");
        }
    }
}

/// A migration is applied as a whole: of one that fails, nothing stays, and those before it do.
#[tokio::test]
async fn of_a_migration_that_fails_nothing_is_applied() {
    let worker = conduit_or_return!().change(|config| {
        config["d1_databases"][0]["migrations_dir"] = json!("migrations");
    });
    let folder = worker.folder().join("migrations");
    std::fs::create_dir(&folder).expect("a test's own folder can be written");
    let write = |name: &str, text: &str| {
        std::fs::write(folder.join(name), text).expect("a test's own folder can be written");
    };
    write("0001_good.sql", "CREATE TABLE good (value);\n");
    write(
        "0002_bad.sql",
        "CREATE TABLE half (value);\nINSERT INTO nowhere VALUES (1);\n",
    );
    let migrated = worker.migrate().await;
    assert_ne!(migrated.code, Some(0), "{}", migrated.text);
    for word in ["0002_bad.sql", "nowhere"] {
        assert!(
            migrated.text.contains(word),
            "no {word} in: {}",
            migrated.text
        );
    }
    let tables = worker.query("SELECT name FROM sqlite_schema").await.text;
    assert!(
        tables.contains("good") && !tables.contains("half"),
        "{tables}"
    );
}
