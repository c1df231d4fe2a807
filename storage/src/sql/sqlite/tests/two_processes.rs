//! Two processes on one file, as during a rolling restart. The tests open two databases in one process; SQLite's locks
//! separate them in the same way.

use std::sync::{Arc, Barrier};
use std::time::Duration;

use super::with_items;
use crate::sql::tests::harness::{count, far, run};
use crate::sql::{Database, Error, migrations};
use crate::{EngineFailure, SqliteOptions, clock};

const WRITERS: usize = 32;

/// Writes from many tasks for `time`. Returns the number of acknowledged writes.
async fn write_for(database: &Database, name: &str, time: Duration) -> usize {
    let end = clock::now() + time;
    let writers = (0..WRITERS).map(|writer| {
        let (mut session, name) = (database.session(), format!("{name}-{writer}"));
        tokio::spawn(async move {
            let mut written = 0;
            while clock::now() < end {
                let insert = format!("INSERT INTO item (name) VALUES ('{name}-{written}')");
                run(&mut session, &insert).await.unwrap();
                written += 1;
            }
            written
        })
    });
    let mut written = 0;
    for writer in writers.collect::<Vec<_>>() {
        written += writer.await.unwrap();
    }
    written
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_on_one_file_both_write_and_neither_starves() {
    let fixture = with_items().await;
    let second = Database::open_sqlite(&fixture.path(), SqliteOptions::default()).unwrap();
    let time = Duration::from_secs(2);
    let (a, b) = tokio::join!(
        write_for(&fixture.database, "a", time),
        write_for(&second, "b", time)
    );
    assert!(a > WRITERS && b > WRITERS, "{a} and {b} writes");
    assert!(a < b * 20 && b < a * 20, "{a} and {b} writes");
    let all = i64::try_from(a + b).unwrap();
    assert_eq!(fixture.count().await, all);
    assert_eq!(count(&mut second.session()).await, all);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn second_process_opens_the_file_while_the_first_writes() {
    let fixture = with_items().await;
    let (first, path) = (fixture.database.clone(), fixture.path());
    let load = tokio::spawn(async move { write_for(&first, "a", Duration::from_secs(2)).await });
    for _ in 0..5 {
        let path = path.clone();
        let open = move || Database::open_sqlite(&path, SqliteOptions::default());
        let second = tokio::task::spawn_blocking(open).await.unwrap().unwrap();
        assert!(count(&mut second.session()).await >= 0);
        second.close(far()).await.unwrap();
    }
    assert!(load.await.unwrap() > WRITERS);
}

#[tokio::test]
async fn second_process_goes_on_when_the_first_is_closed() {
    let fixture = with_items().await;
    let second = Database::open_sqlite(&fixture.path(), SqliteOptions::default()).unwrap();
    let mut session = second.session();
    run(&mut session, "BEGIN").await.unwrap();
    run(&mut session, "INSERT INTO item (name) VALUES ('a')")
        .await
        .unwrap();
    // The other process has an open transaction, so the first cannot clean up. Closing must not wait for it.
    let begin = clock::now();
    drop(fixture.database.close(far()).await);
    assert!(clock::now() - begin < Duration::from_secs(5));
    run(&mut session, "COMMIT").await.unwrap();
    assert_eq!(count(&mut session).await, 1);
}

#[tokio::test]
async fn write_after_a_read_that_another_process_has_outdated_is_a_serialization_failure() {
    let fixture = with_items().await;
    let second = Database::open_sqlite(&fixture.path(), SqliteOptions::default()).unwrap();
    let mut session = fixture.database.session();
    run(&mut session, "BEGIN DEFERRED").await.unwrap();
    assert_eq!(count(&mut session).await, 0);
    let insert = "INSERT INTO item (name) VALUES ('a')";
    run(&mut second.session(), insert).await.unwrap();
    let outdated = run(&mut session, "INSERT INTO item (name) VALUES ('b')").await;
    let failure = Error::Engine(EngineFailure::SerializationFailure);
    assert_eq!(outdated, Err(failure));
    run(&mut session, "ROLLBACK").await.unwrap();
    run(&mut session, "INSERT INTO item (name) VALUES ('b')")
        .await
        .unwrap();
    assert_eq!(fixture.count().await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_open_a_new_file_at_once_all_succeed() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..25 {
        let path = folder.path().join(format!("{round}.db"));
        let at_once = Arc::new(Barrier::new(4));
        let opened = (0..4).map(|_| {
            let (path, at_once) = (path.clone(), Arc::clone(&at_once));
            tokio::task::spawn_blocking(move || {
                at_once.wait();
                Database::open_sqlite(&path, SqliteOptions::default())
            })
        });
        for database in opened.collect::<Vec<_>>() {
            database.await.unwrap().unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn migrations_wait_for_a_slow_process_and_go_on_when_it_leaves() {
    let fixture = with_items().await;
    let second = Database::open_sqlite(&fixture.path(), SqliteOptions::default()).unwrap();
    let mut slow = second.session();
    run(&mut slow, "BEGIN IMMEDIATE").await.unwrap();
    run(&mut slow, "INSERT INTO item (name) VALUES ('lost')")
        .await
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let text = "INSERT INTO item (name) VALUES ('kept')";
    std::fs::write(folder.path().join("1_row.sql"), text).unwrap();
    let files = migrations::read(folder.path()).unwrap();
    let database = fixture.database.clone();
    let applying = tokio::spawn(async move { migrations::apply(&database, &files).await });
    while fixture.database.statistics().lock_waits.get() == 0 {
        assert!(!applying.is_finished(), "the migration did not wait");
        tokio::task::yield_now().await;
    }
    drop(slow);
    assert_eq!(applying.await.unwrap().unwrap().len(), 1);
    let names = run(&mut second.session(), "SELECT name FROM item").await;
    assert_eq!(names.unwrap().rows, [["kept".into()]]);
}
