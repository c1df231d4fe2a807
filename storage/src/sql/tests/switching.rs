//! Another engine takes the place of a database while sessions use it.

use std::pin::pin;
use std::time::Duration;

use super::harness::{Engine, count, far, one, run, soon};
use crate::EngineFailure;

on_each_engine! {
    (flavor = "current_thread") {
        statements_wait_and_go_on_with_another_database,
        transactions_end_before_the_database_is_held,
    }
}

async fn statements_wait_and_go_on_with_another_database(engine: Engine) {
    let (old, new) = (engine.with_items().await, engine.with_items().await);
    let mut session = old.database.session();
    run(
        &mut session,
        "INSERT INTO item (id, name) VALUES (7, 'old')",
    )
    .await
    .unwrap();
    let held = old.database.hold(far()).await.unwrap();
    let waits = session.execute("SELECT 1", vec![], soon()).await;
    assert_eq!(waits, Err(EngineFailure::DeadlineExceeded.into()));
    let mut other = old.database.session();
    let mut insert = pin!(run(
        &mut other,
        "INSERT INTO item (id, name) VALUES (8, 'new')"
    ));
    let early = tokio::time::timeout(Duration::from_millis(1), insert.as_mut());
    assert!(early.await.is_err());
    held.switch(&new.database, far()).await.unwrap();
    insert.await.unwrap();
    // The counters are those of the session, wherever it ran.
    assert_eq!(
        one(&mut session, "SELECT last_insert_rowid()").await,
        7.into()
    );
    assert_eq!(
        one(&mut session, "SELECT max(id) FROM item").await,
        8.into()
    );
    assert_eq!(count(&mut session).await, 1);
    assert_eq!(new.count().await, 1);
}

async fn transactions_end_before_the_database_is_held(engine: Engine) {
    let (old, new) = (engine.with_items().await, engine.with_items().await);
    let mut session = old.database.session();
    run(&mut session, "BEGIN").await.unwrap();
    run(&mut session, "INSERT INTO item (name) VALUES ('kept')")
        .await
        .unwrap();
    let error = old.database.hold(soon()).await.unwrap_err();
    assert_eq!(error, EngineFailure::Busy.into());
    let mut hold = pin!(old.database.hold(far()));
    let early = tokio::time::timeout(Duration::from_millis(1), hold.as_mut());
    assert!(early.await.is_err());
    run(&mut session, "COMMIT").await.unwrap();
    let held = hold.await.unwrap();
    drop(held);
    assert_eq!(old.count().await, 1);
    // What is dropped lets go of the database.
    run(&mut session, "BEGIN").await.unwrap();
    session.roll_back();
    let held = old.database.hold(far()).await.unwrap();
    held.switch(&new.database, far()).await.unwrap();
    assert_eq!(count(&mut session).await, 0);
}
