//! Identical requests at one time.

use futures::future::join_all;
use futures::{FutureExt, join};

use super::harness::{Harness, Reply, streaming};

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
fn a_leader_that_fails_fails_for_its_followers() {
    let harness = Harness::new();
    let slow = harness.expect();
    pollster::block_on(async {
        let asking = join_all((0..10).map(|_| harness.send("GET", "/", &[])));
        let failing = async { drop(slow) };
        let (replies, ()) = join!(asking, failing);
        assert!(replies.iter().all(Result::is_err));
    });
    assert_eq!(harness.forwards(), 1);
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
