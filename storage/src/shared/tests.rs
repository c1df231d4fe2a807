//! The level on a real server: what is found, what is not any more, and what happens to it in an outage.

use std::time::{Duration, Instant};

use super::{
    Entry, Found, LOG_WAIT, Level, MAX_ENTRY_BYTES, MAX_VARIANTS, MAX_VARIANTS_BYTES, News,
    Position,
};
use crate::clock;
use crate::failure::EngineFailure;
use crate::sql::open::RedisOptions;
use crate::test_redis::Server;
use crate::test_redis::cluster::{Cluster, REPLICATED};
use crate::test_wait::until;

const HOUR: Duration = Duration::from_secs(3600);

fn open(server: &Server, owner: &str) -> Level {
    open_at(&server.url(), owner)
}

fn open_at(url: &str, owner: &str) -> Level {
    let secret = [owner.as_bytes()[0]; 32];
    Level::open(url, owner, secret, &RedisOptions::default()).unwrap()
}

fn far() -> Instant {
    clock::now() + Duration::from_secs(30)
}

fn within(seconds: u64) -> Instant {
    clock::now() + Duration::from_secs(seconds)
}

fn tags<const N: usize>(names: [&str; N]) -> Vec<String> {
    names.map(str::to_owned).to_vec()
}

fn entry(value: &str) -> Entry {
    Entry {
        variant: b"v".to_vec(),
        value: value.into(),
    }
}

async fn get(level: &Level) -> Found {
    level.get("key", &tags(["all"]), far()).await.unwrap()
}

async fn put(level: &Level, value: &str, since: u64) -> bool {
    let (fixed, own) = (tags(["all"]), tags(["group"]));
    let tags = (&fixed[..], &own[..]);
    let entry = entry(value);
    let put = level.put("key", tags, &entry, HOUR, since, far());
    put.await.unwrap()
}

/// Puts an entry as a request does, and asserts that it is found.
async fn keep(level: &Level, value: &str) {
    let since = get(level).await.generation;
    assert!(put(level, value, since).await);
    assert_eq!(get(level).await.entries, [entry(value)]);
}

async fn purge(level: &Level, tag: &str, message: &str) {
    let purges = [(tag.to_owned(), message.into())];
    let purged = level.purge(&purges, far());
    purged.await.unwrap();
}

/// Follows until there is news; gives the messages.
async fn news(level: &Level, generation: &mut u64) -> Option<Vec<Vec<u8>>> {
    loop {
        let news = level.follow(*generation).await.unwrap();
        *generation = news.generation;
        if news.messages != Some(Vec::new()) {
            return news.messages;
        }
    }
}

/// Follows until the server, which was restarted, answers.
async fn until_followed(level: &Level, seen: u64) -> News {
    until("the server is followed again", async || {
        match level.follow(seen).await {
            Ok(news) => return Some(news),
            Err(error) => assert!(
                matches!(error, EngineFailure::Unavailable { .. }),
                "{error}"
            ),
        }
        None
    })
    .await
}

#[tokio::test]
async fn what_one_puts_another_finds_until_one_of_its_tags_is_purged() {
    let server = Server::start();
    let (one, two) = (open(&server, "app"), open(&server, "app"));
    assert_eq!(get(&one).await.entries, []);
    for tag in ["all", "group"] {
        keep(&one, tag).await;
        assert_eq!(get(&two).await.entries, [entry(tag)]);
        purge(&two, "other", "").await;
        assert_eq!(get(&one).await.entries, [entry(tag)]);
        purge(&two, tag, "").await;
        assert_eq!(get(&one).await.entries, [], "{tag}");
        assert_eq!(get(&two).await.entries, [], "{tag}");
    }
    keep(&two, "again").await;
    let (other, since) = (open(&server, "other"), get(&two).await.generation);
    assert_eq!(get(&other).await.entries, []);
    two.set_owner("other");
    assert_eq!(get(&two).await.entries, []);
    assert!(!put(&two, "of the owner before", since).await);
    // Two versions of an app have one database.
    purge(&other, "all", "").await;
    assert_eq!(get(&one).await.entries, []);
}

#[tokio::test]
async fn what_was_made_before_a_purge_is_not_kept_after_it() {
    let server = Server::start();
    let level = open(&server, "app");
    let since = get(&level).await.generation;
    purge(&level, "group", "").await;
    assert!(!put(&level, "old", since).await);
    keep(&level, "new").await;
    // A tag that the server evicted says nothing of what was purged.
    assert_eq!(server.ask(&["FLUSHDB"]), "OK");
    assert!(!put(&level, "old", since).await);
    assert_eq!(get(&level).await.entries, []);
}

#[tokio::test]
async fn each_key_of_the_server_has_an_expiry() {
    let server = Server::start();
    let level = open(&server, "app");
    keep(&level, "value").await;
    purge(&level, "group", "message").await;
    level.follow(0).await.unwrap();
    let keys: i64 = server.ask(&["DBSIZE"]).parse().unwrap();
    assert_eq!(keys, 6, "number, log, secret, two tags, entry");
    let expiring = "local n = 0 for _, k in ipairs(redis.call('KEYS', 'terrace:cache:2:*')) do \
         if redis.call('TTL', k) > 0 then n = n + 1 end end return n";
    assert_eq!(server.ask(&["EVAL", expiring, "0"]), keys.to_string());
}

#[tokio::test]
async fn purges_are_followed_in_order_and_forgotten_ones_are_said() {
    let server = Server::start();
    let (one, two) = (open(&server, "app"), open(&server, "app"));
    let mut seen = 0;
    assert_eq!(news(&two, &mut seen).await, None, "it begins");
    for message in ["a", "b"] {
        purge(&one, "group", message).await;
    }
    assert_eq!(news(&two, &mut seen).await.unwrap().concat(), b"ab");
    let following = news(&two, &mut seen);
    let (told, ()) = tokio::join!(following, purge(&one, "group", "c"));
    assert_eq!(told.unwrap(), [b"c"]);
    let log =
        "local k = redis.call('KEYS', '*{log}s')[1] redis.call('XTRIM', k, 'MAXLEN', 0) return 1";
    let trim = || assert_eq!(server.ask(&["EVAL", log, "0"]), "1");
    purge(&one, "group", "d").await;
    trim();
    purge(&one, "group", "e").await;
    assert_eq!(news(&two, &mut seen).await, None, "d was trimmed");
    purge(&one, "group", "f").await;
    trim();
    assert_eq!(news(&two, &mut seen).await, None, "f was trimmed");
    for further in [0, 1] {
        purge(&one, "group", "g").await;
        assert_eq!(server.ask(&["FLUSHDB"]), "OK");
        for _ in 0..further {
            purge(&one, "group", "h").await;
        }
        assert_eq!(news(&two, &mut seen).await, None, "all was lost");
    }
}

#[tokio::test]
async fn server_that_was_restarted_has_nothing_and_says_so() {
    let mut server = Server::with(&["appendonly yes", "appendfsync always"]);
    let (one, two) = (open(&server, "app"), open(&server, "app"));
    let mut seen = 0;
    news(&two, &mut seen).await;
    keep(&one, "value").await;
    let since = get(&one).await.generation;
    server.kill();
    assert!(two.follow(seen).await.is_err());
    server.restart();
    // Whatever it lost was perhaps a purge.
    assert_eq!(until_followed(&two, seen).await.messages, None);
    let found = until("the server answers again", async || {
        one.get("key", &tags(["all"]), far()).await.ok()
    });
    assert_eq!(found.await.entries, []);
    assert!(!put(&one, "old", since).await);
    keep(&one, "new").await;
}

#[tokio::test]
async fn memory_is_current_only_while_the_log_is_heard() {
    let server = Server::start();
    let level = open(&server, "app");
    assert!(!level.is_followed());
    let begun = level.follow(0).await.unwrap();
    assert!(!level.is_followed(), "what it returned is not done yet");
    let next = level.follow(begun.generation).await.unwrap();
    assert_eq!(next.messages, Some(Vec::new()));
    assert!(level.is_followed());
    server.hang();
    assert!(level.follow(next.generation).await.is_err());
    assert!(!level.is_followed());
    server.go_on();
    let mut seen = next.generation;
    for _ in 0..2 {
        seen = level.follow(seen).await.unwrap().generation;
    }
    assert!(!level.is_followed(), "others may still have to tell");
    assert!(LOG_WAIT < Duration::from_secs(1));
}

#[tokio::test]
async fn server_without_room_for_purges_is_not_followed() {
    let server = Server::start();
    let level = open(&server, "app");
    let mut seen = level.follow(0).await.unwrap().generation;
    seen = level.follow(seen).await.unwrap().generation;
    assert_eq!(server.ask(&["CONFIG", "SET", "maxmemory", "1"]), "OK");
    let purges = [("group".to_owned(), Vec::new())];
    let purged = level.purge(&purges, far()).await;
    assert_eq!(purged, Err(EngineFailure::Full));
    assert_eq!(level.follow(seen).await, Err(EngineFailure::Full));
    assert_eq!(server.ask(&["CONFIG", "SET", "maxmemory", "0"]), "OK");
    purge(&level, "group", "told again").await;
    assert_eq!(news(&level, &mut seen).await.unwrap(), [b"told again"]);
}

#[tokio::test]
async fn user_needs_no_more_than_the_documented_rights() {
    let server = Server::start();
    let url = server.url_with("~terrace:cache:* +@read +@write +eval +info +time");
    let level = Level::open(&url, "app", [1; 32], &RedisOptions::default()).unwrap();
    keep(&level, "value").await;
    let mut seen = 0;
    news(&level, &mut seen).await;
    purge(&level, "group", "message").await;
    assert_eq!(news(&level, &mut seen).await.unwrap(), [b"message"]);
    assert_eq!(get(&level).await.entries, []);
}

#[tokio::test]
async fn place_in_the_log_is_reached_once_the_cache_has_done_what_it_says() {
    let mut server = Server::start();
    let (one, two) = (open(&server, "app"), open(&server, "app"));
    let mut seen = two.follow(0).await.unwrap().generation;
    seen = two.follow(seen).await.unwrap().generation;
    let purges = [("group".to_owned(), b"message".to_vec())];
    let place = one.purge(&purges, far()).await.unwrap();
    assert_eq!(news(&two, &mut seen).await.unwrap(), [b"message"]);
    let soon = clock::now() + Duration::from_millis(1);
    assert!(
        !two.reaches(&place, soon).await,
        "the cache may not have done it"
    );
    let (reached, _) = tokio::join!(two.reaches(&place, far()), two.follow(seen));
    assert!(reached);
    assert_eq!(two.position().unwrap(), place);
    assert!(!one.reaches(&place, far()).await, "it does not follow");
    let further = Position {
        number: place.number + 1,
        ..place.clone()
    };
    let soon = clock::now() + Duration::from_millis(1);
    assert!(!two.reaches(&further, soon).await);
    let other = Position {
        run: "another".into(),
        ..place.clone()
    };
    assert!(!two.reaches(&other, far()).await, "it waits for nothing");
    server.kill();
    assert!(two.reaches(&place, far()).await, "what was done stays done");
}

#[tokio::test]
async fn all_that_follow_have_one_secret_which_outlives_the_server() {
    let mut server = Server::start();
    let (one, two) = (open(&server, "one"), open(&server, "two"));
    assert_eq!((one.secret(), two.secret()), (None, None));
    for level in [&one, &two] {
        level.follow(0).await.unwrap();
        assert_eq!(level.secret(), Some([b'o'; 32]));
    }
    server.kill();
    server.restart();
    until_followed(&two, 0).await;
    let late = open(&server, "late");
    late.follow(0).await.unwrap();
    assert_eq!(late.secret(), two.secret());
}

#[tokio::test]
async fn entries_and_their_variants_are_bounded() {
    let server = Server::start();
    let level = open(&server, "app");
    let since = get(&level).await.generation;
    let large = "x".repeat(MAX_ENTRY_BYTES);
    assert!(!put(&level, &large, since).await);
    let put_variant = async |number: usize, bytes: usize| {
        let entry = Entry {
            variant: number.to_string().into_bytes(),
            value: vec![0; bytes],
        };
        let all = tags(["all"]);
        let tags = (&all[..], &[][..]);
        let put = level.put("key", tags, &entry, HOUR, since, far());
        assert!(put.await.unwrap());
        get(&level).await.entries.len()
    };
    for number in 0..MAX_VARIANTS {
        assert_eq!(put_variant(number, 0).await, number + 1);
    }
    assert_eq!(put_variant(0, 1).await, MAX_VARIANTS, "it replaces another");
    assert_eq!(put_variant(MAX_VARIANTS, 0).await, 1);
    let third = MAX_VARIANTS_BYTES / 3;
    assert_eq!(put_variant(0, third).await, 2);
    assert_eq!(put_variant(0, third + 1).await, 2);
    assert_eq!(put_variant(1, third).await, 3);
    assert_eq!(put_variant(2, third).await, 1);
}

/// Puts an entry under a key of its own, as a request does.
async fn keep_at(level: &Level, key: &str) -> bool {
    let all = tags(["all"]);
    let found = level.get(key, &all, far()).await.unwrap();
    let (tags, entry) = ((&all[..], &[][..]), entry(key));
    let put = level.put(key, tags, &entry, HOUR, found.generation, far());
    put.await.unwrap()
}

#[tokio::test]
async fn entries_are_on_all_servers_of_a_cluster_and_the_log_is_on_one() {
    let mut cluster = Cluster::start().await;
    assert_eq!(cluster.primary_of("{log}"), REPLICATED);
    let (one, two) = (
        open_at(&cluster.url(), "app"),
        open_at(&cluster.url(), "app"),
    );
    let mut seen = 0;
    news(&two, &mut seen).await;
    let keys: Vec<_> = (0..30).map(|number| number.to_string()).collect();
    let found = async |level: &Level| {
        let (mut found, all) = (0, tags(["all"]));
        for key in &keys {
            let at = level.get(key, &all, within(1)).await;
            found += at.map_or(0, |at| at.entries.len());
        }
        found
    };
    for key in &keys {
        assert!(keep_at(&one, key).await);
    }
    assert_eq!(found(&two).await, keys.len());
    purge(&one, "all", "message").await;
    assert_eq!(found(&two).await, 0);
    assert_eq!(news(&two, &mut seen).await.unwrap(), [b"message"]);
    for key in &keys {
        assert!(keep_at(&two, key).await);
    }
    // Its entries are out of reach, and nothing else is.
    cluster.servers[0].kill();
    let left = found(&one).await;
    assert!(left > 0 && left < keys.len(), "{left}");
    purge(&one, "all", "without one of them").await;
    assert_eq!(found(&two).await, 0);
    news(&two, &mut seen).await.unwrap();
    cluster.servers[0].restart();
    until("all servers are there again", async || {
        one.get(&keys[0], &tags(["all"]), within(1)).await.ok()
    })
    .await;
}

#[tokio::test]
async fn log_of_a_cluster_whose_server_was_replaced_begins_anew() {
    let mut cluster = Cluster::start().await;
    let (one, two) = (
        open_at(&cluster.url(), "app"),
        open_at(&cluster.url(), "app"),
    );
    let mut seen = 0;
    news(&two, &mut seen).await;
    keep(&one, "value").await;
    let since = get(&one).await.generation;
    cluster.servers[REPLICATED].kill();
    assert!(two.follow(seen).await.is_err());
    assert_eq!(until_followed(&two, seen).await.messages, None);
    let found = until("the replica is found", async || {
        one.get("key", &tags(["all"]), far()).await.ok()
    });
    assert_eq!(found.await.entries, []);
    assert!(!put(&one, "old", since).await);
    keep(&one, "new").await;
    seen = two.follow(seen).await.unwrap().generation;
    purge(&one, "group", "message").await;
    assert_eq!(news(&two, &mut seen).await.unwrap(), [b"message"]);
}
