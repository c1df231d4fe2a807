//! Transactions: one session has the writer, and ends them in every way.

use super::harness::{ENDLESS_WRITE, Engine, count, one, run, soon};
use crate::EngineFailure;
use crate::sql::{Error, Value};

on_each_engine! {
    (flavor = "current_thread") {
        committed_transaction_is_seen_and_others_are_not,
        rolled_back_transaction_leaves_nothing,
        savepoints_nest,
        failing_statement_leaves_the_transaction_open,
        commit_that_a_constraint_refuses_can_be_rolled_back,
        foreign_keys_may_be_deferred_inside_a_transaction,
        dropped_session_is_rolled_back_at_once,
        statement_dropped_inside_a_transaction_rolls_it_back,
        other_writes_wait_for_a_transaction_and_reads_do_not,
        statement_that_ends_the_transaction_itself_leaves_the_session_usable,
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

async fn foreign_keys_may_be_deferred_inside_a_transaction(engine: Engine) {
    let fixture = engine.fixture().await;
    let mut session = fixture.database.session();
    for sql in [
        "CREATE TABLE parent (id INTEGER PRIMARY KEY)",
        "CREATE TABLE child (parent INTEGER REFERENCES parent)",
        "BEGIN",
        "PRAGMA defer_foreign_keys = ON",
        "INSERT INTO child VALUES (1)",
        "INSERT INTO parent VALUES (1)",
        "COMMIT",
    ] {
        run(&mut session, sql)
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
    let refused = run(&mut session, "INSERT INTO child VALUES (2)").await;
    assert!(matches!(refused, Err(Error::Constraint { .. })));
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
    run(&mut next, "INSERT INTO item (name) VALUES ('next')")
        .await
        .unwrap();
    assert_eq!(one(&mut next, "SELECT name FROM item").await, "next".into());
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

async fn other_writes_wait_for_a_transaction_and_reads_do_not(engine: Engine) {
    let fixture = engine.with_items().await;
    let mut holder = fixture.database.session();
    run(&mut holder, "BEGIN").await.unwrap();
    run(&mut holder, "INSERT INTO item (name) VALUES ('first')")
        .await
        .unwrap();
    let mut waiting = fixture.database.session();
    let late = waiting
        .execute("INSERT INTO item (name) VALUES ('late')", vec![], soon())
        .await;
    assert_eq!(late, Err(Error::Engine(EngineFailure::DeadlineExceeded)));
    let insert = "INSERT INTO item (name) VALUES ('second')";
    let write = tokio::spawn(async move { run(&mut waiting, insert).await });
    assert_eq!(fixture.count().await, 0);
    run(&mut holder, "COMMIT").await.unwrap();
    write.await.unwrap().unwrap();
    let names = run(&mut holder, "SELECT name FROM item ORDER BY id")
        .await
        .unwrap()
        .rows;
    assert_eq!(names, [["first".into()], [Value::from("second")]]);
}

async fn statement_that_ends_the_transaction_itself_leaves_the_session_usable(engine: Engine) {
    let fixture = engine.with_items().await;
    let mut session = fixture.database.session();
    run(&mut session, "INSERT INTO item (name) VALUES ('a')")
        .await
        .unwrap();
    run(&mut session, "BEGIN").await.unwrap();
    run(&mut session, "INSERT INTO item (name) VALUES ('b')")
        .await
        .unwrap();
    run(
        &mut session,
        "INSERT OR ROLLBACK INTO item (name) VALUES ('a')",
    )
    .await
    .unwrap_err();
    assert!(!session.is_in_transaction());
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
    run(&mut idle, "CREATE TABLE item (name TEXT)")
        .await
        .unwrap();
    run(&mut idle, "BEGIN").await.unwrap();
    run(&mut idle, "INSERT INTO item VALUES ('lost')")
        .await
        .unwrap();
    let mut waiting = database.session();
    run(&mut waiting, "INSERT INTO item VALUES ('kept')")
        .await
        .unwrap();
    let insert = "INSERT INTO item VALUES ('late')";
    assert_eq!(run(&mut idle, insert).await, Err(Error::TransactionLost));
    assert_eq!(one(&mut idle, "SELECT name FROM item").await, "kept".into());
}
