//! Acknowledged writes survive the death of the process. The test binary runs itself as the process that dies.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::with_items;
use crate::sql::tests::harness::{count, far, run_with};
use crate::sql::{Database, Error, Value};
use crate::{EngineFailure, SqliteOptions};

/// The path of the child's database. Without this variable the child's tests do nothing.
const CHILD_DATABASE: &str = "TERRACE_TEST_CHILD_DATABASE";

/// Concurrent writers of the child.
const WRITERS: i64 = 200;

/// Starts this test binary with only the named test, and with `shell` run before it.
fn start_child(test: &str, database: &Path, shell: &str) -> Child {
    Command::new("sh")
        .args(["-c", &format!("{shell} exec \"$0\" \"$@\"")])
        .arg(std::env::current_exe().unwrap())
        .args([
            "--exact",
            &format!("sql::sqlite::tests::crash::{test}"),
            "--nocapture",
            "--test-threads=1",
        ])
        .env(CHILD_DATABASE, database)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// The numbers that the child acknowledged until its end. Kills the child after `kill_after` of them.
fn acknowledged(child: &mut Child, mut kill_after: usize) -> Vec<i64> {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut numbers = Vec::new();
    for line in lines {
        // The process may die within a line. Such a line is not an acknowledgement.
        let Some(number) = line
            .unwrap()
            .strip_prefix("ack ")
            .and_then(|number| number.strip_suffix('.')?.parse().ok())
        else {
            continue;
        };
        numbers.push(number);
        kill_after = kill_after.saturating_sub(1);
        if kill_after == 0 {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    numbers
}

fn names_on_disk(path: &Path) -> std::collections::HashSet<i64> {
    let sqlite = rusqlite::Connection::open(path).unwrap();
    let check: String = sqlite
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(check, "ok");
    let mut statement = sqlite.prepare("SELECT name FROM item").unwrap();
    let names = statement
        .query_map([], |row| row.get::<_, String>(0))
        .unwrap();
    names.map(|name| name.unwrap().parse().unwrap()).collect()
}

#[tokio::test]
async fn acknowledged_writes_survive_the_kill_of_the_process() {
    let fixture = with_items().await;
    fixture.database.close(far()).await.unwrap();
    let mut child = start_child("child_that_writes", &fixture.path(), "");
    let acknowledged = acknowledged(&mut child, 3_000);
    assert!(acknowledged.len() >= 3_000, "{}", acknowledged.len());
    let on_disk = names_on_disk(&fixture.path());
    let lost: Vec<_> = acknowledged
        .iter()
        .filter(|number| !on_disk.contains(number))
        .collect();
    assert!(lost.is_empty(), "{lost:?}");
}

#[tokio::test]
async fn commit_that_the_disk_refuses_acknowledges_nothing_of_its_group() {
    let fixture = with_items().await;
    fixture.database.close(far()).await.unwrap();
    // No file may grow beyond 512 KiB (a block of `ulimit` has 512 or 1,024 bytes). The write then fails with an error,
    // not a signal.
    let mut child = start_child(
        "child_that_writes",
        &fixture.path(),
        "trap '' XFSZ; ulimit -f 512;",
    );
    let acknowledged = acknowledged(&mut child, usize::MAX);
    assert!(!acknowledged.is_empty());
    let on_disk = names_on_disk(&fixture.path());
    assert!(acknowledged.iter().all(|number| on_disk.contains(number)));
    assert_eq!(
        on_disk.len(),
        acknowledged.len(),
        "a write that failed left something behind"
    );
}

/// The child's part, not a test by itself. Writes from many tasks, prints each acknowledged number, and ends when a
/// write fails. Reads must still work then.
#[tokio::test]
async fn child_that_writes() {
    let Some(path) = std::env::var_os(CHILD_DATABASE) else {
        return;
    };
    // Ends the line that the test harness has begun.
    println!();
    let database = Database::open_sqlite(Path::new(&path), SqliteOptions::default()).unwrap();
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let database = database.clone();
            tokio::spawn(async move { write_until_refused(&database, writer).await })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    assert!(count(&mut database.session()).await > 0);
}

async fn write_until_refused(database: &Database, writer: i64) {
    let mut session = database.session();
    for number in (writer..).step_by(usize::try_from(WRITERS).unwrap()) {
        let name = Value::Text(number.to_string());
        match run_with(
            &mut session,
            "INSERT INTO item (name) VALUES (?)",
            vec![name],
        )
        .await
        {
            Ok(_) => println!("ack {number}."),
            Err(error) => {
                assert!(
                    matches!(
                        error,
                        Error::Engine(EngineFailure::Io { .. } | EngineFailure::Full)
                    ),
                    "{error}"
                );
                return;
            }
        }
    }
}
