//! Promise: an event in the outbox of a database is sent if and only if its transaction commits.

use serde_json::{Value, json};
use terrace_tests::judge::{Judge, Verdict};
use terrace_tests::postgres::Server;
use terrace_tests::wait::until;
use terrace_tests::{App, Running, guest};

const TABLE: &str = "CREATE TABLE outbox (number INTEGER PRIMARY KEY, queue TEXT NOT NULL, id TEXT NOT NULL, \
    source TEXT NOT NULL, type TEXT NOT NULL, subject TEXT, time TEXT, datacontenttype TEXT, data BLOB)";

/// An app that runs scripts of SQL, and a component that consumes the queue `mail`.
fn app(judge: &Judge) -> App {
    let url = judge.url();
    App::new()
        .component("writer", guest("capabilities"))
        .route("/...")
        .grant("sqlite_databases = [\"default\"]")
        .component("mailer", guest("relay"))
        .grant(&format!("allowed_outbound_hosts = [{url:?}]"))
        .grant(&format!("variables = {{ judge = {url:?} }}"))
        .limit("consumes = [{ queue = \"mail\", backoff = \"20ms\", ordered_by = \"subject\" }]")
        .section("[application.tool.terrace]\noutbox = [\"default\"]\nmigrations = { default = \"migrations\" }")
        .file("migrations/0001_outbox.sql", TABLE)
}

fn insert(queue: &str, id: &str) -> Value {
    let sql = "INSERT INTO outbox (queue, id, source, type, subject, datacontenttype, data) \
               VALUES (?, ?, '/tests', 'tested', 'one', 'text/plain', x'61206c6574746572')";
    json!([sql, queue, id])
}

async fn run(app: &Running, script: &[Value]) {
    let script = Value::from(script.to_vec()).to_string();
    app.post("/sql/default", script).await.expect(200);
}

async fn rows(app: &Running) -> String {
    let script = json!([["SELECT count(*) FROM outbox"]]).to_string();
    app.post("/sql/default", script).await.expect(200).text()
}

async fn until_empty(app: &Running, empty: &str) {
    until("the outbox is empty", async || {
        (rows(app).await == empty).then_some(())
    })
    .await;
}

async fn relays(app: Running, judge: &Judge) {
    let empty = rows(&app).await;
    run(&app, &[insert("mail", "1"), insert("mail", "2")]).await;
    let begin = json!(["BEGIN"]);
    run(
        &app,
        &[begin.clone(), insert("mail", "never"), json!(["ROLLBACK"])],
    )
    .await;
    run(
        &app,
        &[
            begin,
            insert("mail", "3"),
            insert("mail", "4"),
            json!(["COMMIT"]),
        ],
    )
    .await;
    let heard = judge.until_answered(4).await;
    let seen: Vec<_> = heard.iter().map(|of| (of.id(), &*of.content)).collect();
    assert_eq!(seen, ["1", "2", "3", "4"].map(|id| (id, "a letter")));
    assert!(heard.iter().all(|of| of.field("ce-source") == "/tests" && of.field("content-type") == "text/plain"));
    until_empty(&app, &empty).await;
    run(&app, &[insert("mail", "5")]).await;
    let heard = judge.until_answered(5).await;
    assert_eq!(heard[4].id(), "5", "nothing else came meanwhile");
}

#[tokio::test]
async fn an_event_is_sent_if_and_only_if_its_transaction_commits() {
    let judge = Judge::mild().await;
    relays(app(&judge).start().await, &judge).await;
}

#[tokio::test]
async fn the_outbox_is_relayed_on_postgres_too() {
    let server = Server::start();
    let judge = Judge::mild().await;
    let url = server.url();
    let app = app(&judge).config(&format!("[sql.default]\nurl = {url:?}"));
    relays(app.start().await, &judge).await;
}

#[tokio::test]
async fn an_event_of_the_outbox_survives_the_death_of_the_process() {
    let judge = Judge::mild().await;
    let app = app(&judge).start().await;
    let mut script: Vec<_> = (0..300)
        .map(|id| insert("mail", &format!("{id:03}")))
        .collect();
    script.insert(0, json!(["BEGIN"]));
    script.push(json!(["COMMIT"]));
    run(&app, &script).await;
    let app = app.kill_and_restart().await;
    until("all are delivered", async || {
        (judge.counts().len() == 300).then_some(())
    })
    .await;
    let mut first = std::collections::BTreeSet::new();
    let heard = judge.heard();
    let order: Vec<_> = heard
        .iter()
        .map(terrace_tests::judge::Delivery::id)
        .filter(|id| first.insert(id.to_owned()))
        .collect();
    assert!(
        order.is_sorted(),
        "in the order of their numbers: {order:?}"
    );
    drop(app);
}

#[tokio::test]
async fn events_of_an_outbox_that_no_queue_takes_are_dead_letters() {
    let judge = Judge::new(async |_| Verdict::done()).await;
    let app = app(&judge).start().await;
    let empty = rows(&app).await;
    let large = "INSERT INTO outbox (queue, id, source, type, data) VALUES ('mail', 'large', '/t', 't', zeroblob(200000))";
    let nameless = "INSERT INTO outbox (queue, id, source, type) VALUES ('mail', '', '/t', 't')";
    // One after the other: SQLite gives each the number of the one before it.
    for row in [insert("post", "1"), json!([large]), json!([nameless])] {
        run(&app, &[row]).await;
        until_empty(&app, &empty).await;
    }
    run(&app, &[insert("mail", "2")]).await;
    let heard = judge.until_answered(1).await;
    assert_eq!(heard[0].id(), "2");
    let labels = [("queue", "outbox.dead")];
    app.until_metric("terrace_queue_messages", &labels, |count| count == 3.0)
        .await;
    let shown = app
        .administer(&["queue", "show", "outbox.dead", "--json"])
        .await;
    let shown: Value = serde_json::from_str(&shown.text).unwrap();
    let faults: Vec<_> = (0..3)
        .map(|at| shown["messages"][at]["event"]["outboxfault"].to_string())
        .collect();
    for (fault, part) in faults.iter().zip([
        "no component consumes the queue `post`",
        "bytes",
        "has no `id`",
    ]) {
        assert!(fault.contains(part), "{faults:?}");
    }
}

#[tokio::test]
async fn a_database_without_the_table_of_an_outbox_is_refused() {
    let judge = Judge::mild().await;
    for table in [
        "CREATE TABLE other (a)",
        "CREATE TABLE outbox (number INTEGER PRIMARY KEY, queue TEXT)",
    ] {
        let ended = app(&judge)
            .file("migrations/0001_outbox.sql", table)
            .refuse()
            .await;
        assert!(
            ended.text.contains("the database `default` has no outbox"),
            "{}",
            ended.text
        );
        assert!(ended.text.contains("docs/queues.md"), "{}", ended.text);
    }
}

#[tokio::test]
async fn two_processes_with_one_outbox_send_each_event_once() {
    let judge = Judge::mild().await;
    let app = app(&judge);
    let (one, two) = tokio::join!(app.start_beside(), app.start_beside());
    let rows = async || {
        let script = json!([["SELECT count(*) FROM outbox"]]).to_string();
        one.post("/sql/default", script).await.expect(200).text()
    };
    let empty = rows().await;
    for id in 0..100 {
        let node = if id % 2 == 0 { &one } else { &two };
        let script = json!([insert("mail", &format!("{id:03}"))]).to_string();
        node.post("/sql/default", script).await.expect(200);
    }
    until("all are delivered", async || {
        (judge.counts().len() == 100).then_some(())
    })
    .await;
    until("the outbox is empty", async || {
        (rows().await == empty).then_some(())
    })
    .await;
    assert!(
        judge.counts().values().all(|count| *count == 1),
        "{:?}",
        judge.counts()
    );
}

#[tokio::test]
async fn further_columns_of_an_outbox_are_attributes() {
    let judge = Judge::mild().await;
    let columns = "ALTER TABLE outbox ADD COLUMN traceparent TEXT;\nALTER TABLE outbox ADD COLUMN partitionkey INTEGER;\n\
                   ALTER TABLE outbox ADD COLUMN not_one TEXT;";
    let app = app(&judge).file("migrations/0002_columns.sql", columns);
    let app = app.start().await;
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let sql = "INSERT INTO outbox (queue, id, source, type, traceparent, partitionkey, not_one) \
               VALUES ('mail', '1', '/tests', 'tested', ?, 7, 'x')";
    run(&app, &[json!([sql, trace])]).await;
    let heard = judge.until_answered(1).await;
    assert_eq!(heard[0].field("ce-partitionkey"), "7");
    assert_eq!(heard[0].field("ce-traceparent"), trace);
    let id = "0af7651916cd43dd8448eb211c80319c";
    app.process
        .log
        .event("request", |line| {
            line["route"] == "queue:mail" && line["trace_id"] == id
        })
        .await;
}
