//! Many sessions at once.

use super::harness::{Engine, one, run, run_with};
use crate::EngineFailure;
use crate::sql::{Database, Error, Value};

on_each_engine! {
    (flavor = "multi_thread", worker_threads = 2) {
        concurrent_transfers_keep_the_sum,
        session_reads_what_it_wrote,
    }
}

async fn concurrent_transfers_keep_the_sum(engine: Engine) {
    let fixture = engine.fixture().await;
    let mut session = fixture.database.session();
    run(
        &mut session,
        "CREATE TABLE account (id INTEGER PRIMARY KEY, amount INTEGER)",
    )
    .await
    .unwrap();
    run(
        &mut session,
        "INSERT INTO account VALUES (0, 1000), (1, 1000)",
    )
    .await
    .unwrap();
    let tasks: Vec<_> = (0..20)
        .map(|number| {
            let database = fixture.database.clone();
            tokio::spawn(async move { transfer(&database, number % 2).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(
        one(&mut session, "SELECT sum(amount) FROM account").await,
        Value::Integer(2000)
    );
}

/// Moves one from an account to the other ten times.
async fn transfer(database: &Database, from: i64) {
    for _ in 0..10 {
        // Two transfers in opposite directions may wait for each other. One of them is told to begin again.
        while let Err(error) = transfer_one(database, from).await {
            let conflict = EngineFailure::SerializationFailure;
            assert_eq!(error, Error::Engine(conflict));
        }
    }
}

/// Moves one from an account to the other, and looks at the sum in between.
async fn transfer_one(database: &Database, from: i64) -> Result<(), Error> {
    let mut session = database.session();
    run(&mut session, "BEGIN").await.unwrap();
    let take = "UPDATE account SET amount = amount - 1 WHERE id = ?";
    run_with(&mut session, take, vec![from.into()]).await?;
    let sum = one(&mut database.session(), "SELECT sum(amount) FROM account").await;
    assert_eq!(sum, Value::Integer(2000));
    let give = "UPDATE account SET amount = amount + 1 WHERE id = ?";
    run_with(&mut session, give, vec![(1 - from).into()]).await?;
    run(&mut session, "COMMIT").await?;
    Ok(())
}

async fn session_reads_what_it_wrote(engine: Engine) {
    let fixture = engine.with_items().await;
    let tasks: Vec<_> = (0..16)
        .map(|task| {
            let mut session = fixture.database.session();
            tokio::spawn(async move {
                for number in 0..20 {
                    let name = format!("{task}/{number}");
                    let insert = "INSERT INTO item (name) VALUES (?)";
                    run_with(&mut session, insert, vec![name.as_str().into()])
                        .await
                        .unwrap();
                    let id = Value::Integer(session.last_insert_rowid());
                    let select = "SELECT name FROM item WHERE id = ?";
                    let rows = run_with(&mut session, select, vec![id]).await.unwrap().rows;
                    assert_eq!(rows, [[Value::Text(name)]]);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(fixture.count().await, 320);
}
