//! Caches that share a level.

use std::pin::pin;

use futures::future::select;

use super::harness::{Harness, streaming};
use crate::Told;
use crate::rules::groups::CacheGroup;
use crate::store::{LogPosition, MemoryLevel, Mood, Purge, PurgeMode};
use crate::yielding::yield_to_others;

const FRESH: (&str, &str) = ("cache-control", "max-age=60");
const FRESH_OF_GROUP: [(&str, &str); 3] = [FRESH, ("cache-groups", "\"g\""), ("etag", "\"a\"")];
const MODES: [PurgeMode; 2] = [PurgeMode::Soft, PurgeMode::Hard];

/// All the ways to purge `/a`.
fn purges() -> [Purge; 4] {
    let key = crate::rules::key::CacheKey::new(&"http://h/a".parse().unwrap());
    [
        Purge::Url(key.unwrap()),
        Purge::Prefix("http://h/".into()),
        Purge::Group {
            origin: None,
            group: CacheGroup::new("g"),
        },
        Purge::All,
    ]
}

fn two() -> (MemoryLevel, Harness, Harness) {
    let level = MemoryLevel::default();
    let (one, other) = (Harness::over(&level), Harness::over(&level));
    (level, one, other)
}

#[test]
fn what_one_cache_has_stored_another_serves() {
    let (_, one, other) = two();
    one.answer(200, &[FRESH], "hello");
    let reply = one.get("/a", &[]);
    assert_eq!(
        reply.field("cache-status"),
        "T; fwd=uri-miss; fwd-status=200; stored"
    );
    other.pass(10);
    let reply = other.get("/a", &[]);
    assert_eq!(reply.text(), "hello");
    assert_eq!(reply.field("age"), "10");
    assert_eq!(
        reply.field("cache-status"),
        "T; hit; ttl=50; detail=shared-level"
    );
    assert_eq!(other.get("/a", &[]).field("cache-status"), "T; hit; ttl=50");
    let statistics = other.cache.statistics();
    assert_eq!((statistics.hits, statistics.shared_hits), (2, 1));
    assert_eq!(one.cache.statistics().shared_misses, 1);
}

#[test]
fn only_if_cached_is_answered_by_the_shared_level() {
    let (_, one, other) = two();
    one.answer(200, &[FRESH], "hello");
    one.get("/a", &[]);
    let only = [("cache-control", "only-if-cached")];
    assert_eq!(other.get("/a", &only).text(), "hello");
    assert_eq!(other.get("/b", &only).status, 504);
}

#[test]
fn variants_of_the_shared_level_answer_their_own_requests() {
    let (_, one, other) = two();
    for language in ["en", "de"] {
        one.answer(200, &[FRESH, ("vary", "accept-language")], language);
        one.get("/a", &[("accept-language", language)]);
    }
    for language in ["en", "de"] {
        let reply = other.get("/a", &[("accept-language", language)]);
        assert_eq!((reply.text(), reply.is_hit()), (language, true));
    }
}

#[test]
fn what_is_private_does_not_get_there() {
    let (_, one, other) = two();
    one.answer(200, &[("cache-control", "private, max-age=60")], "mine");
    one.get("/a", &[]);
    other.answer(200, &[FRESH], "for all");
    assert_eq!(other.get("/a", &[]).text(), "for all");
}

#[test]
fn what_one_cache_purges_another_does_not_bring_back() {
    for what in purges() {
        for mode in MODES {
            let (_, one, other) = two();
            one.answer(200, &FRESH_OF_GROUP, "old");
            one.get("/a", &[]);
            one.cache.purge(&what, mode);
            pollster::block_on(one.cache.tell_shared_level());
            other.answer(200, &FRESH_OF_GROUP, "new");
            assert_eq!(other.get("/a", &[]).text(), "new", "{what:?} {mode:?}");
            let validator = (mode == PurgeMode::Soft).then(|| "\"a\"".to_owned());
            assert_eq!(other.sent("if-none-match"), validator, "{what:?}");
        }
    }
}

#[test]
fn what_one_cache_purges_another_that_follows_does_not_serve_from_memory() {
    for what in purges() {
        for mode in MODES {
            let (_, one, other) = two();
            one.answer(200, &FRESH_OF_GROUP, "old");
            one.get("/a", &[]);
            assert_eq!(other.get("/a", &[]).text(), "old");
            one.cache.purge(&what, mode);
            pollster::block_on(async {
                one.cache.tell_shared_level().await;
                let following = pin!(other.cache.follow_shared_level());
                select(following, pin!(yield_to_others(2))).await;
            });
            other.answer(200, &FRESH_OF_GROUP, "new");
            assert_eq!(other.get("/a", &[]).text(), "new", "{what:?} {mode:?}");
        }
    }
}

#[test]
fn a_write_through_one_cache_invalidates_for_the_other() {
    let (_, one, other) = two();
    one.answer(200, &FRESH_OF_GROUP, "old");
    one.get("/a", &[]);
    one.answer(204, &[("cache-group-invalidation", "\"g\"")], "");
    one.request("POST", "/b", &[]);
    other.answer(200, &FRESH_OF_GROUP, "new");
    assert_eq!(other.get("/a", &[]).text(), "new");
}

#[test]
fn what_was_on_its_way_when_it_was_purged_is_not_shared() {
    for purged_by_the_other in [false, true] {
        let (_, one, other) = two();
        let slow = one.expect();
        pollster::block_on(async {
            let asking = one.send("GET", "/a", &[]);
            let purging = async {
                let purger = if purged_by_the_other { &other } else { &one };
                purger.cache.purge(&Purge::All, PurgeMode::Hard);
                purger.cache.tell_shared_level().await;
                let (response, pieces) = streaming(200, &[FRESH]);
                pieces.unbounded_send(Ok("old".into())).unwrap();
                slow.send(Ok(response)).unwrap_or_else(|_| unreachable!());
            };
            assert_eq!(futures::join!(asking, purging).0.unwrap().text(), "old");
        });
        other.answer(200, &[FRESH], "new");
        assert_eq!(other.get("/a", &[]).text(), "new");
    }
}

#[test]
fn a_purge_that_the_level_missed_is_told_before_anything_is_read_from_it() {
    for mood in [Mood::Fails, Mood::Hangs] {
        let (level, one, other) = two();
        one.answer(200, &[FRESH], "old");
        one.get("/a", &[]);
        level.is_in(mood);
        one.cache.purge(&Purge::All, PurgeMode::Hard);
        pollster::block_on(one.cache.tell_shared_level());
        assert_eq!(one.cache.statistics().shared_failures, 1);
        level.is_in(Mood::Answers);
        one.answer(200, &[FRESH], "new");
        assert_eq!(one.get("/a", &[]).text(), "new");
        assert_eq!(other.get("/a", &[]).text(), "new");
    }
}

#[test]
fn more_purges_than_are_remembered_become_one_of_everything() {
    let (level, one, other) = two();
    one.answer(200, &[FRESH], "old");
    one.get("/a", &[]);
    level.is_in(Mood::Fails);
    let unrelated = Purge::Prefix("http://other/".into());
    for _ in 0..300 {
        one.cache.purge(&unrelated, PurgeMode::Soft);
    }
    level.is_in(Mood::Answers);
    pollster::block_on(one.cache.tell_shared_level());
    other.answer(200, &[FRESH], "new");
    assert_eq!(other.get("/a", &[]).text(), "new");
}

#[test]
fn a_level_that_fails_or_hangs_costs_its_deadline_and_nothing_else() {
    for mood in [Mood::Fails, Mood::Hangs] {
        let (level, one, _) = two();
        level.is_in(mood);
        one.answer(200, &[FRESH], "hello");
        let reply = one.get("/a", &[]);
        assert_eq!(
            reply.field("cache-status"),
            "T; fwd=uri-miss; fwd-status=200; stored; detail=shared-level-failed"
        );
        assert!(one.get("/a", &[]).is_hit());
        one.answer(204, &[], "");
        assert_eq!(one.request("PUT", "/a", &[]).status, 204);
        one.answer(200, &[FRESH], "new");
        assert_eq!(one.get("/a", &[]).text(), "new");
        assert_eq!(one.cache.statistics().shared_failures, 3);
    }
}

#[test]
fn a_write_says_where_its_purges_are_in_the_log_or_that_nobody_knows() {
    let (level, one, _) = two();
    for (mood, number) in [
        (Mood::Answers, Some(1)),
        (Mood::Fails, None),
        (Mood::Answers, Some(3)),
    ] {
        level.is_in(mood);
        one.answer(200, &[], "");
        let served = pollster::block_on(one.begin("POST", "/a", &[])).unwrap();
        let told = match number {
            None => Told::Unconfirmed,
            Some(number) => Told::Confirmed(LogPosition {
                log: "memory".into(),
                number,
            }),
        };
        assert_eq!(served.told, Some(told));
        one.answer(200, &[], "");
        let read = pollster::block_on(one.begin("GET", "/a", &[])).unwrap();
        assert_eq!(read.told, None);
    }
}

#[test]
fn while_the_purges_of_others_do_not_arrive_nothing_in_memory_is_fresh() {
    let (level, one, _) = two();
    one.answer(200, &FRESH_OF_GROUP, "old");
    one.get("/a", &[]);
    assert!(one.get("/a", &[]).is_hit());
    level.is_unheard(true);
    level.is_in(Mood::Fails);
    one.answer(200, &FRESH_OF_GROUP, "new");
    assert_eq!(one.get("/a", &[]).text(), "new");
    // The origin is gone as well, and it may be served stale.
    one.fail();
    assert_eq!(one.get("/a", &[]).text(), "new");
    level.is_unheard(false);
    assert!(one.get("/a", &[]).is_hit());
}

#[test]
fn a_response_that_was_validated_is_fresh_for_the_other() {
    let (_, one, other) = two();
    let fields = [FRESH, ("etag", "\"a\"")];
    one.answer(200, &fields, "hello");
    one.get("/a", &[]);
    one.pass(100);
    one.answer(304, &fields, "");
    assert_eq!(one.get("/a", &[]).text(), "hello");
    other.pass(110);
    let reply = other.get("/a", &[]);
    assert_eq!(
        (reply.text(), reply.field("cache-status")),
        ("hello", "T; hit; ttl=50; detail=shared-level")
    );
}

#[test]
fn what_is_stale_in_memory_may_be_fresh_in_the_level() {
    let (_, one, other) = two();
    for version in ["old", "new"] {
        one.answer(200, &[FRESH], version);
        one.get("/a", &[]);
        assert_eq!(other.get("/a", &[]).text(), version);
        one.pass(100);
        other.pass(100);
    }
    assert_eq!(other.forwards(), 0);
}

#[test]
fn followers_of_who_finds_it_in_the_level_get_it_too() {
    let (_, one, other) = two();
    one.answer(200, &[FRESH], "hello");
    one.get("/a", &[]);
    pollster::block_on(async {
        let asking = (0..10).map(|_| other.send("GET", "/a", &[]));
        let replies = futures::future::join_all(asking).await;
        assert!(
            replies
                .iter()
                .flatten()
                .all(|reply| reply.text() == "hello")
        );
    });
    assert_eq!(other.forwards(), 0);
    assert_eq!(other.cache.statistics().shared_hits, 1);
}

#[test]
fn a_write_with_a_url_too_long_for_a_key_invalidates_what_its_response_names() {
    let long = format!("/write?{}", "x".repeat(9_000));
    for (path, named) in [
        ("/a", ("location", "/a")),
        ("/b", ("cache-group-invalidation", "\"g\"")),
    ] {
        let (_, one, other) = two();
        one.answer(200, &FRESH_OF_GROUP, "old");
        one.get(path, &[]);
        one.answer(204, &[named], "");
        one.request("POST", &long, &[]);
        one.answer(200, &[FRESH], "new");
        assert_eq!(one.get(path, &[]).text(), "new", "{path}");
        assert_eq!(other.get(path, &[]).text(), "new", "{path} of the level");
    }
}

/// The whole memory holds some of them.
#[test]
fn what_memory_has_no_room_for_is_in_the_level() {
    let level = MemoryLevel::default();
    let harness = Harness::over_with(&level, |config| {
        config.store.capacity_bytes = 9_000;
        config.store.max_response_bytes = 9_000;
        config.store.shards = std::num::NonZeroUsize::MIN;
    });
    let content = "x".repeat(2_000);
    let paths = ["/a", "/b", "/c", "/d", "/e", "/f", "/g", "/h"];
    for path in paths {
        harness.answer(200, &[FRESH], &content);
        harness.get(path, &[]);
    }
    for path in paths {
        assert!(harness.get(path, &[]).is_hit(), "{path}");
    }
}
