//! Many sessions at once.

use super::harness::{Engine, one, run, run_with};
use crate::EngineFailure;
use crate::sql::{Database, Error, Session, Value};

on_each_engine! {
    (flavor = "multi_thread", worker_threads = 2) {
        concurrent_transfers_keep_the_sum,
        session_reads_what_it_wrote,
        no_update_is_lost_between_a_read_and_a_write,
        transactions_that_read_what_the_other_changes_do_not_both_commit,
        a_row_that_is_inserted_unless_it_is_there_is_there_once,
        rows_written_while_a_table_is_replaced_are_kept,
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
    let transfers = (0..20).map(|number| transfer(&fixture.database, number % 2));
    futures::future::join_all(transfers).await;
    assert_eq!(
        one(&mut session, "SELECT sum(amount) FROM account").await,
        Value::Integer(2000)
    );
}

/// Moves one from an account to the other ten times, and looks at the sum in between. Two transfers in opposite directions may
/// wait for each other. One of them is told to begin again.
async fn transfer(database: &Database, from: i64) {
    for _ in 0..10 {
        let transfer = async |session: &mut Session| {
            let take = "UPDATE account SET amount = amount - 1 WHERE id = ?";
            run_with(session, take, vec![from.into()]).await?;
            let sum = one(&mut database.session(), "SELECT sum(amount) FROM account").await;
            assert_eq!(sum, Value::Integer(2000));
            let give = "UPDATE account SET amount = amount + 1 WHERE id = ?";
            run_with(session, give, vec![(1 - from).into()]).await?;
            Ok(())
        };
        committed(database, transfer).await;
    }
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

/// Commits what `work` does in a transaction, which begins again after each conflict.
async fn committed(database: &Database, work: impl AsyncFn(&mut Session) -> Result<(), Error>) {
    let mut session = database.session();
    loop {
        run(&mut session, "BEGIN").await.unwrap();
        let done = match work(&mut session).await {
            Ok(()) => run(&mut session, "COMMIT").await.map(drop),
            Err(error) => Err(error),
        };
        match done {
            Ok(()) => return,
            Err(error) => assert_eq!(error, EngineFailure::SerializationFailure.into()),
        }
        if session.is_in_transaction() {
            run(&mut session, "ROLLBACK").await.unwrap();
        }
    }
}

async fn no_update_is_lost_between_a_read_and_a_write(engine: Engine) {
    let fixture = engine.fixture().await;
    let mut session = fixture.database.session();
    let table = "CREATE TABLE counter (id INTEGER PRIMARY KEY, amount INTEGER)";
    run(&mut session, table).await.unwrap();
    run(&mut session, "INSERT INTO counter VALUES (1, 0)")
        .await
        .unwrap();
    let count = async |session: &mut Session| {
        let rows = run(session, "SELECT amount FROM counter").await?;
        let Value::Integer(amount) = rows.rows[0][0] else {
            panic!("{rows:?}")
        };
        let update = "UPDATE counter SET amount = ?";
        run_with(session, update, vec![(amount + 1).into()]).await?;
        Ok(())
    };
    let counting = (0..8).map(|_| committed(&fixture.database, count));
    futures::future::join_all(counting).await;
    let amount = one(&mut session, "SELECT amount FROM counter").await;
    assert_eq!(amount, Value::Integer(8));
}

/// Write skew: each of two leaves because the other is still there.
async fn transactions_that_read_what_the_other_changes_do_not_both_commit(engine: Engine) {
    let fixture = engine.fixture().await;
    let mut session = fixture.database.session();
    let table = "CREATE TABLE guard (id INTEGER PRIMARY KEY, is_here INTEGER)";
    run(&mut session, table).await.unwrap();
    run(&mut session, "INSERT INTO guard VALUES (1, 1), (2, 1)")
        .await
        .unwrap();
    let leaving = [1, 2].map(|id| {
        committed(&fixture.database, async move |session: &mut Session| {
            let others = "SELECT count(*) FROM guard WHERE is_here = 1 AND id <> ?";
            let others = run_with(session, others, vec![id.into()]).await?;
            if others.rows[0][0] == Value::Integer(1) {
                let leave = "UPDATE guard SET is_here = 0 WHERE id = ?";
                run_with(session, leave, vec![id.into()]).await?;
            }
            Ok(())
        })
    });
    futures::future::join_all(leaving).await;
    let here = one(&mut session, "SELECT sum(is_here) FROM guard").await;
    assert_eq!(here, Value::Integer(1));
}

async fn a_row_that_is_inserted_unless_it_is_there_is_there_once(engine: Engine) {
    let fixture = engine.fixture().await;
    let mut session = fixture.database.session();
    run(&mut session, "CREATE TABLE visit (name TEXT)")
        .await
        .unwrap();
    let insert = "INSERT INTO visit (name) SELECT 'x' WHERE NOT EXISTS (SELECT 1 FROM visit)";
    let inserting = (0..8).map(|_| async {
        run(&mut fixture.database.session(), insert).await.unwrap();
    });
    futures::future::join_all(inserting).await;
    let count = one(&mut session, "SELECT count(*) FROM visit").await;
    assert_eq!(count, Value::Integer(1));
}

/// A migration copies a table, drops it and renames the copy, while others insert.
async fn rows_written_while_a_table_is_replaced_are_kept(engine: Engine) {
    let fixture = engine.with_items().await;
    let (migrated, mut until) = tokio::sync::watch::channel(false);
    let database = fixture.database.clone();
    let inserting = tokio::spawn(async move {
        let mut session = database.session();
        let mut inserted = 0;
        while !*until.borrow_and_update() {
            run(&mut session, "INSERT INTO item (name) VALUES (NULL)")
                .await
                .unwrap();
            inserted += 1;
        }
        inserted
    });
    for _ in 0..5 {
        committed(&fixture.database, async |session: &mut Session| {
            for statement in [
                "CREATE TABLE copy (id INTEGER PRIMARY KEY, name TEXT UNIQUE)",
                "INSERT INTO copy (id, name) SELECT id, name FROM item",
                "DROP TABLE item",
                "ALTER TABLE copy RENAME TO item",
            ] {
                run(session, statement).await?;
            }
            Ok(())
        })
        .await;
    }
    migrated.send(true).unwrap();
    let inserted: i64 = inserting.await.unwrap();
    assert_eq!(fixture.count().await, inserted);
}
