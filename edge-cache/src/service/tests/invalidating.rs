//! What writes and operators make outdated.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use super::harness::{Harness, streaming};
use crate::rules::groups::CacheGroup;
use crate::rules::key::CacheKey;
use crate::store::{Purge, PurgeMode};

const FRESH: (&str, &str) = ("cache-control", "max-age=60");

fn fill(harness: &Harness, path: &str, groups: &str) {
    harness.answer(200, &[FRESH, ("cache-groups", groups)], path);
    harness.get(path, &[]);
}

#[test]
fn an_unsafe_request_that_succeeds_invalidates_its_target_rfc_9111_4_4() {
    let harness = Harness::new();
    for path in ["/a", "/b", "/c"] {
        fill(&harness, path, "");
    }
    harness.answer(500, &[], "");
    harness.request("PUT", "/a", &[]);
    assert!(harness.get("/a", &[]).is_hit());
    harness.answer(200, &[("location", "/b")], "");
    harness.request("PUT", "/a", &[]);
    for path in ["/a", "/b"] {
        harness.answer(200, &[], "new");
        assert_eq!(harness.get(path, &[]).text(), "new");
    }
    assert!(harness.get("/c", &[]).is_hit());
}

#[test]
fn a_group_is_invalidated_by_the_response_to_an_unsafe_request_rfc_9875_3() {
    let harness = Harness::new();
    fill(&harness, "/a", "\"one\"");
    fill(&harness, "/b", "\"one\", \"two\"");
    fill(&harness, "/c", "\"two\"");
    harness.answer(200, &[("cache-group-invalidation", "\"one\"")], "");
    harness.get("/safe", &[]);
    assert!(harness.get("/a", &[]).is_hit(), "GET changes nothing");
    harness.answer(204, &[("cache-group-invalidation", "\"one\"")], "");
    harness.request("POST", "/d", &[]);
    for path in ["/a", "/b"] {
        harness.answer(200, &[], "new");
        assert_eq!(harness.get(path, &[]).text(), "new");
    }
    assert!(harness.get("/c", &[]).is_hit());
}

#[test]
fn a_response_from_before_a_write_is_not_stored_after_it() {
    let harness = Harness::new();
    let slow = harness.expect();
    pollster::block_on(async {
        let reading = async {
            let reply = harness.send("GET", "/a", &[]).await.unwrap();
            assert_eq!(reply.text(), "old");
        };
        let writing = async {
            harness.answer(200, &[], "");
            harness.send("PUT", "/a", &[]).await.unwrap();
            let (response, pieces) = streaming(200, &[FRESH]);
            pieces.unbounded_send(Ok("old".into())).unwrap();
            slow.send(Ok(response)).unwrap_or_else(|_| unreachable!());
        };
        futures::join!(reading, writing);
    });
    harness.answer(200, &[FRESH], "new");
    assert_eq!(harness.get("/a", &[]).text(), "new");
}

#[test]
fn who_comes_after_a_write_does_not_follow_who_came_before_it() {
    let harness = Harness::new();
    let slow = harness.expect();
    pollster::block_on(async {
        let before = harness.send("GET", "/a", &[]);
        let after = async {
            harness.answer(200, &[], "");
            harness.send("PUT", "/a", &[]).await.unwrap();
            harness.answer(200, &[FRESH], "new");
            let (response, pieces) = streaming(200, &[FRESH]);
            pieces.unbounded_send(Ok("old".into())).unwrap();
            let reading = harness.send("GET", "/a", &[]);
            let letting = async {
                drop(pieces);
                slow.send(Ok(response)).unwrap_or_else(|_| unreachable!());
            };
            futures::join!(reading, letting).0
        };
        let (before, after) = futures::join!(before, after);
        assert_eq!(before.unwrap().text(), "old");
        assert_eq!(after.unwrap().text(), "new");
    });
}

#[test]
fn a_soft_purge_leaves_what_may_be_validated_or_stand_in() {
    let harness = Harness::new();
    harness.answer(
        200,
        &[FRESH, ("etag", "\"a\""), ("cache-tag", "t")],
        "hello",
    );
    harness.get("/a", &[]);
    let tag = Purge::Group {
        origin: None,
        group: CacheGroup::new("t"),
    };
    assert_eq!(harness.cache.purge(&tag, PurgeMode::Soft), 1);
    harness.answer(304, &[FRESH], "");
    assert_eq!(harness.get("/a", &[]).text(), "hello");
    assert_eq!(harness.sent("if-none-match").unwrap(), "\"a\"");
    assert!(harness.get("/a", &[]).is_hit());
    assert_eq!(harness.cache.purge(&tag, PurgeMode::Hard), 1);
    harness.answer(200, &[], "new");
    assert_eq!(harness.get("/a", &[]).text(), "new");
}

/// Another cache may ask this one.
#[test]
fn what_a_soft_purge_marked_is_told_to_be_stale() {
    let harness = Harness::new();
    let fields = [(
        "cache-control",
        "max-age=60, stale-while-revalidate=60, stale-if-error=60",
    )];
    harness.answer(200, &fields, "old");
    assert_eq!(harness.get("/", &[]).field("age"), "0");
    harness.cache.purge(&Purge::All, PurgeMode::Soft);
    harness.answer(200, &fields, "new");
    let stale = harness.get("/", &[]);
    assert_eq!((stale.text(), stale.field("age")), ("old", "60"));
    let renewed = harness.get("/", &[]);
    assert_eq!((renewed.text(), renewed.field("age")), ("new", "0"));
    harness.cache.purge(&Purge::All, PurgeMode::Soft);
    harness.fail();
    assert_eq!(harness.get("/", &[]).field("age"), "60");
}

/// A cache with `count` responses of the group `t`, besides one that is in no group.
fn with_a_group_of(count: usize) -> Harness {
    let harness = Harness::new();
    for number in 0..count {
        fill(&harness, &format!("/{number}"), "\"t\"");
    }
    fill(&harness, "/other", "");
    harness
}

/// Hard, of the group `t`.
fn group() -> Purge {
    Purge::Group {
        origin: None,
        group: CacheGroup::new("t"),
    }
}

#[test]
fn a_large_purge_gives_others_their_turn() {
    let harness = with_a_group_of(1_000);
    let group = [group()];
    let mut purge = pin!(harness.cache.purge_yielding(&group, PurgeMode::Hard));
    let mut context = Context::from_waker(Waker::noop());
    let mut left = vec![1_001];
    let purged = loop {
        let turn = purge.as_mut().poll(&mut context);
        left.push(harness.cache.store_statistics().entries);
        // It is this thread's turn.
        assert!(harness.get("/other", &[]).is_hit());
        if let Poll::Ready(purged) = turn {
            break purged;
        }
    };
    assert_eq!((purged, left.last()), (1_000, Some(&1)));
    assert!(
        left.len() > 3 && left.is_sorted_by(|more, fewer| more >= fewer),
        "{left:?}"
    );
}

#[test]
fn purges_that_are_dropped_are_done_at_once() {
    let harness = with_a_group_of(1_000);
    let other = CacheKey::new(&"http://h/other".parse().unwrap());
    let all = [group(), Purge::Url(other.unwrap())];
    let mut purge = Box::pin(harness.cache.purge_yielding(&all, PurgeMode::Hard));
    let mut context = Context::from_waker(Waker::noop());
    assert!(purge.as_mut().poll(&mut context).is_pending());
    assert!(harness.cache.store_statistics().entries > 1);
    drop(purge);
    assert_eq!(harness.cache.store_statistics().entries, 0);
}
