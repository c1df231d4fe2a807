//! The native host keeps the promises of the interfaces.

use super::Host;
use crate::sql::{Connection, Error, FromValue, Statement, Value};
use crate::{Body, Request, Response, kv, log, outbound, queue, values, variables};

fn request() -> Request {
    Request::new(Body::empty())
}

#[test]
fn a_variable_is_found_only_if_it_is_defined() {
    let host = Host::new().variable("region", "north");
    assert_eq!(host.run(variables::get("region")).unwrap(), "north");
    assert!(
        matches!(host.run(variables::get("other")), Err(variables::Error::Undefined(name)) if name == "other")
    );
}

#[test]
fn a_store_keeps_values_apart_from_other_labels() {
    Host::new().run(async {
        let store = kv::Store::open("default").await.unwrap();
        store.set("key", "value").await.unwrap();
        assert_eq!(store.get("key").await.unwrap().unwrap(), b"value");
        assert_eq!(store.keys().await.unwrap(), ["key"]);
        let other = kv::Store::open("other").await.unwrap();
        assert!(!other.exists("key").await.unwrap());
        store.delete("key").await.unwrap();
        store.delete("key").await.unwrap();
        assert_eq!(store.get("key").await.unwrap(), None);
    });
}

async fn counter() -> Connection {
    let connection = Connection::open("default").await.unwrap();
    connection
        .execute("CREATE TABLE counter (name TEXT UNIQUE, count INTEGER)", [])
        .await
        .unwrap();
    connection
}

const INSERT: &str = "INSERT INTO counter (name, count) VALUES (?1, ?2)";

#[test]
fn rows_are_read_as_rust_types() {
    Host::new().run(async {
        let connection = counter().await;
        connection.execute(INSERT, values!["a", 7]).await.unwrap();
        let rows = connection
            .execute("SELECT name, count, NULL FROM counter", [])
            .await
            .unwrap();
        let row = rows.one().unwrap();
        assert_eq!(rows.columns().len(), 3);
        assert_eq!(row.get::<&str>(0).unwrap(), "a");
        assert_eq!(row.get::<u64>(1).unwrap(), 7);
        assert_eq!(row.get::<Option<String>>(2).unwrap(), None);
        assert!(matches!(
            row.get::<i64>(0),
            Err(Error::UnexpectedValue {
                column: 0,
                found: "text",
                ..
            })
        ));
        assert!(matches!(
            row.get::<i64>(9),
            Err(Error::UnexpectedValue { column: 9, .. })
        ));
    });
}

#[test]
fn a_batch_that_fails_changes_nothing() {
    Host::new().run(async {
        let connection = counter().await;
        let insert = |name: &str| Statement::new(INSERT).bind(name).bind(1);
        let error = connection
            .batch(&[insert("a"), insert("b"), insert("a")])
            .await
            .unwrap_err();
        assert!(matches!(error, Error::Statement(text) if text.contains("counter.name")));
        let rows = connection
            .execute("SELECT count(*) FROM counter", [])
            .await
            .unwrap();
        assert_eq!(rows.one().unwrap().get::<i64>(0).unwrap(), 0);
        assert_eq!(
            connection
                .batch(&[insert("a"), insert("b")])
                .await
                .unwrap()
                .len(),
            2
        );
    });
}

#[test]
fn a_null_parameter_is_bound_as_null() {
    Host::new().run(async {
        let connection = counter().await;
        connection
            .execute(INSERT, values!["a", None::<i64>])
            .await
            .unwrap();
        let rows = connection
            .execute(
                "SELECT count FROM counter WHERE count IS NULL",
                [Value::Null; 0],
            )
            .await
            .unwrap();
        assert_eq!(rows.len(), 1);
    });
}

#[test]
fn outbound_requests_reach_only_the_origins_that_were_granted() {
    let host = Host::new().outbound("https://api.test", |request| {
        Response::new(request.uri().path().to_owned().into())
    });
    let get = |uri: &str| outbound::send(Request::get(uri).body("").unwrap());
    let response = host.run(get("https://api.test/path")).unwrap();
    assert_eq!(response.body().as_full().unwrap(), "/path");
    assert!(
        matches!(host.run(get("https://other.test/")), Err(outbound::Error::Denied(target)) if target == "https://other.test")
    );
}

#[test]
fn a_failed_handler_gives_a_problem_that_names_no_internals() {
    async fn handle(_: Request) -> Result<Response, crate::Error> {
        Connection::open("default")
            .await?
            .execute("SELECT secret FROM nowhere", [])
            .await?;
        Ok(Response::default())
    }
    let host = Host::new();
    let answer = host.call(handle, request());
    assert_eq!(answer.status, 500);
    assert_eq!(answer.header("content-type"), "application/problem+json");
    assert!(!answer.text().contains("nowhere"));
    assert!(
        host.logs()[0]
            .starts_with("ERROR the handler failed: the statement failed: no such table: nowhere")
    );
}

#[test]
fn a_log_message_cannot_forge_a_second_line() {
    let host = Host::new();
    host.run(async { log::info("one\nERROR two") });
    assert_eq!(host.logs(), ["INFO one\\nERROR two"]);
}

#[test]
fn hosts_do_not_see_each_other() {
    let outer = Host::new().variable("name", "outer");
    let inner = Host::new().variable("name", "inner");
    outer.run(async {
        assert_eq!(inner.run(variables::get("name")).unwrap(), "inner");
        assert_eq!(variables::get("name").await.unwrap(), "outer");
    });
}

#[test]
fn a_handler_may_ask_nothing_of_the_request() {
    async fn handle() -> &'static str {
        "hello"
    }
    assert_eq!(Host::new().call(handle, request()).text(), "hello");
}

const MIGRATIONS: [&str; 2] = [
    "CREATE TABLE a (b TEXT);\n-- A comment;\nINSERT INTO a VALUES ('1;');",
    "INSERT INTO a VALUES ('2');",
];

async fn count(connection: &Connection) -> i64 {
    let rows = connection.execute("SELECT count(*) FROM a", []).await;
    rows.unwrap().one().unwrap().get(0).unwrap()
}

#[test]
fn migrations_are_applied_once_and_then_only_looked_for() {
    let host = Host::new();
    host.run(async {
        let connection = Connection::open("default").await.unwrap();
        connection.migrate(&MIGRATIONS[..1]).await.unwrap();
        connection.migrate(&MIGRATIONS).await.unwrap();
        assert_eq!(count(&connection).await, 2);
        let before = host.statements().len();
        connection.migrate(&MIGRATIONS).await.unwrap();
        assert_eq!(host.statements().len(), before + 1);
    });
}

/// Terrace applies the migrations that the manifest names, and records them in a table of its own.
#[test]
fn migrations_of_the_host_are_not_applied_again() {
    Host::new().run(async {
        let connection = Connection::open("default").await.unwrap();
        for statement in [
            "CREATE TABLE terrace_migrations (number INTEGER PRIMARY KEY)",
            "INSERT INTO terrace_migrations VALUES (1)",
            "CREATE TABLE a (b)",
        ] {
            connection.execute(statement, []).await.unwrap();
        }
        connection.migrate(&MIGRATIONS[..1]).await.unwrap();
        assert_eq!(count(&connection).await, 0);
        connection.migrate(&MIGRATIONS).await.unwrap();
        connection.migrate(&MIGRATIONS).await.unwrap();
        assert_eq!(count(&connection).await, 1);
    });
}

#[test]
fn a_migration_that_fails_leaves_none_applied() {
    Host::new().run(async {
        let connection = Connection::open("default").await.unwrap();
        let wrong = "INSERT INTO a VALUES ('2'); INSERT INTO nowhere VALUES (1);";
        let error = connection
            .migrate(&[MIGRATIONS[0], wrong])
            .await
            .unwrap_err();
        assert!(matches!(error, Error::Migration { number: 2, .. }));
        assert!(error.to_string().contains("nowhere"), "{error}");
        let tables = connection
            .execute("SELECT name FROM sqlite_master", [])
            .await
            .unwrap();
        assert!(tables.is_empty());
        connection.migrate(&MIGRATIONS).await.unwrap();
        assert_eq!(count(&connection).await, 2);
    });
}

#[test]
fn a_batch_wants_a_name_of_its_own_for_each_column() {
    Host::new().run(async {
        let connection = Connection::open("default").await.unwrap();
        for (text, wrong) in [
            ("SELECT 1 AS a, 2 AS a", Some("a")),
            ("SELECT 'x', 1", Some("1")),
            ("SELECT 1", None),
            ("SELECT 1 AS a, 2 AS b", None),
        ] {
            let outcome = connection.batch(&[Statement::new(text)]).await;
            match outcome {
                Err(Error::ColumnName(name)) => assert_eq!(Some(&*name), wrong, "{text}"),
                outcome => assert!(outcome.is_ok() && wrong.is_none(), "{text}"),
            }
        }
    });
}

#[test]
fn an_integer_reads_as_a_real_number_if_it_is_one() {
    assert_eq!(f64::from_value(&Value::Integer(2)), Some(2.0));
    assert_eq!(f64::from_value(&Value::Integer(i64::MAX)), None);
}

#[test]
fn events_that_were_sent_can_be_looked_at() {
    let host = Host::new();
    let event = queue::Event::new("1", "/tests", "tested").data("text/plain", "content");
    host.run(queue::send("mail", event.clone())).unwrap();
    assert_eq!(host.events(), [("mail".to_owned(), event)]);
}

/// Answers with the subject of an event, or fails if it has none.
async fn subject(request: Request) -> Response {
    let event = queue::Event::read(request).await.unwrap();
    let mut response = Response::new(Body::from(event.subject.clone().unwrap_or_default()));
    if event.subject.is_none() {
        *response.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
    }
    response
}

#[test]
fn events_are_delivered_on_demand_and_again_if_they_failed() {
    let host = Host::new();
    let event = |id: &str, subject: Option<&str>| queue::Event {
        subject: subject.map(str::to_owned),
        ..queue::Event::new(id, "/tests", "tested")
    };
    for (queue, id, subject) in [
        ("mail", "1", Some("one")),
        ("mail", "2", None),
        ("post", "3", None),
    ] {
        host.run(queue::send(queue, event(id, subject))).unwrap();
    }
    let answers = host.deliver("mail", subject);
    assert_eq!(
        answers
            .iter()
            .map(|answer| answer.status.as_u16())
            .collect::<Vec<_>>(),
        [200, 500]
    );
    assert_eq!(answers[0].text(), "one");
    assert_eq!(
        host.deliver("mail", subject).len(),
        1,
        "the one that failed"
    );
    assert_eq!(host.deliver("post", subject).len(), 1);
    assert_eq!(host.events().len(), 3);
}

#[test]
fn events_of_an_outbox_are_sent_once_they_are_committed() {
    let host = Host::new();
    host.run(async {
        let database = Connection::open("default").await.unwrap();
        let table = "CREATE TABLE outbox (number INTEGER PRIMARY KEY, queue TEXT NOT NULL, id TEXT NOT NULL, \
            source TEXT NOT NULL, type TEXT NOT NULL, subject TEXT, time TEXT, datacontenttype TEXT, data BLOB)";
        database.execute(table, values![]).await.unwrap();
        let event = queue::Event {
            subject: Some("seven".to_owned()),
            ..queue::Event::new("7", "/tests", "tested").data("text/plain", "content")
        };
        let insert = || queue::outbox("mail", event.clone()).unwrap();
        let fails = Statement::new("INSERT INTO nothing VALUES (1)");
        database.batch(&[insert(), fails]).await.unwrap_err();
        database.batch(&[insert()]).await.unwrap();
        let column = "ALTER TABLE outbox ADD COLUMN traceparent TEXT";
        database.execute(column, values![]).await.unwrap();
        let traced = queue::Event {
            trace: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
            ..event.clone()
        };
        let insert = queue::outbox("traced", traced).unwrap();
        database.batch(&[insert]).await.unwrap();
    });
    let trace = async |request: Request| queue::trace_of(&request).unwrap_or_default();
    assert_eq!(
        host.deliver("traced", trace)[0].text(),
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    );
    let answers = host.deliver("mail", subject);
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0].text(), "seven");
    assert!(host.deliver("mail", subject).is_empty());
}

#[test]
fn an_event_is_sent_only_if_it_is_whole_and_the_queue_has_a_name() {
    let send = |name: &str, kind: &str| {
        Host::new().run(queue::send(name, queue::Event::new("1", "/tests", kind)))
    };
    assert!(matches!(send("mail", ""), Err(queue::Error::Event(_))));
    for name in ["", "Mail", "a.b", "a/b", &"a".repeat(64)] {
        assert!(
            matches!(send(name, "tested"), Err(queue::Error::InvalidName(_))),
            "{name}"
        );
    }
}

#[test]
fn a_denied_capability_says_what_to_write_where() {
    let denied = [
        (
            Error::AccessDenied("orders".to_owned()).to_string(),
            "access to the database \"orders\" is denied; add \"orders\" to sqlite_databases in spin.toml",
        ),
        (
            queue::Error::AccessDenied("mail".to_owned()).to_string(),
            "access to the queue \"mail\" is denied; add \"http://mail.queue.internal\" to allowed_outbound_hosts in spin.toml",
        ),
    ];
    for (said, expected) in denied {
        assert_eq!(said, expected);
    }
}
