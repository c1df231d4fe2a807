//! Several nodes on one database.

use std::time::Duration;

use crate::clock;
use crate::sql::limits::SCHEMA_LEASE;
use crate::sql::tests::harness::{Engine, one, patient, run};
use crate::sql::{Database, Value};
use crate::test_server::Server;

#[tokio::test]
async fn nodes_that_open_at_once_make_the_functions_once() {
    let server = Server::start();
    let opened: Vec<_> = (0..4)
        .map(|_| {
            let url = server.url();
            std::thread::spawn(move || Database::open_postgres(&url, &patient()))
        })
        .collect();
    for database in opened {
        let database = database.join().unwrap().unwrap();
        let value = one(&mut database.session(), "SELECT round(2.5)").await;
        assert_eq!(value, Value::Real(3.0));
    }
}

/// Each change is used on the other node as soon as it has returned.
#[tokio::test]
async fn a_change_of_the_schema_is_seen_by_every_statement_that_begins_after_it() {
    let fixture = Engine::Postgres.with_items().await;
    let url = fixture.server.as_ref().unwrap().url();
    let other = Database::open_postgres(&url, &patient()).unwrap();
    let (mut here, mut there) = (fixture.database.session(), other.session());
    for number in 0..5 {
        let all = run(&mut there, "SELECT * FROM item").await.unwrap();
        assert_eq!(all.columns.len(), 2 + number);
        let add = format!("ALTER TABLE item ADD COLUMN c{number} INTEGER DEFAULT {number}");
        run(&mut here, &add).await.unwrap();
        let all = run(&mut there, "SELECT * FROM item").await.unwrap();
        assert_eq!(all.columns.len(), 3 + number);
    }
    run(&mut here, "DROP TABLE item").await.unwrap();
    run(&mut here, "CREATE TABLE item (name INTEGER)")
        .await
        .unwrap();
    run(&mut there, "INSERT INTO item VALUES ('12')")
        .await
        .unwrap();
    assert_eq!(
        one(&mut there, "SELECT name FROM item").await,
        Value::Integer(12)
    );
}

#[tokio::test]
async fn a_node_alone_does_not_wait_for_others() {
    let fixture = Engine::Postgres.fixture().await;
    let mut session = fixture.database.session();
    let begun = clock::now();
    for number in 0..20 {
        let table = format!("CREATE TABLE t{number} (x INTEGER)");
        run(&mut session, &table).await.unwrap();
    }
    let spent: Duration = clock::now() - begun;
    assert!(spent < SCHEMA_LEASE * 20, "{spent:?}");
}

#[tokio::test]
async fn changes_of_the_schema_that_are_rolled_back_are_forgotten() {
    let fixture = Engine::Postgres.with_items().await;
    let mut session = fixture.database.session();
    for sql in [
        "BEGIN",
        "CREATE TABLE one (x INTEGER)",
        "SAVEPOINT s",
        "ALTER TABLE one ADD COLUMN y INTEGER",
        "INSERT INTO one VALUES (1, 2)",
        "ROLLBACK TO s",
        "INSERT INTO one VALUES (1)",
    ] {
        run(&mut session, sql)
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
    let elsewhere = run(&mut fixture.database.session(), "SELECT * FROM one").await;
    assert!(elsewhere.is_err(), "not committed yet");
    run(&mut session, "ROLLBACK").await.unwrap();
    assert!(run(&mut session, "SELECT * FROM one").await.is_err());
    run(&mut session, "CREATE TABLE one (z TEXT)")
        .await
        .unwrap();
    let all = run(&mut session, "SELECT * FROM one").await.unwrap();
    assert_eq!(all.columns, ["z"]);
}
