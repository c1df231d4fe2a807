//! Deadlines and cancelled statements.

use super::harness::{ENDLESS, ENDLESS_WRITE, Engine, count, far, one, run, soon};
use crate::sql::{Error, MAX_LONG_READS, Value};
use crate::{EngineFailure, clock};

on_each_engine! {
    (flavor = "current_thread") {
        endless_statements_end_at_their_deadline_and_the_session_goes_on,
        endless_statement_inside_a_transaction_ends_at_its_deadline,
        passed_deadline_is_noticed_before_anything_runs,
        long_read_does_not_hold_the_thread_of_its_caller,
        dropped_reads_give_their_threads_back,
        dropped_write_frees_the_writer,
    }
}

async fn endless_statements_end_at_their_deadline_and_the_session_goes_on(engine: Engine) {
    let fixture = engine.with_items().await;
    let mut session = fixture.database.session();
    for sql in [ENDLESS, ENDLESS_WRITE] {
        // The second time the database remembers that the statement is long.
        for _ in 0..2 {
            let end = soon();
            assert_eq!(
                session.execute(sql, vec![], end).await,
                Err(Error::Engine(EngineFailure::DeadlineExceeded))
            );
            assert!(clock::now() >= end);
            assert_eq!(count(&mut session).await, 0);
        }
    }
    assert_eq!(fixture.database.statistics().deadlines_exceeded.get(), 4);
    run(&mut session, "INSERT INTO item (name) VALUES ('a')")
        .await
        .unwrap();
}

async fn endless_statement_inside_a_transaction_ends_at_its_deadline(engine: Engine) {
    let fixture = engine.with_items().await;
    let mut session = fixture.database.session();
    run(&mut session, "BEGIN").await.unwrap();
    assert_eq!(
        session.execute(ENDLESS, vec![], soon()).await,
        Err(Error::Engine(EngineFailure::DeadlineExceeded))
    );
    assert!(
        session.is_in_transaction(),
        "a read that is stopped does not end the transaction"
    );
    assert_eq!(
        session.execute(ENDLESS_WRITE, vec![], soon()).await,
        Err(Error::Engine(EngineFailure::DeadlineExceeded))
    );
    session.roll_back();
    assert_eq!(count(&mut session).await, 0);
}

async fn passed_deadline_is_noticed_before_anything_runs(engine: Engine) {
    let fixture = engine.with_items().await;
    let mut session = fixture.database.session();
    for sql in ["SELECT 1", "INSERT INTO item (name) VALUES ('a')"] {
        let result = session.execute(sql, vec![], clock::now()).await;
        assert_eq!(result, Err(Error::Engine(EngineFailure::DeadlineExceeded)));
    }
    assert_eq!(count(&mut session).await, 0);
}

async fn long_read_does_not_hold_the_thread_of_its_caller(engine: Engine) {
    let fixture = engine.with_items().await;
    let database = fixture.database.clone();
    let long = tokio::spawn(async move {
        let mut session = database.session();
        session.execute(ENDLESS, vec![], far()).await
    });
    // One thread runs both tasks, so this is reached only if the endless read has moved elsewhere.
    tokio::task::yield_now().await;
    for _ in 0..100 {
        assert_eq!(fixture.count().await, 0);
        tokio::task::yield_now().await;
    }
    assert!(!long.is_finished());
    long.abort();
    assert!(long.await.unwrap_err().is_cancelled());
}

async fn dropped_reads_give_their_threads_back(engine: Engine) {
    let fixture = engine.fixture().await;
    for _ in 0..MAX_LONG_READS * 3 {
        let mut session = fixture.database.session();
        tokio::select! {
            biased;
            _ = run(&mut session, ENDLESS) => unreachable!("it never ends"),
            () = tokio::task::yield_now() => {}
        }
    }
    let counted = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000) \
         SELECT count(*) FROM n";
    assert_eq!(
        one(&mut fixture.database.session(), counted).await,
        Value::Integer(1_000_000)
    );
}

async fn dropped_write_frees_the_writer(engine: Engine) {
    let fixture = engine.with_items().await;
    let mut session = fixture.database.session();
    tokio::select! {
        biased;
        _ = run(&mut session, ENDLESS_WRITE) => unreachable!("it never ends"),
        () = tokio::task::yield_now() => {}
    }
    run(&mut session, "INSERT INTO item (name) VALUES ('a')")
        .await
        .unwrap();
    assert_eq!(count(&mut session).await, 1);
}
