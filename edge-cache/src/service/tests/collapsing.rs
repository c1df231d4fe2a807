//! Identical requests at one time.

use futures::future::join_all;
use futures::{FutureExt, join};

use super::harness::{Harness, Reply, read, streaming};
use crate::yielding::yield_to_others;

const FRESH: (&str, &str) = ("cache-control", "max-age=60");

#[test]
fn a_thousand_misses_at_once_are_one_forward() {
    let harness = Harness::new();
    let slow = harness.expect();
    pollster::block_on(async {
        let asking = join_all((0..1_000).map(|_| harness.send("GET", "/", &[])));
        let answering = async {
            let (response, pieces) = streaming(200, &[FRESH]);
            pieces.unbounded_send(Ok("hello".into())).unwrap();
            slow.send(Ok(response)).unwrap_or_else(|_| unreachable!());
        };
        let (replies, ()) = join!(asking, answering);
        let collapsed = replies.iter().flatten().filter(|reply| {
            assert_eq!(reply.text(), "hello");
            reply.field("cache-status").contains("collapsed")
        });
        assert_eq!(collapsed.count(), 999);
    });
    assert_eq!(harness.forwards(), 1);
}

/// Both have looked before the first one stored anything.
#[test]
fn a_response_that_was_stored_since_the_lookup_is_not_fetched_again() {
    let harness = Harness::new();
    harness.answer(200, &[FRESH], "hello");
    let mut late = Box::pin(harness.send_late("GET", "/", &[]));
    assert!(late.as_mut().now_or_never().is_none());
    assert_eq!(harness.get("/", &[]).text(), "hello");
    let reply = pollster::block_on(late).unwrap();
    assert_eq!(reply.text(), "hello");
    assert!(reply.is_hit());
    assert_eq!(harness.forwards(), 1);
}

#[test]
fn a_leader_whose_client_leaves_is_followed_by_one_other() {
    let harness = Harness::new();
    let _never = harness.expect();
    harness.answer(200, &[FRESH], "hello");
    pollster::block_on(async {
        let mut leader = Box::pin(harness.send("GET", "/", &[]));
        assert!(leader.as_mut().now_or_never().is_none());
        let mut followers = Box::pin(join_all((0..10).map(|_| harness.send("GET", "/", &[]))));
        assert!(followers.as_mut().now_or_never().is_none());
        drop(leader);
        for reply in followers.await {
            assert_eq!(reply.unwrap().text(), "hello");
        }
    });
    assert_eq!(harness.forwards(), 2);
}

#[test]
fn a_leader_that_fails_fails_for_nobody_else() {
    let harness = Harness::new();
    let slow = harness.expect();
    for _ in 0..9 {
        harness.answer(200, &[FRESH], "hello");
    }
    pollster::block_on(async {
        let asking = join_all((0..10).map(|_| harness.send("GET", "/", &[])));
        let failing = async { drop(slow) };
        let (replies, ()) = join!(asking, failing);
        assert!(replies[0].is_err());
        let answered = replies
            .iter()
            .flatten()
            .filter(|reply| reply.text() == "hello");
        assert_eq!(answered.count(), 9);
    });
}

#[test]
fn a_follower_waits_a_short_time_for_a_leader_that_does_not_answer() {
    let harness = Harness::new().on_a_running_clock();
    let never = harness.expect();
    for _ in 0..5 {
        harness.answer(200, &[FRESH], "hello");
    }
    pollster::block_on(async {
        let mut leader = Box::pin(harness.send("GET", "/", &[]));
        assert!(leader.as_mut().now_or_never().is_none());
        let followers = join_all((0..5).map(|_| harness.send("GET", "/", &[])));
        for reply in followers.await {
            assert_eq!(reply.unwrap().text(), "hello");
        }
        drop(never);
        assert!(leader.await.is_err());
    });
    // What the first of them has brought is there for the others.
    assert!(harness.forwards() >= 2);
}

#[test]
fn a_follower_waits_for_several_lost_leaders_no_longer_than_for_one() {
    let harness = Harness::new().on_a_running_clock();
    let _never = [harness.expect(), harness.expect()];
    harness.answer(200, &[FRESH], "hello");
    pollster::block_on(async {
        let mut first = Box::pin(harness.send("GET", "/", &[]));
        let mut second = Box::pin(harness.send("GET", "/", &[]));
        let mut third = Box::pin(harness.send("GET", "/", &[]));
        for request in [&mut first, &mut second, &mut third] {
            assert!(request.as_mut().now_or_never().is_none());
        }
        drop(first);
        assert!(second.as_mut().now_or_never().is_none());
        assert_eq!(third.await.unwrap().text(), "hello");
    });
}

#[test]
fn nobody_waits_on_a_route_that_was_not_cacheable_whatever_the_url() {
    let harness = Harness::new();
    let on_route = harness.on_route(7);
    harness.answer(200, &[("cache-control", "private")], "a");
    on_route.get("/1", &[]);
    let _slow = harness.expect();
    harness.answer(200, &[("cache-control", "private")], "b");
    pollster::block_on(async {
        let mut first = Box::pin(on_route.send("GET", "/2", &[]));
        assert!(first.as_mut().now_or_never().is_none());
        assert_eq!(on_route.send("GET", "/2", &[]).await.unwrap().text(), "b");
    });
}

#[test]
fn a_route_is_waited_on_again_after_a_response_that_may_be_stored() {
    let harness = Harness::new();
    let on_route = harness.on_route(7);
    harness.answer(200, &[("cache-control", "private")], "a");
    on_route.get("/1", &[]);
    harness.answer(200, &[FRESH], "b");
    on_route.get("/2", &[]);
    let slow = harness.expect();
    pollster::block_on(async {
        let asking = join_all((0..3).map(|_| on_route.send("GET", "/3", &[])));
        let answering = async {
            let (response, pieces) = streaming(200, &[FRESH]);
            pieces.unbounded_send(Ok("for all".into())).unwrap();
            slow.send(Ok(response)).unwrap_or_else(|_| unreachable!());
        };
        let (replies, ()) = join!(asking, answering);
        let texts = replies.iter().flatten().map(Reply::text);
        assert!(texts.eq(["for all"; 3]));
    });
    assert_eq!(harness.forwards(), 3);
}

#[test]
fn what_is_stored_is_validated_once_also_on_a_route_that_was_not_cacheable() {
    let harness = Harness::new();
    let on_route = harness.on_route(7);
    harness.answer(200, &[FRESH, ("etag", "\"a\"")], "b");
    on_route.get("/2", &[]);
    harness.answer(200, &[("cache-control", "private")], "a");
    on_route.get("/1", &[]);
    harness.pass(100);
    let slow = harness.expect();
    pollster::block_on(async {
        let asking = join_all((0..3).map(|_| on_route.send("GET", "/2", &[])));
        let answering = async {
            let (response, _) = streaming(304, &[FRESH, ("etag", "\"a\"")]);
            slow.send(Ok(response)).unwrap_or_else(|_| unreachable!());
        };
        join!(asking, answering);
    });
    assert_eq!(harness.forwards(), 3);
}

#[test]
fn followers_of_a_response_that_is_not_for_them_forward_themselves() {
    let harness = Harness::new();
    let slow = harness.expect();
    for user in ["b", "c"] {
        harness.answer(200, &[("cache-control", "private")], user);
    }
    pollster::block_on(async {
        let asking = join_all((0..3).map(|_| harness.send("GET", "/", &[])));
        let answering = async {
            let (response, pieces) = streaming(200, &[("cache-control", "private")]);
            pieces.unbounded_send(Ok("a".into())).unwrap();
            slow.send(Ok(response)).unwrap_or_else(|_| unreachable!());
        };
        let (replies, ()) = join!(asking, answering);
        let mut texts: Vec<_> = replies
            .iter()
            .flatten()
            .map(|reply| reply.text().to_owned())
            .collect();
        texts.sort();
        assert_eq!(texts, ["a", "b", "c"]);
    });
}

#[test]
fn requests_for_what_was_not_for_others_last_time_do_not_wait() {
    let harness = Harness::new();
    harness.answer(200, &[("cache-control", "private")], "a");
    harness.get("/", &[]);
    let _slow = harness.expect();
    harness.answer(200, &[("cache-control", "private")], "b");
    pollster::block_on(async {
        let mut first = Box::pin(harness.send("GET", "/", &[]));
        assert!(first.as_mut().now_or_never().is_none());
        assert_eq!(harness.send("GET", "/", &[]).await.unwrap().text(), "b");
    });
}

#[test]
fn a_private_answer_to_authorization_does_not_keep_others_from_sharing_theirs() {
    let harness = Harness::new();
    harness.answer(200, &[("cache-control", "private")], "a");
    harness.get("/", &[("authorization", "Basic YTph")]);
    let slow = harness.expect();
    pollster::block_on(async {
        let asking = join_all((0..3).map(|_| harness.send("GET", "/", &[])));
        let answering = async {
            let (response, pieces) = streaming(200, &[FRESH]);
            pieces.unbounded_send(Ok("for all".into())).unwrap();
            slow.send(Ok(response)).unwrap_or_else(|_| unreachable!());
        };
        let (replies, ()) = join!(asking, answering);
        let texts = replies.iter().flatten().map(Reply::text);
        assert!(texts.eq(["for all"; 3]));
    });
    assert_eq!(harness.forwards(), 2);
}

#[test]
fn a_response_that_needs_validation_is_not_shared_rfc_9111_5_2_2_4() {
    let harness = Harness::new();
    let slow = harness.expect();
    let fields = [("cache-control", "no-cache"), ("etag", "\"a\"")];
    harness.answer(304, &[], "");
    pollster::block_on(async {
        let asking = join_all((0..2).map(|_| harness.send("GET", "/", &[])));
        let answering = async {
            let (response, pieces) = streaming(200, &fields);
            pieces.unbounded_send(Ok("a".into())).unwrap();
            drop(pieces);
            slow.send(Ok(response)).unwrap_or_else(|_| unreachable!());
        };
        let (replies, ()) = join!(asking, answering);
        assert!(replies.iter().flatten().all(|reply| reply.text() == "a"));
    });
    assert_eq!(harness.forwards(), 2);
}

/// Two of them ask for something that is too large to be stored, which shows only while it arrives.
#[test]
fn one_slow_reader_of_a_large_response_stops_no_other() {
    const PIECE: usize = 64 * 1024;
    let harness = Harness::with(|config| config.store.max_response_bytes = 4 * PIECE as u64);
    let slow_origin = harness.expect();
    pollster::block_on(async {
        let both = async {
            join!(
                harness.begin("GET", "/", &[]),
                harness.begin("GET", "/", &[])
            )
        };
        let (response, pieces) = streaming(200, &[FRESH]);
        let answering = async {
            slow_origin
                .send(Ok(response))
                .unwrap_or_else(|_| unreachable!());
        };
        let ((fast, slow), ()) = join!(both, answering);
        let (fast, slow) = (fast.unwrap(), slow.unwrap());
        let sending = async {
            for _ in 0..64 {
                pieces.unbounded_send(Ok(vec![0; PIECE].into())).unwrap();
                yield_to_others(1).await;
            }
            drop(pieces);
        };
        let arriving = fast.background.unwrap();
        let (content, (), ()) = join!(read(fast.response.into_body()), arriving, sending);
        assert_eq!(content.unwrap().len(), 64 * PIECE);
        assert!(read(slow.response.into_body()).await.is_err());
    });
    assert_eq!(harness.forwards(), 1);
}

#[test]
fn what_was_too_large_last_time_is_not_shared_until_its_length_is_known() {
    let harness = Harness::with(|config| config.store.max_response_bytes = 1_000);
    let large = "x".repeat(2_000);
    harness.answer(200, &[FRESH], &large);
    assert_eq!(harness.get("/", &[]).text(), large);
    for _ in 0..2 {
        let _slow = harness.expect();
        harness.answer(200, &[FRESH], &large);
        pollster::block_on(async {
            let mut first = Box::pin(harness.send("GET", "/", &[]));
            assert!(first.as_mut().now_or_never().is_none());
            assert_eq!(harness.send("GET", "/", &[]).await.unwrap().text(), large);
        });
    }
}

#[test]
fn what_is_being_passed_through_takes_no_room_from_what_arrives() {
    let harness = Harness::with(|config| {
        config.store = crate::store::StoreConfig::new(1 << 20, std::num::NonZeroUsize::MIN);
        config.store.max_response_bytes = 1 << 16;
    });
    let (response, pieces) = streaming(200, &[FRESH]);
    harness
        .expect()
        .send(Ok(response))
        .unwrap_or_else(|_| unreachable!());
    harness.answer(200, &[FRESH], "small");
    pollster::block_on(async {
        let endless = harness.send("GET", "/endless", &[]);
        let mut endless = Box::pin(endless);
        for _ in 0..100 {
            pieces.unbounded_send(Ok(vec![0; 10_000].into())).unwrap();
            assert!(endless.as_mut().now_or_never().is_none());
        }
        harness.send("GET", "/small", &[]).await.unwrap();
        assert!(harness.send("GET", "/small", &[]).await.unwrap().is_hit());
    });
}
