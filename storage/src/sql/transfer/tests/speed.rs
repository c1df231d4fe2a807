//! The speed of a move, and its pause. It takes long, so it runs only if it is asked for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Fixture, moved, opened};
use crate::clock;
use crate::sql::Value;
use crate::sql::tests::harness::{one, run};

/// `cargo nextest run -p terrace-storage --run-ignored only million_rows`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it takes a minute"]
async fn a_million_rows_move_under_constant_writes() {
    let fixture = Fixture::new();
    let (file, server) = (fixture.file("old.db"), fixture.on_server());
    let database = opened(&file);
    let mut session = database.session();
    run(
        &mut session,
        "CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT NOT NULL, price REAL, at INTEGER)",
    )
    .await
    .unwrap();
    run(&mut session, "CREATE INDEX item_at ON item (at)")
        .await
        .unwrap();
    for _ in 0..10 {
        let many = "INSERT INTO item (name, price, at) WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) \
                    SELECT 'a name of some length ' || i, i / 7.0, i % 1000 FROM n";
        run(&mut session, many).await.unwrap();
    }
    let is_over = Arc::new(AtomicBool::new(false));
    let writing = tokio::spawn(write_until(database.clone(), Arc::clone(&is_over)));
    let begun = clock::now();
    let moved = moved(&file, &server).await.unwrap();
    let took = (clock::now() - begun).as_secs_f64();
    is_over.store(true, Ordering::Relaxed);
    let written = writing.await.unwrap();
    let (rows, pause) = (moved.rows as f64 / took, moved.pause.unwrap());
    println!("{rows:.0} rows a second, {written} writes meanwhile, a pause of {pause:?}");
    let target = opened(&server);
    let mut target = target.session();
    for read in [
        "SELECT count(*) FROM item",
        "SELECT sum(at) FROM item",
        "SELECT count(*) FROM item WHERE name LIKE 'written%'",
    ] {
        assert_eq!(
            one(&mut session, read).await,
            one(&mut target, read).await,
            "{read}"
        );
    }
    let acknowledged = one(
        &mut target,
        "SELECT count(*) FROM item WHERE name LIKE 'written%'",
    )
    .await;
    assert_eq!(acknowledged, Value::Integer(written));
}

/// Inserts, updates and deletes, until the source refuses. The number of inserts that were acknowledged.
async fn write_until(database: crate::sql::Database, is_over: Arc<AtomicBool>) -> i64 {
    let mut session = database.session();
    let mut count = 0;
    while !is_over.load(Ordering::Relaxed) {
        let insert = "INSERT INTO item (name, at) VALUES ('written ' || ?, 7)";
        let number = Value::Integer(count);
        match super::super::super::tests::harness::run_with(&mut session, insert, vec![number])
            .await
        {
            Ok(_) => count += 1,
            Err(error) => {
                assert!(error.to_string().contains("was moved"), "{error}");
                break;
            }
        }
        let key = count * 7_919 % 1_000_000;
        let update = format!("UPDATE item SET at = at + 1 WHERE id = {key}");
        let delete = format!(
            "DELETE FROM item WHERE id = {} AND name LIKE 'a name%'",
            key + 1
        );
        for statement in [update, delete] {
            if run(&mut session, &statement).await.is_err() {
                return count;
            }
        }
    }
    count
}
