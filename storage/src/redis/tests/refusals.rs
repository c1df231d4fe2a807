//! A server that answers, but refuses: it loads its data, cannot write its snapshot, or has another password now.

use std::thread;

use super::{far, open, options, returned, store, within};
use crate::failure::EngineFailure;
use crate::kv::{Error, Stores};
use crate::shared::Level;
use crate::sql::open::RedisOptions;
use crate::test_redis::Server;
use crate::test_wait::until;

/// The words of a refusal after which a retry is safe, because nothing was changed.
fn words<T: std::fmt::Debug>(answer: Result<T, Error>) -> String {
    let error = answer.expect_err("the server refuses");
    let failure = error.engine_failure().unwrap();
    assert!(
        matches!(failure, EngineFailure::Unavailable { .. }),
        "{failure}"
    );
    assert!(failure.retry_is_safe());
    failure.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn server_that_loads_its_data_fails_calls_until_it_has_them() {
    let server = Server::with(&[
        "rdbcompression no",
        "enable-debug-command yes",
        "key-load-delay 1000",
        "loading-process-events-interval-bytes 1024",
    ]);
    let store = store(&server);
    for number in 0..2_000 {
        let key = format!("{number:04}");
        store.set(&key, vec![7; 100], far()).await.unwrap();
    }
    thread::scope(|scope| {
        // It answers when it has loaded all, as at a start.
        let loading = scope.spawn(|| server.ask(&["DEBUG", "RELOAD"]));
        let runtime = tokio::runtime::Handle::current();
        tokio::task::block_in_place(|| {
            runtime.block_on(async {
                let refused = until("it loads", async || {
                    let get = store.get("0000", within(1)).await;
                    get.is_err().then_some(get)
                });
                assert!(words(refused.await).contains("LOADING"));
                assert!(words(store.set("new", vec![1], far()).await).contains("LOADING"));
            });
        });
        // Who opens the stores now waits for it.
        let opened = open(&server.url()).unwrap().store("default");
        assert_eq!(loading.join().unwrap(), "OK");
        tokio::task::block_in_place(|| {
            let get = runtime.block_on(opened.get("1999", far()));
            assert_eq!(get, Ok(Some(vec![7; 100])));
        });
    });
    assert_eq!(returned(&store, "0000").await, Some(vec![7; 100]));
    store.set("new", vec![1], far()).await.unwrap();
}

#[tokio::test]
async fn server_that_cannot_write_its_snapshot_takes_no_changes_and_answers_reads() {
    let server = Server::with(&["save 3600 1000000", "enable-debug-command yes"]);
    let store = store(&server);
    store.set("key", vec![1], far()).await.unwrap();
    let level = Level::open(&server.url(), "app", [1; 32], &RedisOptions::default()).unwrap();
    level.follow(0).await.unwrap();
    // A folder is where its file should be.
    let snapshot = server.socket().with_file_name("dump.rdb");
    std::fs::create_dir(&snapshot).unwrap();
    std::fs::write(snapshot.join("file"), "").unwrap();
    let _ = server.ask(&["BGSAVE"]);
    let refused = until("the snapshot fails", async || {
        let set = store.set("key", vec![2], far()).await;
        set.is_err().then_some(set)
    });
    assert!(words(refused.await).contains("MISCONF"));
    assert!(words(store.increment("n", 1, far()).await).contains("MISCONF"));
    assert!(store.get("key", far()).await.is_ok());
    let followed = level.follow(0).await;
    assert!(followed.is_err(), "it takes no invalidations: {followed:?}");
    std::fs::remove_file(snapshot.join("file")).unwrap();
    std::fs::remove_dir(&snapshot).unwrap();
    let _ = server.ask(&["BGSAVE"]);
    until("the snapshot succeeds", async || {
        store.set("key", vec![3], far()).await.ok()
    })
    .await;
    level.follow(0).await.unwrap();
}

#[tokio::test]
async fn password_that_the_server_no_longer_has_is_named() {
    let mut server = Server::with(&["requirepass old"]);
    let with = |password: &str| RedisOptions {
        password: Some(password.to_owned()),
        ..options()
    };
    let stores = Stores::open_redis(&server.url(), "app", &with("old")).unwrap();
    let store = stores.store("default");
    store.set("key", vec![1], far()).await.unwrap();
    server.kill();
    server.set("requirepass new");
    server.restart();
    let refused = until("it is reached", async || {
        let error = store.get("key", far()).await.unwrap_err().to_string();
        (error.contains("WRONGPASS") || error.contains("assword")).then_some(error)
    });
    assert!(!refused.await.contains("old"));
    server.kill();
    server.set("requirepass old");
    server.restart();
    assert_eq!(returned(&store, "key").await, None);
}
