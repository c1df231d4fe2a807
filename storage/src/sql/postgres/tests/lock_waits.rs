//! Statements that wait for a lock of another transaction.

use crate::sql::finding::FindingKind;
use crate::sql::place::Engine as Opened;
use crate::sql::tests::harness::{Engine, far, run};

/// More looks than there are before a statement has reached the server.
const MAX_LOOKS: usize = 10_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statements_that_wait_for_locks_of_others_are_named() {
    let fixture = Engine::Postgres.with_items().await;
    let mut holder = fixture.database.session();
    run(&mut holder, "INSERT INTO item VALUES (1, 'a')")
        .await
        .unwrap();
    run(&mut holder, "BEGIN").await.unwrap();
    run(&mut holder, "UPDATE item SET name = 'b' WHERE id = 1")
        .await
        .unwrap();
    let mut waiter = fixture.database.session();
    let waiting =
        tokio::spawn(
            async move { run(&mut waiter, "UPDATE item SET name = 'c' WHERE id = 1").await },
        );
    let Opened::Postgres(engine) = fixture.database.engine() else {
        panic!("the fixture is on Postgres");
    };
    let mut found = Vec::new();
    for _ in 0..MAX_LOOKS {
        engine.look_for_lock_waits().await;
        found = fixture.database.advise(far()).await.findings;
        found.retain(|finding| finding.kind == FindingKind::LockWaits);
        if !found.is_empty() {
            break;
        }
    }
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].subject.contains("UPDATE"), "{found:?}");
    run(&mut holder, "COMMIT").await.unwrap();
    waiting.await.unwrap().unwrap();
}
