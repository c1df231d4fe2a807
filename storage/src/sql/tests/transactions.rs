//! Transactions, and the ways in which they end.

use super::harness::{ENDLESS_WRITE, Engine, count, one, run};
use crate::sql::{Error, Value};

on_each_engine! {
    (flavor = "current_thread") {
        committed_transaction_is_seen_and_others_are_not,
        rolled_back_transaction_leaves_nothing,
        savepoints_nest,
        failing_statement_leaves_the_transaction_open,
        transaction_goes_on_if_its_first_statement_fails,
        commit_that_a_constraint_refuses_can_be_rolled_back,
        dropped_session_is_rolled_back_at_once,
        statement_dropped_inside_a_transaction_rolls_it_back,
        temporary_changes_of_one_transaction_do_not_leak_into_the_next_session,
        idle_transaction_is_rolled_back_and_told_so,
    }
}

async fn committed_transaction_is_seen_and_others_are_not(engine: Engine) {
    let fixture = engine.with_items().await;
    let mut session = fixture.database.session();
    for begin in [
        "BEGIN",
        "BEGIN DEFERRED",
        "BEGIN IMMEDIATE",
        "BEGIN EXCLUSIVE",
        "/* x */ begin",
        "SAVEPOINT s",
    ] {
        let before = fixture.count().await;
        run(&mut session, begin).await.unwrap();
        assert!(session.is_in_transaction(), "{begin}");
        run(&mut session, "INSERT INTO item (name) VALUES (NULL)")
            .await
            .unwrap();
        assert_eq!(
            count(&mut session).await,
            before + 1,
            "{begin}: sees its own write"
        );
        assert_eq!(fixture.count().await, before, "{begin}: others do not");
        let end = if begin.starts_with('S') {
            "RELEASE s"
        } else {
            "COMMIT"
        };
        run(&mut session, end).await.unwrap();
        assert!(!session.is_in_transaction());
        assert_eq!(fixture.count().await, before + 1);
    }
}

async fn rolled_back_transaction_leaves_nothing(engine: Engine) {
    let fixture = engine.with_items().await;
    let mut session = fixture.database.session();
    run(&mut session, "BEGIN").await.unwrap();
    run(&mut session, "INSERT INTO item (name) VALUES ('a')")
        .await
        .unwrap();
    run(&mut session, "ROLLBACK").await.unwrap();
    assert_eq!(count(&mut session).await, 0);
}

async fn savepoints_nest(engine: Engine) {
    let fixture = engine.with_items().await;
    let mut session = fixture.database.session();
    for sql in [
        "SAVEPOINT outer",
        "INSERT INTO item (name) VALUES ('kept')",
        "SAVEPOINT inner",
        "INSERT INTO item (name) VALUES ('dropped')",
        "ROLLBACK TO inner",
        "RELEASE outer",
    ] {
        run(&mut session, sql).await.unwrap();
    }
    assert!(!session.is_in_transaction());
    assert_eq!(
        one(&mut session, "SELECT name FROM item").await,
        "kept".into()
    );
}

async fn failing_statement_leaves_the_transaction_open(engine: Engine) {
    let fixture = engine.with_items().await;
    let mut session = fixture.database.session();
    run(&mut session, "BEGIN").await.unwrap();
    run(&mut session, "INSERT INTO item (name) VALUES ('a')")
        .await
        .unwrap();
    run(&mut session, "INSERT INTO item (name) VALUES ('a')")
        .await
        .unwrap_err();
    run(&mut session, "SELEKT").await.unwrap_err();
    run(&mut session, "BEGIN").await.unwrap_err();
    run(&mut session, "VACUUM").await.unwrap_err();
    assert!(session.is_in_transaction());
    run(&mut session, "COMMIT").await.unwrap();
    assert_eq!(fixture.count().await, 1);
}

async fn transaction_goes_on_if_its_first_statement_fails(engine: Engine) {
    let fixture = engine.with_items().await;
    let mut session = fixture.database.session();
    run(&mut session, "INSERT INTO item (name) VALUES ('taken')")
        .await
        .unwrap();
    for (end, kept) in [("ROLLBACK", 1), ("COMMIT", 2)] {
        let mut session = fixture.database.session();
        run(&mut session, "BEGIN").await.unwrap();
        for _ in 0..2 {
            let again = run(&mut session, "INSERT INTO item (name) VALUES ('taken')").await;
            assert!(matches!(again, Err(Error::Constraint { .. })), "{again:?}");
            assert!(session.is_in_transaction());
        }
        run(&mut session, "INSERT INTO item (name) VALUES ('new')")
            .await
            .unwrap();
        run(&mut session, end).await.unwrap();
        assert!(!session.is_in_transaction());
        assert_eq!(fixture.count().await, kept, "{end}");
    }
}

async fn commit_that_a_constraint_refuses_can_be_rolled_back(engine: Engine) {
    let fixture = engine.fixture().await;
    let mut session = fixture.database.session();
    for sql in [
        "CREATE TABLE parent (id INTEGER PRIMARY KEY)",
        "CREATE TABLE child (parent INTEGER REFERENCES parent DEFERRABLE INITIALLY DEFERRED)",
        "BEGIN",
        "INSERT INTO child VALUES (1)",
    ] {
        run(&mut session, sql).await.unwrap();
    }
    let refused = run(&mut session, "COMMIT").await;
    assert!(matches!(refused, Err(Error::Constraint { .. })));
    assert!(session.is_in_transaction());
    run(&mut session, "INSERT INTO parent VALUES (1)")
        .await
        .unwrap();
    run(&mut session, "COMMIT").await.unwrap();
    assert!(!session.is_in_transaction());
}

async fn dropped_session_is_rolled_back_at_once(engine: Engine) {
    let fixture = engine.with_items().await;
    let mut lost = fixture.database.session();
    run(&mut lost, "BEGIN IMMEDIATE").await.unwrap();
    run(&mut lost, "INSERT INTO item (name) VALUES ('lost')")
        .await
        .unwrap();
    drop(lost);
    let mut next = fixture.database.session();
    // The name is free only after the rollback, for which this waits.
    run(&mut next, "INSERT INTO item VALUES (7, 'lost')")
        .await
        .unwrap();
    let id = one(&mut next, "SELECT id FROM item").await;
    assert_eq!(id, Value::Integer(7));
    assert_eq!(fixture.database.statistics().transactions_lost.get(), 1);
}

async fn statement_dropped_inside_a_transaction_rolls_it_back(engine: Engine) {
    let fixture = engine.with_items().await;
    let mut session = fixture.database.session();
    run(&mut session, "BEGIN").await.unwrap();
    run(&mut session, "INSERT INTO item (name) VALUES ('lost')")
        .await
        .unwrap();
    tokio::select! {
        biased;
        _ = run(&mut session, ENDLESS_WRITE) => unreachable!("it never ends"),
        () = tokio::task::yield_now() => {}
    }
    assert_eq!(
        run(&mut session, "INSERT INTO item (name) VALUES ('b')").await,
        Err(Error::TransactionLost)
    );
    assert_eq!(count(&mut session).await, 0);
    run(&mut session, "INSERT INTO item (name) VALUES ('c')")
        .await
        .unwrap();
    assert_eq!(count(&mut session).await, 1);
}

async fn temporary_changes_of_one_transaction_do_not_leak_into_the_next_session(engine: Engine) {
    let fixture = engine.with_items().await;
    let mut session = fixture.database.session();
    run(&mut session, "INSERT INTO item VALUES (5, 'a')")
        .await
        .unwrap();
    let mut other = fixture.database.session();
    run(&mut other, "BEGIN").await.unwrap();
    assert_eq!(
        one(&mut other, "SELECT last_insert_rowid()").await,
        Value::Integer(0)
    );
    run(&mut other, "COMMIT").await.unwrap();
    assert_eq!(other.last_insert_rowid(), 0);
}

async fn idle_transaction_is_rolled_back_and_told_so(engine: Engine) {
    let fixture = engine.hurried_fixture().await;
    let database = &fixture.database;
    let mut idle = database.session();
    run(
        &mut idle,
        "CREATE TABLE item (name TEXT UNIQUE, session TEXT)",
    )
    .await
    .unwrap();
    run(&mut idle, "BEGIN").await.unwrap();
    run(&mut idle, "INSERT INTO item VALUES ('a', 'idle')")
        .await
        .unwrap();
    let mut waiting = database.session();
    run(&mut waiting, "INSERT INTO item VALUES ('a', 'waiting')")
        .await
        .unwrap();
    let insert = "INSERT INTO item VALUES ('b', 'idle')";
    assert_eq!(run(&mut idle, insert).await, Err(Error::TransactionLost));
    let session = one(&mut idle, "SELECT session FROM item").await;
    assert_eq!(session, "waiting".into());
}
