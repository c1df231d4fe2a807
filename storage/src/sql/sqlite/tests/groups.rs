//! The groups that the writer makes of many writes at once.

use std::time::Duration;

use super::with_items;
use crate::EngineFailure;
use crate::sql::tests::harness::{ENDLESS_WRITE, Fixture, far, run, soon};
use crate::sql::{Database, Error, MAX_VALUE_BYTES, Rows, WRITE_QUEUE_CAPACITY};

/// Runs each statement in a session and a task of its own, all at once; the results in order.
async fn all_at_once(database: &Database, statements: Vec<String>) -> Vec<Result<Rows, Error>> {
    let tasks: Vec<_> = statements
        .into_iter()
        .map(|sql| {
            let mut session = database.session();
            tokio::spawn(async move { run(&mut session, &sql).await })
        })
        .collect();
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.unwrap());
    }
    results
}

/// Lets writes pile up behind a transaction, so that they are sure to share a group.
async fn in_one_group(fixture: &Fixture, statements: Vec<String>) -> Vec<Result<Rows, Error>> {
    let mut holder = fixture.database.session();
    run(&mut holder, "BEGIN IMMEDIATE").await.unwrap();
    let count = statements.len();
    let database = fixture.database.clone();
    let results = tokio::spawn(async move { all_at_once(&database, statements).await });
    while fixture.database.waiting() < count {
        tokio::task::yield_now().await;
    }
    run(&mut holder, "COMMIT").await.unwrap();
    results.await.unwrap()
}

fn insert(name: usize) -> String {
    format!("INSERT INTO item (name) VALUES ('{name}')")
}

#[tokio::test]
async fn failing_write_fails_alone_in_its_group() {
    let fixture = with_items().await;
    let statements = (0..10).map(|number| insert(number / 2)).collect();
    let results = in_one_group(&fixture, statements).await;
    for (number, result) in results.iter().enumerate() {
        assert_eq!(result.is_ok(), number % 2 == 0, "{number}: {result:?}");
    }
    assert_eq!(fixture.count().await, 5);
}

#[tokio::test]
async fn write_that_rolls_back_everything_takes_no_other_with_it() {
    let fixture = with_items().await;
    let mut statements: Vec<_> = (0..10).map(insert).collect();
    statements[5] = "INSERT OR ROLLBACK INTO item (name) VALUES ('4')".to_owned();
    let results = in_one_group(&fixture, statements).await;
    for (number, result) in results.iter().enumerate() {
        assert_eq!(result.is_ok(), number != 5, "{number}: {result:?}");
    }
    assert_eq!(fixture.count().await, 9);
}

#[tokio::test]
async fn write_with_too_large_a_result_takes_no_other_with_it() {
    let fixture = with_items().await;
    let large = format!(
        "INSERT INTO item (name) VALUES ('a'), ('b'), ('c'), ('d'), ('e'), ('f'), ('g'), ('h'), ('i') \
         RETURNING zeroblob({MAX_VALUE_BYTES} - 100)"
    );
    let results = in_one_group(&fixture, vec![insert(0), large, insert(1)]).await;
    assert_eq!(results[1], Err(Error::ResultTooLarge));
    assert!(results[0].is_ok() && results[2].is_ok());
    assert_eq!(fixture.count().await, 2);
}

#[tokio::test]
async fn constraint_checked_at_the_commit_fails_only_the_write_that_violates_it() {
    let fixture = with_items().await;
    let table = "CREATE TABLE child (item INTEGER REFERENCES item DEFERRABLE INITIALLY DEFERRED)";
    run(&mut fixture.database.session(), table).await.unwrap();
    let orphan = "INSERT INTO child VALUES (99)".to_owned();
    let results = in_one_group(&fixture, vec![insert(0), orphan, insert(1)]).await;
    assert!(matches!(results[1], Err(Error::Constraint { .. })));
    assert!(results[0].is_ok() && results[2].is_ok());
    assert_eq!(fixture.count().await, 2);
}

#[tokio::test]
async fn statement_stopped_at_its_deadline_takes_no_other_with_it() {
    let fixture = with_items().await;
    let mut holder = fixture.database.session();
    run(&mut holder, "BEGIN IMMEDIATE").await.unwrap();
    let mut tasks = Vec::new();
    for sql in [insert(0), ENDLESS_WRITE.to_owned(), insert(1)] {
        let mut session = fixture.database.session();
        // Long enough for it to be running when its deadline passes.
        let deadline = if sql == ENDLESS_WRITE {
            soon() + Duration::from_millis(200)
        } else {
            far()
        };
        tasks.push(tokio::spawn(async move {
            session.execute(&sql, vec![], deadline).await
        }));
        tokio::task::yield_now().await;
    }
    run(&mut holder, "COMMIT").await.unwrap();
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.unwrap());
    }
    assert_eq!(
        results[1],
        Err(Error::Engine(EngineFailure::DeadlineExceeded))
    );
    assert!(results[0].is_ok() && results[2].is_ok());
    assert_eq!(fixture.count().await, 2);
}

#[tokio::test]
async fn transaction_control_never_joins_a_group() {
    let fixture = with_items().await;
    let statements = vec![
        insert(0),
        "COMMIT".to_owned(),
        "ROLLBACK".to_owned(),
        "BEGIN IMMEDIATE".to_owned(),
        insert(1),
        "SAVEPOINT s".to_owned(),
        "RELEASE s".to_owned(),
        insert(2),
    ];
    let results = in_one_group(&fixture, statements).await;
    let succeeded: Vec<_> = results.iter().map(Result::is_ok).collect();
    assert_eq!(
        succeeded,
        [true, false, false, true, true, true, false, true]
    );
    assert_eq!(fixture.count().await, 3);
}

#[tokio::test]
async fn queue_that_is_full_refuses_at_once() {
    let fixture = with_items().await;
    let mut holder = fixture.database.session();
    run(&mut holder, "BEGIN IMMEDIATE").await.unwrap();
    let database = fixture.database.clone();
    let statements = vec!["DELETE FROM item".to_owned(); WRITE_QUEUE_CAPACITY + 10];
    let results = tokio::spawn(async move { all_at_once(&database, statements).await });
    while fixture.database.statistics().overloads.get() < 10 {
        tokio::task::yield_now().await;
    }
    run(&mut holder, "COMMIT").await.unwrap();
    let results = results.await.unwrap();
    let refused = results
        .iter()
        .filter(|result| **result == Err(Error::Engine(EngineFailure::Overloaded)))
        .count();
    assert_eq!(refused, 10);
    assert_eq!(
        results.iter().filter(|result| result.is_ok()).count(),
        WRITE_QUEUE_CAPACITY
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_writers_at_once_all_succeed_in_few_commits() {
    let fixture = with_items().await;
    let before = fixture.database.statistics().group_commits.get();
    let results = in_one_group(&fixture, (0..2000).map(insert).collect()).await;
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(fixture.count().await, 2000);
    let commits = fixture.database.statistics().group_commits.get() - before;
    assert!(commits < 500, "{commits} commits");
}
