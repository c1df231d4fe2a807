//! Every wait ends, even if the disk or another statement hangs.

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use rusqlite::functions::FunctionFlags;
use tempfile::TempDir;

use super::with_items;
use crate::sql::sqlite::connection::StatementKind;
use crate::sql::sqlite::open::open_writer;
use crate::sql::sqlite::shared::Shared;
use crate::sql::tests::harness::{ENDLESS, ENDLESS_WRITE, far, run, soon};
use crate::sql::{Database, Error, sqlite};
use crate::{EngineFailure, SqliteOptions, clock};

/// A database with a function `hang()`, which holds the writer's thread, like a hanging disk, until the sender is
/// dropped. The receiver gets a message when it begins.
fn hanging_database(folder: &TempDir) -> (Database, Sender<()>, Receiver<()>) {
    let path = folder.path().join("app.db");
    let (shared, options) = (Shared::default(), SqliteOptions::default());
    let connection = open_writer(&path, options, "", &shared).unwrap();
    let (release, held) = channel();
    let (begin, begun) = channel();
    let held = Mutex::new(held);
    let hang = move |_: &mut rusqlite::functions::Context<'_>| {
        begin.send(()).unwrap();
        // `recv` fails when the sender is dropped.
        Ok(held.lock().unwrap().recv().is_ok())
    };
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_INNOCUOUS;
    connection
        .internally(|sqlite| {
            sqlite.create_scalar_function("hang", 0, flags, hang)?;
            sqlite.execute_batch("CREATE TABLE t (x)")
        })
        .unwrap();
    let database = sqlite::Database::with_writer(&path, connection, options, shared).unwrap();
    let kind = StatementKind::Write;
    database.kinds().remember(HANG, kind);
    (Database::of_sqlite(database), release, begun)
}

const HANG: &str = "INSERT INTO t VALUES (hang())";

#[tokio::test]
async fn caller_does_not_wait_for_a_disk_that_hangs() {
    let folder = tempfile::tempdir().unwrap();
    let (database, release, _begun) = hanging_database(&folder);
    let outcome = database.session().execute(HANG, vec![], soon()).await;
    assert_eq!(outcome, Err(Error::Engine(EngineFailure::OutcomeUnknown)));
    drop(release);
}

#[tokio::test]
async fn caller_in_a_transaction_does_not_wait_for_a_disk_that_hangs() {
    let folder = tempfile::tempdir().unwrap();
    let (database, release, _begun) = hanging_database(&folder);
    let mut session = database.session();
    run(&mut session, "BEGIN").await.unwrap();
    let outcome = session.execute(HANG, vec![], soon()).await;
    assert_eq!(outcome, Err(Error::Engine(EngineFailure::OutcomeUnknown)));
    assert!(!session.is_in_transaction());
    drop(release);
    // The transaction was rolled back, so this write gets through.
    run(&mut session, "INSERT INTO t VALUES (2)").await.unwrap();
    let rows = run(&mut session, "SELECT x FROM t").await.unwrap().rows;
    assert_eq!(rows, [[2.into()]]);
}

#[tokio::test]
async fn closing_does_not_wait_for_a_disk_that_hangs() {
    let folder = tempfile::tempdir().unwrap();
    let (database, release, begun) = hanging_database(&folder);
    let mut session = database.session();
    let write = tokio::spawn(async move { session.execute(HANG, vec![], far()).await });
    tokio::task::spawn_blocking(move || begun.recv().unwrap())
        .await
        .unwrap();
    let closed = database.close(soon()).await;
    assert_eq!(closed, Err(Error::Engine(EngineFailure::DeadlineExceeded)));
    drop(release);
    write.abort();
}

#[tokio::test]
async fn closing_stops_statements_that_run() {
    for sql in [ENDLESS, ENDLESS_WRITE] {
        let fixture = with_items().await;
        let mut session = fixture.database.session();
        let statement = tokio::spawn(async move { run(&mut session, sql).await });
        tokio::task::yield_now().await;
        let begin = clock::now();
        fixture.database.close(far()).await.unwrap();
        assert!(statement.await.unwrap().is_err(), "{sql}");
        assert!(clock::now() - begin < Duration::from_secs(10), "{sql}");
    }
}
