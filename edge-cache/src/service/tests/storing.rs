//! What is stored and used again, and for whom.

use bytes::Bytes;

use super::harness::{Harness, read, streaming};
use crate::service::StoreOverride;

const FRESH: (&str, &str) = ("cache-control", "max-age=60");

#[test]
fn a_response_that_is_fresh_is_used_again_and_tells_its_age_rfc_9111_4() {
    let harness = Harness::new();
    harness.answer(200, &[FRESH, ("x-a", "1")], "hello");
    let first = harness.get("/", &[]);
    assert_eq!(
        first.field("cache-status"),
        "T; fwd=uri-miss; fwd-status=200; stored"
    );
    harness.pass(7);
    let second = harness.get("/", &[]);
    assert_eq!((second.text(), second.field("x-a")), ("hello", "1"));
    assert_eq!(second.field("age"), "7");
    assert_eq!(second.field("cache-status"), "T; hit; ttl=53");
    assert_eq!(harness.forwards(), 1);
}

#[test]
fn a_response_that_may_not_be_stored_is_passed_on() {
    let harness = Harness::new();
    for _ in 0..2 {
        harness.answer(
            200,
            &[
                ("cache-control", "no-store"),
                ("connection", "x"),
                ("x", "1"),
            ],
            "hello",
        );
        let reply = harness.get("/", &[]);
        assert_eq!(reply.text(), "hello");
        assert_eq!(reply.field("x"), "", "it was about the connection");
    }
    assert_eq!(harness.forwards(), 2);
}

#[test]
fn users_are_never_mixed_rfc_9111_3_5() {
    let harness = Harness::new();
    for user in ["a", "b"] {
        harness.answer(200, &[FRESH], user);
        assert_eq!(harness.get("/", &[("authorization", user)]).text(), user);
    }
    harness.answer(200, &[("cache-control", "private, max-age=60")], "c");
    assert_eq!(harness.get("/", &[("cookie", "c")]).text(), "c");
    // The first shows that not all of it is private, the second is stored.
    for _ in 0..2 {
        harness.answer(200, &[FRESH, ("vary", "authorization")], "nobody");
        assert_eq!(harness.get("/", &[]).text(), "nobody");
    }
    harness.answer(200, &[("cache-control", "private")], "d");
    assert_eq!(harness.get("/", &[("authorization", "d")]).text(), "d");
    assert_eq!(harness.get("/", &[]).text(), "nobody");
}

#[test]
fn what_becomes_cacheable_is_stored_from_its_second_response_on() {
    const NO_STORE: (&str, &str) = ("cache-control", "no-store");
    let harness = Harness::new();
    for (cache_control, status) in [
        (NO_STORE, "T; fwd=uri-miss; fwd-status=200; detail=no-store"),
        (NO_STORE, "T; fwd=uri-miss; fwd-status=200; detail=no-store"),
        (FRESH, "T; fwd=uri-miss; fwd-status=200"),
        (FRESH, "T; fwd=uri-miss; fwd-status=200; stored"),
    ] {
        harness.answer(200, &[cache_control], "hello");
        assert_eq!(harness.get("/", &[]).field("cache-status"), status);
    }
    assert!(harness.get("/", &[]).is_hit());
}

#[test]
fn fields_for_one_user_reach_that_user_only_rfc_9111_5_2_2_7() {
    let harness = Harness::new();
    let cache_control = ("cache-control", "max-age=60, private=\"set-cookie\"");
    harness.answer(200, &[cache_control, ("set-cookie", "id=1")], "hello");
    assert_eq!(harness.get("/", &[]).field("set-cookie"), "id=1");
    let second = harness.get("/", &[]);
    assert_eq!((second.text(), second.field("set-cookie")), ("hello", ""));
    assert_eq!(harness.forwards(), 1);
}

#[test]
fn each_variant_is_stored_by_itself_rfc_9111_4_1() {
    let harness = Harness::new();
    for language in ["en", "de"] {
        harness.answer(200, &[FRESH, ("vary", "accept-language")], language);
        harness.get("/", &[("accept-language", language)]);
    }
    for language in ["en", "de"] {
        assert_eq!(
            harness.get("/", &[("accept-language", language)]).text(),
            language
        );
    }
    assert_eq!(harness.forwards(), 2);
}

#[test]
fn head_is_answered_from_what_get_has_brought_rfc_9111_4() {
    let harness = Harness::new();
    harness.answer(200, &[FRESH, ("content-length", "5")], "hello");
    harness.get("/", &[]);
    let head = harness.request("HEAD", "/", &[]);
    assert!(head.is_hit());
    assert_eq!((head.text(), head.field("content-length")), ("", "5"));
}

#[test]
fn a_get_with_content_neither_stores_nor_uses_what_is_stored() {
    let harness = Harness::new();
    for body in ["evil", "good"] {
        harness.answer(200, &[FRESH], body);
        let reply = harness.get("/", &[("content-length", "4")]);
        assert_eq!(reply.field("cache-status"), "T; fwd=bypass");
    }
    harness.answer(200, &[FRESH], "plain");
    assert_eq!(harness.get("/", &[]).text(), "plain");
}

#[test]
fn only_what_is_stored_answers_only_if_cached_rfc_9111_5_2_1_7() {
    let harness = Harness::new();
    let reply = harness.get("/", &[("cache-control", "only-if-cached")]);
    assert_eq!(reply.status, 504);
    // RFC 9211 §2: a cache adds no member to responses that it makes out of nothing.
    assert_eq!(reply.field("cache-status"), "");
    assert_eq!(harness.forwards(), 0);
}

#[test]
fn content_reaches_the_client_while_it_is_stored() {
    let harness = Harness::new();
    let (response, pieces) = streaming(200, &[FRESH]);
    harness
        .expect()
        .send(Ok(response))
        .unwrap_or_else(|_| unreachable!());
    pieces
        .unbounded_send(Ok(Bytes::from_static(b"first ")))
        .unwrap();
    pollster::block_on(async {
        let served = harness.begin("GET", "/", &[]).await.unwrap();
        let second = harness.begin("GET", "/", &[]).await.unwrap();
        pieces
            .unbounded_send(Ok(Bytes::from_static(b"second")))
            .unwrap();
        drop(pieces);
        let (first, second, ()) = futures::join!(
            read(served.response.into_body()),
            read(second.response.into_body()),
            served.background.unwrap(),
        );
        assert_eq!(first.unwrap(), "first second");
        assert_eq!(second.unwrap(), "first second");
    });
    assert!(harness.get("/", &[]).is_hit());
}

#[test]
fn content_that_breaks_off_is_broken_for_the_client_and_not_stored() {
    let harness = Harness::new();
    let (response, pieces) = streaming(200, &[FRESH]);
    harness
        .expect()
        .send(Ok(response))
        .unwrap_or_else(|_| unreachable!());
    pieces
        .unbounded_send(Ok(Bytes::from_static(b"half")))
        .unwrap();
    pieces.unbounded_send(Err(super::harness::Failed)).unwrap();
    let broken = harness.get("/", &[]);
    assert!(broken.content.is_err() && !broken.field("cache-status").contains("stored"));
    harness.answer(200, &[FRESH], "whole");
    assert_eq!(harness.get("/", &[]).text(), "whole");
}

#[test]
fn content_that_turns_out_too_large_is_passed_through_whole() {
    let harness = Harness::with(|config| config.store.max_response_bytes = 2_000);
    let content = "x".repeat(10_000);
    for _ in 0..2 {
        let (response, pieces) = streaming(200, &[FRESH]);
        harness
            .expect()
            .send(Ok(response))
            .unwrap_or_else(|_| unreachable!());
        for piece in content.as_bytes().chunks(1_000) {
            pieces
                .unbounded_send(Ok(Bytes::copy_from_slice(piece)))
                .unwrap();
        }
        drop(pieces);
        assert_eq!(harness.get("/", &[]).text(), content);
    }
    assert_eq!(harness.forwards(), 2);
}

#[test]
fn the_service_behind_may_keep_a_response_out_of_the_store() {
    let harness = Harness::new();
    for _ in 0..2 {
        let (mut response, pieces) = streaming(200, &[FRESH]);
        response.extensions_mut().insert(StoreOverride::Never);
        drop(pieces);
        harness
            .expect()
            .send(Ok(response))
            .unwrap_or_else(|_| unreachable!());
        assert!(!harness.get("/", &[]).is_hit());
    }
}

#[test]
fn a_failure_that_says_nothing_is_kept_as_configured() {
    let harness = Harness::with(|config| {
        let seconds = std::time::Duration::from_secs(5);
        let negative = &mut config.storing.negative_caching.0;
        negative.push((http::StatusCode::NOT_FOUND, seconds));
    });
    harness.answer(404, &[], "nothing");
    assert_eq!(harness.get("/", &[]).status, 404);
    assert!(harness.get("/", &[]).is_hit());
    harness.pass(5);
    harness.answer(404, &[], "nothing");
    assert!(!harness.get("/", &[]).is_hit());
}

#[test]
fn a_response_to_post_answers_get_if_it_says_so_rfc_9110_9_3_3() {
    let harness = Harness::new();
    harness.answer(200, &[FRESH, ("content-location", "/a")], "posted");
    harness.request("POST", "/a", &[]);
    assert_eq!(harness.get("/a", &[]).text(), "posted");
    assert_eq!(harness.forwards(), 1);
}

#[test]
fn fields_that_are_not_stored_reach_the_client_they_are_for_rfc_9111_5_2_2_7() {
    let harness = Harness::new();
    let fields = [
        ("cache-control", "max-age=60, private=\"set-cookie\""),
        ("set-cookie", "a=b"),
    ];
    harness.answer(200, &fields, "hello");
    assert_eq!(harness.get("/", &[]).field("set-cookie"), "a=b");
    let second = harness.get("/", &[]);
    assert!(second.is_hit());
    assert_eq!(second.field("set-cookie"), "");
}

#[test]
fn a_field_that_is_not_in_the_key_reaches_nobody_else() {
    for (name, value) in [
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-prefix", "/evil"),
        ("x-forwarded-port", "1337"),
        ("x-forwarded-proto", "javascript"),
        ("forwarded", "host=evil.example"),
        ("x-original-url", "/evil"),
    ] {
        let harness = Harness::new();
        harness.answer(200, &[FRESH], "evil");
        let poisoning = harness.get("/", &[(name, value)]);
        assert!(poisoning.field("cache-status").contains("fwd=bypass"));
        harness.answer(200, &[FRESH], "good");
        assert_eq!(harness.get("/", &[]).text(), "good", "{name}");
        assert!(harness.get("/", &[]).is_hit());
    }
}

#[test]
fn a_field_that_is_not_in_the_key_does_not_freshen_what_is_stored() {
    let harness = Harness::new();
    harness.answer(200, &[FRESH, ("etag", "\"a\"")], "good");
    harness.get("/", &[]);
    harness.pass(100);
    let evil = [FRESH, ("etag", "\"a\""), ("link", "<//evil.example/a.js>")];
    for method in ["GET", "HEAD"] {
        harness.answer(200, &evil, if method == "GET" { "evil" } else { "" });
        harness.request(method, "/", &[("x-forwarded-host", "evil.example")]);
    }
    harness.answer(304, &[FRESH, ("etag", "\"a\"")], "");
    let reply = harness.get("/", &[]);
    assert_eq!((reply.text(), reply.field("link")), ("good", ""));
}

#[test]
fn a_field_that_says_what_the_key_says_is_no_reason_not_to_store() {
    let harness = Harness::new();
    harness.answer(200, &[FRESH], "hello");
    let fields = [
        ("x-forwarded-proto", "http"),
        ("x-forwarded-for", "192.0.2.1"),
    ];
    harness.get("/", &fields);
    assert!(harness.get("/", &[]).is_hit());
}

#[test]
fn the_session_cookie_of_one_client_reaches_no_other() {
    let harness = Harness::new();
    for session in ["session=user1", "session=user2"] {
        harness.answer(200, &[FRESH, ("set-cookie", session)], "hello");
        let reply = harness.get("/", &[]);
        assert_eq!(reply.field("set-cookie"), session);
        assert!(!reply.is_hit());
    }
}
