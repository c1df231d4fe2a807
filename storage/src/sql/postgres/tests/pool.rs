//! The bounds of the pool.

use std::num::NonZeroUsize;

use crate::sql::tests::harness::{Fixture, count, one, patient, run, soon};
use crate::sql::{Database, Error, Value};
use crate::test_server::Server;
use crate::{EngineFailure, PostgresOptions};

fn with_connections(count: usize) -> Fixture {
    Fixture::on_postgres(&PostgresOptions {
        connections: NonZeroUsize::new(count).unwrap(),
        ..patient()
    })
}

#[tokio::test]
async fn statements_share_few_connections() {
    let fixture = with_connections(2);
    let mut session = fixture.database.session();
    run(&mut session, "CREATE TABLE item (id INTEGER PRIMARY KEY)")
        .await
        .unwrap();
    let tasks: Vec<_> = (0..200)
        .map(|number| {
            let mut session = fixture.database.session();
            tokio::spawn(async move {
                run(&mut session, &format!("INSERT INTO item VALUES ({number})")).await
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(count(&mut session).await, 200);
    assert!(fixture.database.statistics().connections_opened.get() <= 2);
}

/// A request may read on a second session while its first is in a transaction.
#[tokio::test]
async fn transactions_leave_a_connection_for_other_statements() {
    let fixture = with_connections(4);
    let mut open = Vec::new();
    for _ in 0..3 {
        let mut session = fixture.database.session();
        run(&mut session, "BEGIN").await.unwrap();
        one(&mut session, "SELECT 1").await;
        open.push(session);
    }
    let mut session = fixture.database.session();
    assert_eq!(one(&mut session, "SELECT 1").await, Value::Integer(1));
    let late = session.execute("BEGIN", vec![], soon()).await;
    assert_eq!(late, Err(Error::Engine(EngineFailure::DeadlineExceeded)));
    open.clear();
    run(&mut session, "BEGIN").await.unwrap();
}

/// Each of two transactions reads what the other changes, and only the second `COMMIT` finds that.
#[tokio::test]
async fn a_commit_that_others_are_in_the_way_of_keeps_its_connection() {
    let fixture = with_connections(4);
    let [mut first, mut second] = [0, 1].map(|_| fixture.database.session());
    run(&mut first, "CREATE TABLE item (id INTEGER PRIMARY KEY)")
        .await
        .unwrap();
    for round in 0..3 {
        for session in [&mut first, &mut second] {
            run(session, "BEGIN").await.unwrap();
            assert_eq!(count(session).await, round);
        }
        let [one, other] = [round * 2, round * 2 + 1];
        run(&mut first, &format!("INSERT INTO item VALUES ({one})"))
            .await
            .unwrap();
        run(&mut second, &format!("INSERT INTO item VALUES ({other})"))
            .await
            .unwrap();
        run(&mut first, "COMMIT").await.unwrap();
        let late = run(&mut second, "COMMIT").await;
        let conflict = Error::Engine(EngineFailure::SerializationFailure);
        assert_eq!(late, Err(conflict));
        assert!(!second.is_in_transaction());
    }
    assert_eq!(fixture.database.statistics().connections_closed.get(), 0);
}

#[tokio::test]
async fn without_prepared_statements_all_kinds_come_back() {
    let server = Server::start();
    let options = PostgresOptions {
        prepared: Some(false),
        ..patient()
    };
    let database = Database::open_postgres(&server.url(), &options).unwrap();
    let mut session = database.session();
    run(
        &mut session,
        "CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT)",
    )
    .await
    .unwrap();
    run(&mut session, "INSERT INTO item (name) VALUES ('a')")
        .await
        .unwrap();
    assert_eq!(session.last_insert_rowid(), 1);
    let rows = run(&mut session, "SELECT id, name, id / 2.0, X'00' FROM item")
        .await
        .unwrap();
    let expected = [
        Value::Integer(1),
        "a".into(),
        Value::Real(0.5),
        vec![0].into(),
    ];
    assert_eq!(rows.rows, [expected]);
}
