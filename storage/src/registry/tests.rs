//! The registry on a real server.

use super::*;
use crate::clock;
use crate::test_redis::Server as Redis;

const LONG: Duration = Duration::from_secs(60);

fn open(server: &Redis) -> Registry {
    Registry::open(&server.url(), &RedisOptions::default()).unwrap()
}

fn far() -> Instant {
    clock::now() + Duration::from_secs(30)
}

async fn read(registry: &Registry) -> Vec<(String, Option<String>)> {
    let there = registry.read(far()).await.unwrap().into_iter();
    there.map(|one| (one.id, one.text)).collect()
}

fn is(id: &str, text: &str) -> (String, Option<String>) {
    (id.to_owned(), Some(text.to_owned()))
}

fn left(id: &str) -> (String, Option<String>) {
    (id.to_owned(), None)
}

#[tokio::test]
async fn processes_see_each_other_until_they_leave() {
    let server = Redis::start();
    let (one, two) = (open(&server), open(&server));
    assert_eq!(read(&one).await, []);
    one.announce("1", "a {\"b\": 2}\r\n", LONG, far())
        .await
        .unwrap();
    two.announce("2", "c", LONG, far()).await.unwrap();
    two.announce("2", "d", LONG, far()).await.unwrap();
    let both = [is("1", "a {\"b\": 2}\r\n"), is("2", "d")];
    assert_eq!(read(&one).await, both);
    assert_eq!(read(&two).await, both);
    one.leave("1", LONG, far()).await.unwrap();
    one.announce("1", "too late", LONG, far()).await.unwrap();
    assert_eq!(read(&two).await, [left("1"), is("2", "d")]);
}

/// The server's clock decides: a process that is silent is gone after its time, and so is the note that one has left.
#[tokio::test]
async fn silent_processes_are_gone_after_their_time() {
    let server = Redis::start();
    let registry = open(&server);
    let short = Duration::from_millis(50);
    registry.announce("1", "a", short, far()).await.unwrap();
    registry.leave("2", short, far()).await.unwrap();
    registry.announce("3", "c", LONG, far()).await.unwrap();
    while read(&registry).await != [is("3", "c")] {
        tokio::task::yield_now().await;
    }
    registry.announce("3", "c", LONG, far()).await.unwrap();
    assert_eq!(server.ask(&["HLEN", KEY]), "1");
}

#[tokio::test]
async fn registry_of_nobody_expires_and_keys_of_others_stay() {
    let server = Redis::start();
    assert_eq!(server.ask(&["SET", "theirs", "1"]), "OK");
    let registry = open(&server);
    registry.announce("1", "a", LONG, far()).await.unwrap();
    let left: u64 = server.ask(&["PTTL", KEY]).parse().unwrap();
    assert!(left > 50_000 && left <= 60_000, "{left}");
    assert_eq!(server.ask(&["GET", "theirs"]), "1");
    assert_eq!(server.ask(&["DBSIZE"]), "2");
}

#[tokio::test]
async fn fields_of_somebody_else_do_no_harm() {
    let server = Redis::start();
    for (field, value) in [("a", "text"), ("b", ""), ("c", "-5 x"), ("d", "99")] {
        assert_eq!(server.ask(&["HSET", KEY, field, value]), "1");
    }
    let registry = open(&server);
    assert_eq!(read(&registry).await, []);
    registry.announce("1", "a", LONG, far()).await.unwrap();
    assert_eq!(read(&registry).await, [is("1", "a")]);
    assert_eq!(server.ask(&["HLEN", KEY]), "1");
    let other = Redis::start();
    assert_eq!(other.ask(&["SET", KEY, "theirs"]), "OK");
    let registry = open(&other);
    assert!(registry.announce("1", "a", LONG, far()).await.is_err());
    assert!(registry.read(far()).await.is_err());
    assert_eq!(other.ask(&["GET", KEY]), "theirs");
}

#[tokio::test]
async fn server_that_comes_late_or_comes_back_empty_is_found() {
    let mut server = Redis::start();
    server.kill();
    let registry = open(&server);
    let soon = clock::now() + Duration::from_secs(5);
    assert!(registry.read(soon).await.is_err());
    server.restart();
    while registry.announce("1", "a", LONG, far()).await.is_err() {
        tokio::task::yield_now().await;
    }
    assert_eq!(read(&registry).await, [is("1", "a")]);
    server.kill();
    server.restart();
    let there = loop {
        if let Ok(there) = registry.read(far()).await {
            break there;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(there, []);
}

/// The rights that the documentation names.
#[tokio::test]
async fn user_with_few_rights_can_announce_read_and_count() {
    let server = Redis::start();
    let rights = "~terrace:cluster:nodes ~terrace:rate:* +eval +time +hgetall +hset +hdel +pexpire +get +set";
    let url = server.url_with(rights);
    let registry = Registry::open(&url, &RedisOptions::default()).unwrap();
    registry.announce("1", "a", LONG, far()).await.unwrap();
    assert_eq!(read(&registry).await, [is("1", "a")]);
    registry.leave("1", LONG, far()).await.unwrap();
    let taken = registry.buckets().take("a", 1, LONG, far()).await;
    assert!(taken.unwrap().is_allowed);
}
