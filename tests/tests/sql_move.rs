//! Promise: `terrace sql move` moves a database while the app serves, loses nothing, and continues after a kill at any point.

use std::cell::Cell;

use http::Method;
use serde_json::{Value, json};
use terrace_tests::contract::exit;
use terrace_tests::postgres::Server;
use terrace_tests::process::{Ended, Process};
use terrace_tests::realworld::{Api, User, path_of, unique};
use terrace_tests::{App, Client, Running, client};

/// What a client wrote, as the app acknowledged it.
#[derive(Default)]
struct Written {
    slugs: Vec<String>,
    comments: Vec<i64>,
}

/// Publishes and comments until `is_over`.
async fn write(api: &Api, author: &User, is_over: &Cell<bool>) -> Written {
    let mut written = Written::default();
    while !is_over.get() {
        let article = api.publish(author, &unique("Moved "), &["moved"]).await;
        let slug = article["slug"]
            .as_str()
            .expect("an article has a slug")
            .to_owned();
        let path = format!("/articles/{slug}/comments");
        let comment = json!({"comment": {"body": "On its way"}});
        let answer = api.post(&path, &author.token, &comment).await.expect(201);
        written.comments.push(id(&answer.json()["comment"]));
        written.slugs.push(slug);
    }
    written
}

fn id(object: &Value) -> i64 {
    object["id"].as_i64().expect("it has an id")
}

fn admin(app: &Running) -> &str {
    app.admin.trim_start_matches("http://")
}

fn last_event(ended: &Ended) -> Value {
    let line = ended.text.lines().last().unwrap_or_default();
    serde_json::from_str(line).unwrap_or_default()
}

/// Conduit with its database at a URL.
fn conduit_at(url: &str) -> App {
    App::conduit().config(&format!("[sql.default]\nurl = {url:?}"))
}

/// Moves the database of an app that `server` serves.
async fn moved(server: &Running, app: &App, to: &str) -> Ended {
    app.sql(&["move", "--json", "--admin", admin(server), "--to", to])
        .await
}

/// Each article and each comment is there once.
async fn check(api: &Api, author: &User, written: &Written) {
    let path = format!("/articles?author={}&limit=1", author.username);
    let list = api.get(&path, "").await.expect(200).json();
    assert_eq!(list["articlesCount"], written.slugs.len());
    for (slug, comment) in written.slugs.iter().zip(&written.comments) {
        let path = format!("/articles/{slug}/comments");
        let comments = api.get(&path, "").await.expect(200).json();
        let ids = comments["comments"].as_array().into_iter().flatten();
        let ids: Vec<_> = ids.map(id).collect();
        assert_eq!(ids, [*comment], "{slug}");
    }
}

#[tokio::test]
async fn an_app_goes_to_postgres_and_back_under_writes_and_loses_nothing() {
    let server = Server::start();
    let app = App::conduit().start().await;
    let api = Api::new(&app.url("/api"));
    let author = api.register().await;
    let is_over = Cell::new(false);
    let on_server = conduit_at(&server.url());
    let moving = async {
        let moves = [
            moved(&app, app.app(), &server.url()).await,
            moved(&app, &on_server, "sqlite:back.db").await,
        ];
        is_over.set(true);
        moves
    };
    let (written, moves) = tokio::join!(write(&api, &author, &is_over), moving);
    for ended in &moves {
        assert_eq!(ended.code, Some(exit::FINE), "{}", ended.text);
        let event = last_event(ended);
        assert_eq!(
            (&event["event"], &event["switched"]),
            (&json!("sql-moved"), &json!(true))
        );
        assert!(
            event["pause_milliseconds"].as_u64().unwrap() < 1_000,
            "{event}"
        );
    }
    assert!(written.slugs.len() > 2);
    check(&api, &author, &written).await;
    // The old places say where the data is.
    let ended = app.app().refuse().await;
    assert!(
        ended.text.contains("was moved to postgres://"),
        "{}",
        ended.text
    );
    let ended = on_server.refuse().await;
    assert!(ended.text.contains("back.db"), "{}", ended.text);
    // The settings that the command printed are those of the new place.
    let settings = last_event(&moves[1])["settings"]
        .as_str()
        .unwrap()
        .to_owned();
    let again = App::conduit().config(&settings).start().await;
    check(&Api::new(&again.url("/api")), &author, &written).await;
}

/// A second process that is not asked still has the old database.
#[tokio::test]
async fn a_server_that_did_not_switch_refuses_writes_and_names_the_new_place() {
    let server = Server::start();
    let app = App::conduit().start().await;
    let api = Api::new(&app.url("/api"));
    let author = api.register().await;
    let ended = app
        .app()
        .sql(&["move", "--admin", "off", "--to", &server.url()])
        .await;
    assert_eq!(ended.code, Some(exit::FINE), "{}", ended.text);
    assert!(
        ended.text.contains("and start the server again"),
        "{}",
        ended.text
    );
    let article = json!({"article": {"title": "Late", "description": "About", "body": "It"}});
    let refused = api.post("/articles", &author.token, &article).await;
    assert!(refused.status >= 500, "{refused:?}");
    let write = ["exec", "DELETE FROM articles"];
    let ended = app.app().sql(&write).await;
    assert_eq!(ended.code, Some(exit::FAILED), "{}", ended.text);
    assert!(
        ended.text.contains("was moved to postgres://"),
        "{}",
        ended.text
    );
}

/// Kills the command after the line that `line` counts, or sees it end. Whether it was killed.
async fn killed_after(app: &App, url: &str, line: usize) -> bool {
    let arguments = [
        "sql",
        "move",
        "--json",
        "--admin",
        "off",
        "--to",
        url,
        "--state-dir",
        "state",
    ];
    let process = Process::start(app.folder(), &arguments, &[]);
    let ends = ["sql-moved", "\"failed\""];
    process.kill_after(line, "sql-move", ends).await
}

#[tokio::test]
async fn a_killed_move_is_continued_from_any_point() {
    let server = Server::start();
    let app = App::conduit().start().await;
    let api = Api::new(&app.url("/api"));
    let author = api.register().await;
    let fill = "CREATE TABLE filler (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE)";
    app.app().sql(&["exec", fill]).await;
    let fill = "INSERT INTO filler (text) WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000) \
                SELECT 'text ' || i FROM n";
    let ended = app.app().sql(&["exec", fill]).await;
    assert!(ended.text.contains("60000 rows changed"), "{}", ended.text);
    let is_over = Cell::new(false);
    let moving = async {
        let mut kills = 0;
        for line in 1.. {
            if !killed_after(app.app(), &server.url(), line).await {
                break;
            }
            kills += 1;
            if kills == 10 {
                is_over.set(true);
            }
        }
        is_over.set(true);
        kills
    };
    let (written, kills) = tokio::join!(write(&api, &author, &is_over), moving);
    assert!(kills >= 10, "{kills}");
    let ended = app
        .app()
        .sql(&["move", "--admin", "off", "--to", &server.url()])
        .await;
    assert_eq!(ended.code, Some(exit::FINE), "{}", ended.text);
    let moved = conduit_at(&server.url()).start().await;
    check(&Api::new(&moved.url("/api")), &author, &written).await;
    let sum = ["exec", "SELECT count(*) * 100000 + max(id) FROM filler"];
    let ended = moved.app().sql(&sum).await;
    assert!(ended.text.contains("6000060000"), "{}", ended.text);
}

#[tokio::test]
async fn bad_input_is_refused_before_anything_is_changed() {
    let server = Server::start();
    let app = App::conduit().start().await;
    let url = server.url();
    for (arguments, code, words) in [
        (
            &["--to", "mysql://db/app"][..],
            exit::USAGE,
            "no URL of a database",
        ),
        (
            &["--to", "sqlite:other.db"],
            exit::USAGE,
            "both databases are SQLite files",
        ),
        (
            &["--to", "postgres://app@127.0.0.1:1/app"],
            exit::FAILED,
            "cannot be reached",
        ),
        (
            &["--to", &url.replace("/postgres", "/absent")],
            exit::FAILED,
            "does not exist",
        ),
        (
            &["--to", &url, "--label", "defalt"],
            exit::USAGE,
            "did you mean `default`",
        ),
        (
            &["--to", &url, "--password-variable", "ABSENT"],
            exit::USAGE,
            "`ABSENT` is not set",
        ),
        (&["--abandon"], exit::FAILED, "no move to give up"),
        (
            &["--to", &url, "--dry-run"],
            exit::FINE,
            "nothing was changed",
        ),
    ] {
        let ended = app.app().sql(&[&["move"], arguments].concat()).await;
        assert_eq!(ended.code, Some(code), "{arguments:?}: {}", ended.text);
        assert!(ended.text.contains(words), "{arguments:?}: {}", ended.text);
    }
    let traces = "SELECT 'traces: ' || count(*) FROM sqlite_schema WHERE name GLOB 'terrace_move*'";
    let ended = app.app().sql(&["exec", traces]).await;
    assert!(ended.text.contains("traces: 0"), "{}", ended.text);
}

/// A mover that leaves in the pause, another that comes meanwhile, and the first one's late word: the app waits for some seconds
/// and goes on where it was.
#[tokio::test]
async fn a_mover_that_leaves_in_the_pause_stops_the_app_for_some_seconds_only() {
    let app = App::conduit().start().await;
    let api = Api::new(&app.url("/api"));
    let author = api.register().await;
    let other = app.app().state().join("other.db");
    let page = async |page: &str| {
        let wanted = json!({
            "label": "default",
            "from": app.app().state().join("default.db"),
            "to": format!("sqlite:{}", other.display()),
            "password": null,
        });
        let url = format!("{}/sql/move/{page}", app.admin);
        let json = [("content-type", "application/json")];
        let request = client::request(Method::POST, &url, &json, wanted.to_string());
        Client::default().send(request).await
    };
    assert_eq!(page("hold").await.expect(200).json()["uses_it"], true);
    let title = unique("Waits ");
    let (article, second) = tokio::join!(api.publish(&author, &title, &[]), page("hold"));
    second.expect(409);
    let late = page("switch").await.expect(200).json();
    assert_eq!(late["uses_it"], false);
    let path = path_of(&article);
    let read = api.get(&path, &author.token).await.expect(200).json();
    assert_eq!(read["article"], article);
}
