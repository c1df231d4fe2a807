//! Buckets on a real server.

use super::*;
use crate::clock;
use crate::registry::Registry;
use crate::sql::open::RedisOptions;
use crate::test_redis::Server as Redis;

fn open(server: &Redis) -> Buckets {
    let registry = Registry::open(&server.url(), &RedisOptions::default());
    registry.unwrap().buckets()
}

fn far() -> Instant {
    clock::now() + Duration::from_secs(30)
}

async fn take(buckets: &Buckets, name: &str, requests: u32, seconds: u64) -> Taken {
    let taken = buckets.take(name, requests, Duration::from_secs(seconds), far());
    taken.await.unwrap()
}

#[tokio::test]
async fn bucket_of_several_processes_has_room_for_its_requests_only() {
    let server = Redis::start();
    let processes = [open(&server), open(&server), open(&server)];
    let mut allowed = 0;
    for index in 0..60 {
        let taken = take(&processes[index % 3], "a", 20, 3_600).await;
        allowed += u32::from(taken.is_allowed);
        assert!(taken.until_empty <= Duration::from_secs(3_600));
    }
    assert_eq!(allowed, 20);
    assert!(take(&processes[0], "b", 20, 3_600).await.is_allowed);
}

#[tokio::test]
async fn bucket_empties_and_its_key_expires() {
    let server = Redis::start();
    let buckets = open(&server);
    assert!(take(&buckets, "a", 1, 3_600).await.is_allowed);
    assert!(!take(&buckets, "a", 1, 3_600).await.is_allowed);
    let left: u64 = server.ask(&["PTTL", &key("a")]).parse().unwrap();
    assert!(left > 3_000_000 && left <= 3_600_001, "{left}");
    for _ in 0..100 {
        take(&buckets, "b", 10_000, 1).await;
    }
    while server.ask(&["EXISTS", &key("b")]) == "1" {
        tokio::task::yield_now().await;
    }
    assert!(key("a").starts_with("terrace:rate:") && key("a") != key("b"));
}

#[tokio::test]
async fn keys_of_somebody_else_do_no_harm() {
    let server = Redis::start();
    let buckets = open(&server);
    assert_eq!(server.ask(&["SET", &key("a"), "text"]), "OK");
    assert!(take(&buckets, "a", 1, 60).await.is_allowed);
    assert_eq!(server.ask(&["LPUSH", &key("b"), "text"]), "1");
    let failed = buckets.take("b", 1, Duration::from_secs(60), far()).await;
    assert!(failed.is_err());
    assert_eq!(server.ask(&["LLEN", &key("b")]), "1");
}
