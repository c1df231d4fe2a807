//! Many reads in one pool. Some are slow, cancelled or late.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};

use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout_at;

use super::ReadPool;
use crate::EngineFailure;
use crate::sql::limits::MAX_LONG_READS;
use crate::sql::sqlite::connection::Connection;
use crate::sql::sqlite::counters::Counters;
use crate::sql::tests::harness::{ENDLESS, Engine, Fixture, far, run, soon};
use crate::sql::{Error, Rows};

const COUNT: &str = "SELECT count(*) FROM item";

async fn fixture() -> (Fixture, Arc<ReadPool>) {
    let fixture = Engine::Sqlite.with_items().await;
    let pool = Arc::clone(fixture.database.sqlite().pool());
    (fixture, pool)
}

fn read(sql: &'static str) -> impl FnOnce(&Connection) -> Result<Rows, Error> + Send + 'static {
    move |connection| {
        let read = connection.read(sql, &[], Counters::default());
        read.map(|(rows, _)| rows)
    }
}

/// Starts `work` on a thread of its own, and returns once it runs.
async fn started<T: Send + 'static>(
    pool: &Arc<ReadPool>,
    work: impl FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
) -> JoinHandle<Result<T, Error>> {
    let (begin, begun) = oneshot::channel();
    let pool = Arc::clone(pool);
    let work = move |connection: &Connection| {
        begin.send(()).unwrap();
        work(connection)
    };
    let reading = tokio::spawn(async move { pool.elsewhere(far(), work).await });
    timeout_at(far().into(), begun).await.unwrap().unwrap();
    reading
}

/// A read that runs until the sender is dropped.
async fn held(pool: &Arc<ReadPool>) -> (JoinHandle<Result<Rows, Error>>, Sender<()>) {
    let (release, held) = channel();
    let work = move |connection: &Connection| {
        // `recv` fails when the sender is dropped.
        held.recv().unwrap_err();
        read(COUNT)(connection)
    };
    (started(pool, work).await, release)
}

/// Starts as many held reads as may run at the same time.
async fn all_held(pool: &Arc<ReadPool>) -> Vec<(JoinHandle<Result<Rows, Error>>, Sender<()>)> {
    let mut all = Vec::new();
    for _ in 0..MAX_LONG_READS {
        all.push(held(pool).await);
    }
    all
}

#[tokio::test]
async fn long_reads_run_at_the_same_time() {
    let (_fixture, pool) = fixture().await;
    for (reading, release) in all_held(&pool).await {
        drop(release);
        reading.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn slow_read_holds_up_no_other() {
    let (fixture, pool) = fixture().await;
    let (slow, release) = held(&pool).await;
    run(&mut fixture.database.session(), COUNT).await.unwrap();
    pool.elsewhere(far(), read(COUNT)).await.unwrap();
    assert!(!slow.is_finished());
    drop(release);
    slow.await.unwrap().unwrap();
}

#[tokio::test]
async fn read_that_gets_no_turn_ends_at_its_deadline() {
    let (_fixture, pool) = fixture().await;
    let all = all_held(&pool).await;
    let late = pool.elsewhere(soon(), read(COUNT)).await;
    assert_eq!(late, Err(Error::Engine(EngineFailure::DeadlineExceeded)));
    drop(all);
    pool.elsewhere(far(), read(COUNT)).await.unwrap();
}

#[tokio::test]
async fn more_askers_than_readers_all_get_their_turn() {
    let (_fixture, pool) = fixture().await;
    let running = Arc::new(AtomicUsize::new(0));
    let asker = |_| {
        let (pool, running) = (Arc::clone(&pool), Arc::clone(&running));
        let work = move |connection: &Connection| {
            let beside = running.fetch_add(1, Ordering::SeqCst);
            let rows = read(COUNT)(connection);
            running.fetch_sub(1, Ordering::SeqCst);
            rows.map(|_| beside)
        };
        tokio::spawn(async move { pool.elsewhere(far(), work).await })
    };
    let askers: Vec<_> = (0..20 * MAX_LONG_READS).map(asker).collect();
    for asker in askers {
        let beside = asker.await.unwrap().unwrap();
        assert!(beside < MAX_LONG_READS, "{beside} others ran");
    }
    assert!(pool.idle().len() <= MAX_LONG_READS);
}

#[tokio::test]
async fn read_that_is_dropped_stops_and_makes_room() {
    let (_fixture, pool) = fixture().await;
    for _ in 0..MAX_LONG_READS {
        started(&pool, read(ENDLESS)).await.abort();
    }
    pool.elsewhere(far(), read(COUNT)).await.unwrap();
}

#[tokio::test]
async fn closing_refuses_those_who_wait_and_keeps_no_connection() {
    let (_fixture, pool) = fixture().await;
    let all = all_held(&pool).await;
    let waiting = tokio::spawn({
        let pool = Arc::clone(&pool);
        async move { pool.elsewhere(far(), read(COUNT)).await }
    });
    tokio::task::yield_now().await;
    pool.close();
    let closed = Err(Error::Engine(EngineFailure::Closed));
    assert_eq!(waiting.await.unwrap(), closed);
    assert_eq!(pool.here(far(), read(COUNT)), Some(closed));
    for (reading, release) in all {
        drop(release);
        reading.await.unwrap().unwrap();
    }
    assert!(pool.idle().is_empty());
}
