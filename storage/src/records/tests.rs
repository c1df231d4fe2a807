//! Records on a real server.

use super::*;
use crate::clock;
use crate::test_redis::Server as Redis;

const LONG: Duration = Duration::from_secs(60);

fn open(server: &Redis) -> Records {
    Records::open(&server.url(), &RedisOptions::default()).unwrap()
}

fn far() -> Instant {
    clock::now() + Duration::from_secs(30)
}

#[tokio::test]
async fn texts_are_shared_until_they_expire() {
    let server = Redis::start();
    let (one, two) = (open(&server), open(&server));
    assert_eq!(one.get("a", far()).await, Ok(None));
    one.set("a", "text\r\n", LONG, far()).await.unwrap();
    assert_eq!(two.get("a", far()).await, Ok(Some("text\r\n".to_owned())));
    let left: u64 = server.ask(&["PTTL", "terrace:acme:a"]).parse().unwrap();
    assert!(left > 50_000 && left <= 60_000, "{left}");
    two.set("a", "", Duration::ZERO, far()).await.unwrap();
    while one.get("a", far()).await.unwrap().is_some() {
        tokio::task::yield_now().await;
    }
    assert_eq!(server.ask(&["LPUSH", "terrace:acme:b", "1"]), "1");
    assert!(one.get("b", far()).await.is_err());
}

#[tokio::test]
async fn lease_has_one_holder_and_passes_on_when_that_is_silent() {
    let server = Redis::start();
    let (one, two) = (open(&server), open(&server));
    let take = async |records: &Records, id: &str, time| {
        records.take_lease("lease", id, time, far()).await.unwrap()
    };
    assert!(take(&one, "1", LONG).await);
    assert!(take(&one, "1", LONG).await, "it is extended");
    assert!(!take(&two, "2", LONG).await);
    two.give_back("lease", "2", far()).await.unwrap();
    assert!(!take(&two, "2", LONG).await, "it was not theirs to give");
    one.give_back("lease", "1", far()).await.unwrap();
    assert!(take(&two, "2", Duration::from_millis(50)).await);
    while !take(&one, "1", LONG).await {
        tokio::task::yield_now().await;
    }
}

/// The rights that the documentation names.
#[tokio::test]
async fn user_with_few_rights_can_keep_records() {
    let server = Redis::start();
    let url = server.url_with("~terrace:acme:* +get +set +eval +del");
    let records = Records::open(&url, &RedisOptions::default()).unwrap();
    records.set("a", "b", LONG, far()).await.unwrap();
    assert!(records.take_lease("l", "1", LONG, far()).await.unwrap());
    records.give_back("l", "1", far()).await.unwrap();
}
