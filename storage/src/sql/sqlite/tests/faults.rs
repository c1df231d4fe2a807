//! Faulty files, folders, locks and disks.

use std::fs;

use rusqlite::Connection as Sqlite;

use tempfile::TempDir;

use super::with_items;
use crate::sql::sqlite::open::open_writer;
use crate::sql::sqlite::shared::Shared;
use crate::sql::tests::harness::{HURRIED, count, far, run, soon};
use crate::sql::{Database, Error, sqlite};
use crate::{EngineFailure, OpenError, SqliteOptions};

#[tokio::test]
async fn missing_folders_are_made() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a/b/app.db");
    let database = Database::open_sqlite(&path, SqliteOptions::default()).unwrap();
    run(&mut database.session(), "CREATE TABLE t (x)")
        .await
        .unwrap();
    assert!(path.is_file());
}

#[test]
fn folder_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let error =
        Database::open_sqlite(&file.join("state/app.db"), SqliteOptions::default()).unwrap_err();
    assert!(
        matches!(&error, OpenError::Folder { folder, .. } if *folder == file.join("state")),
        "{error}"
    );
}

#[test]
fn place_that_is_not_writable_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    // A folder has the file's name. That stops the superuser too.
    for path in [folder.path(), std::path::Path::new("/proc/terrace.db")] {
        let error = Database::open_sqlite(path, SqliteOptions::default()).unwrap_err();
        assert!(matches!(error, OpenError::NotWritable { .. }), "{error}");
        assert!(error.to_string().contains("write permission"), "{error}");
    }
}

#[test]
fn file_that_is_not_a_database_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.db");
    let content = "not a database at all. ".repeat(100);
    fs::write(&path, &content).unwrap();
    let error = Database::open_sqlite(&path, SqliteOptions::default()).unwrap_err();
    assert!(matches!(error, OpenError::NotADatabase { .. }), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), content);
}

#[tokio::test]
async fn damaged_schema_is_found_when_opening() {
    let fixture = with_items().await;
    fixture.database.close(far()).await.unwrap();
    let mut bytes = fs::read(fixture.path()).unwrap();
    bytes[100..200].fill(0xAA);
    fs::write(fixture.path(), bytes).unwrap();
    let error = Database::open_sqlite(&fixture.path(), SqliteOptions::default()).unwrap_err();
    assert!(matches!(error, OpenError::Failed { .. }), "{error}");
    assert!(error.to_string().contains("malformed"), "{error}");
}

#[tokio::test]
async fn damaged_page_fails_its_statement_only() {
    let fixture = with_items().await;
    let mut session = fixture.database.session();
    run(&mut session, "CREATE TABLE intact (x)").await.unwrap();
    run(&mut session, "INSERT INTO item (name) VALUES ('a')")
        .await
        .unwrap();
    fixture.database.close(far()).await.unwrap();
    let root = "SELECT rootpage FROM sqlite_schema WHERE name = 'item'";
    let root: u32 = Sqlite::open(fixture.path())
        .unwrap()
        .query_row(root, [], |row| row.get(0))
        .unwrap();
    let root = usize::try_from(root).unwrap();
    let mut bytes = fs::read(fixture.path()).unwrap();
    bytes[(root - 1) * 4096..root * 4096].fill(0xAA);
    fs::write(fixture.path(), bytes).unwrap();
    let database = Database::open_sqlite(&fixture.path(), SqliteOptions::default()).unwrap();
    let mut session = database.session();
    let result = run(&mut session, "SELECT name FROM item NOT INDEXED").await;
    assert!(
        matches!(result, Err(Error::Engine(EngineFailure::Corrupt { .. }))),
        "{result:?}"
    );
    assert!(
        run(&mut session, "SELECT x FROM intact")
            .await
            .unwrap()
            .rows
            .is_empty()
    );
}

#[tokio::test]
async fn lock_of_another_process_is_named_when_opening() {
    let fixture = with_items().await;
    fixture.database.close(far()).await.unwrap();
    let other = Sqlite::open(fixture.path()).unwrap();
    other
        .execute_batch(
            "PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE; INSERT INTO item VALUES (1, 'a')",
        )
        .unwrap();
    let error = Database::open_sqlite(&fixture.path(), HURRIED).unwrap_err();
    assert!(matches!(error, OpenError::Locked { .. }), "{error}");
}

#[tokio::test]
async fn write_waits_for_another_process_until_its_deadline() {
    let fixture = with_items().await;
    let other = Sqlite::open(fixture.path()).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let mut session = fixture.database.session();
    let insert = "INSERT INTO item (name) VALUES ('a')";
    assert_eq!(count(&mut session).await, 0, "reads go on");
    let blocked = session.execute(insert, vec![], soon()).await;
    assert!(
        matches!(
            blocked,
            Err(Error::Engine(EngineFailure::Busy) | Error::Engine(EngineFailure::DeadlineExceeded))
        ),
        "{blocked:?}"
    );
    let waiting = tokio::spawn(async move { run(&mut session, insert).await });
    let before = fixture.database.statistics().lock_waits.get();
    while fixture.database.statistics().lock_waits.get() == before {
        tokio::task::yield_now().await;
    }
    other.execute_batch("COMMIT").unwrap();
    waiting.await.unwrap().unwrap();
    assert_eq!(fixture.count().await, 1);
}

/// A database that cannot grow beyond some pages. To SQLite this looks like a full disk.
fn small_database(folder: &TempDir) -> Database {
    let path = folder.path().join("app.db");
    let shared = Shared::default();
    let options = SqliteOptions::default();
    let connection = open_writer(&path, options, "", &shared).unwrap();
    connection
        .internally(|sqlite| sqlite.execute_batch("PRAGMA max_page_count = 40"))
        .unwrap();
    Database::of_sqlite(sqlite::Database::with_writer(&path, connection, options, shared).unwrap())
}

#[tokio::test]
async fn full_database_says_so_and_goes_on_when_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let database = small_database(&folder);
    let mut session = database.session();
    run(
        &mut session,
        "CREATE TABLE item (id INTEGER PRIMARY KEY, name BLOB)",
    )
    .await
    .unwrap();
    let insert = "INSERT INTO item (name) VALUES (zeroblob(10000))";
    let mut stored = 0;
    let error = loop {
        match run(&mut session, insert).await {
            Ok(_) => stored += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(error, Error::Engine(EngineFailure::Full));
    assert_eq!(
        count(&mut session).await,
        stored,
        "what was acknowledged is there"
    );
    run(&mut session, "DELETE FROM item WHERE id <= 2")
        .await
        .unwrap();
    run(&mut session, insert).await.unwrap();
}

#[tokio::test]
async fn full_database_fails_the_large_write_of_a_group_and_not_the_small() {
    let folder = tempfile::tempdir().unwrap();
    let database = small_database(&folder);
    let mut holder = database.session();
    run(
        &mut holder,
        "CREATE TABLE item (id INTEGER PRIMARY KEY, name BLOB)",
    )
    .await
    .unwrap();
    run(&mut holder, "BEGIN IMMEDIATE").await.unwrap();
    let mut tasks = Vec::new();
    for size in [10, 1_000_000, 10] {
        let mut session = database.session();
        let sql = format!("INSERT INTO item (name) VALUES (zeroblob({size}))");
        tasks.push(tokio::spawn(async move { run(&mut session, &sql).await }));
    }
    while database.waiting() < 3 {
        tokio::task::yield_now().await;
    }
    run(&mut holder, "COMMIT").await.unwrap();
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.unwrap().map(drop));
    }
    assert_eq!(
        results,
        [Ok(()), Err(Error::Engine(EngineFailure::Full)), Ok(())]
    );
}

#[tokio::test]
async fn closed_database_refuses_statements_and_leaves_no_log() {
    let fixture = with_items().await;
    let mut session = fixture.database.session();
    run(&mut session, "INSERT INTO item (name) VALUES ('a')")
        .await
        .unwrap();
    fixture.database.close(far()).await.unwrap();
    assert_eq!(
        run(&mut session, "INSERT INTO item (name) VALUES ('b')").await,
        Err(Error::Engine(EngineFailure::Closed))
    );
    assert_eq!(
        run(&mut session, "SELECT 1").await,
        Err(Error::Engine(EngineFailure::Closed))
    );
    let log = fixture.folder.path().join("app.db-wal");
    assert_eq!(fs::metadata(log).map_or(0, |log| log.len()), 0);
    let again = Database::open_sqlite(&fixture.path(), SqliteOptions::default()).unwrap();
    assert_eq!(count(&mut again.session()).await, 1);
}
