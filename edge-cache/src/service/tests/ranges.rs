//! Parts: answered, stored, joined and completed.

use super::harness::Harness;

const WHOLE: [(&str, &str); 2] = [("cache-control", "max-age=60"), ("etag", "\"a\"")];

fn part(content_range: &str) -> [(&str, &str); 3] {
    [WHOLE[0], WHOLE[1], ("content-range", content_range)]
}

#[test]
fn parts_of_a_stored_response_are_answered_rfc_9110_14_2() {
    let harness = Harness::new();
    harness.answer(200, &WHOLE, "0123456789");
    harness.get("/", &[]);
    let reply = harness.get("/", &[("range", "bytes=2-4")]);
    assert_eq!((reply.status.as_u16(), reply.text()), (206, "234"));
    assert_eq!(reply.field("content-range"), "bytes 2-4/10");
    assert_eq!(reply.field("content-length"), "3");
    let reply = harness.get("/", &[("range", "bytes=20-")]);
    assert_eq!((reply.status.as_u16(), reply.text()), (416, ""));
    assert_eq!(reply.field("content-range"), "bytes */10");
    let reply = harness.get("/", &[("range", "bytes=2-4"), ("if-range", "\"b\"")]);
    assert_eq!((reply.status.as_u16(), reply.text()), (200, "0123456789"));
}

#[test]
fn a_part_is_stored_and_answers_what_it_has_rfc_9111_3_3() {
    let harness = Harness::new();
    harness.answer(206, &part("bytes 4-9/10"), "456789");
    let reply = harness.get("/", &[("range", "bytes=4-9")]);
    assert_eq!((reply.status.as_u16(), reply.text()), (206, "456789"));
    let reply = harness.get("/", &[("range", "bytes=-2")]);
    assert_eq!(
        (reply.text(), reply.field("content-range")),
        ("89", "bytes 8-9/10")
    );
    harness.answer(206, &part("bytes 0-1/10"), "01");
    assert_eq!(harness.get("/", &[("range", "bytes=0-1")]).text(), "01");
    assert_eq!(harness.forwards(), 2);
}

#[test]
fn parts_with_the_same_strong_validator_are_joined_rfc_9111_3_4() {
    let harness = Harness::new();
    for (range, content_range, content) in [
        ("bytes=0-3", "bytes 0-3/10", "0123"),
        ("bytes=6-", "bytes 6-9/10", "6789"),
        ("bytes=2-7", "bytes 2-7/10", "234567"),
    ] {
        harness.answer(206, &part(content_range), content);
        harness.get("/", &[("range", range)]);
    }
    let reply = harness.get("/", &[]);
    assert_eq!((reply.status.as_u16(), reply.text()), (200, "0123456789"));
    assert_eq!(harness.forwards(), 3);
}

#[test]
fn parts_of_different_representations_are_not_joined_rfc_9111_3_4() {
    let harness = Harness::new();
    harness.answer(206, &part("bytes 0-4/10"), "01234");
    harness.get("/", &[("range", "bytes=0-4")]);
    let other = [
        WHOLE[0],
        ("etag", "\"b\""),
        ("content-range", "bytes 5-9/10"),
    ];
    harness.answer(206, &other, "56789");
    harness.get("/", &[("range", "bytes=5-9")]);
    harness.answer(200, &WHOLE, "whole");
    assert_eq!(harness.get("/", &[]).text(), "whole");
}

#[test]
fn a_stored_beginning_is_completed_rfc_9111_3_4() {
    let harness = Harness::new();
    harness.answer(206, &part("bytes 0-4/10"), "01234");
    harness.get("/", &[("range", "bytes=0-4")]);
    harness.answer(206, &part("bytes 5-9/10"), "56789");
    let reply = harness.get("/", &[]);
    assert_eq!(harness.sent("range").unwrap(), "bytes=5-");
    assert_eq!(harness.sent("if-range").unwrap(), "\"a\"");
    assert_eq!((reply.status.as_u16(), reply.text()), (200, "0123456789"));
    assert_eq!(reply.field("content-range"), "");
    assert!(harness.get("/", &[]).is_hit());
}

#[test]
fn a_beginning_that_does_not_fit_is_not_completed_rfc_9111_3_4() {
    let harness = Harness::new();
    let unvalidated = [WHOLE[0], ("content-range", "bytes 0-4/10")];
    harness.answer(206, &unvalidated, "01234");
    harness.get("/", &[("range", "bytes=0-4")]);
    harness.answer(206, &[WHOLE[0], ("content-range", "bytes 5-9/10")], "56789");
    harness.answer(200, &WHOLE, "whole");
    let reply = harness.get("/", &[]);
    assert_eq!((reply.status.as_u16(), reply.text()), (200, "whole"));
    assert_eq!(harness.sent("range"), None);
}

#[test]
fn a_part_that_is_not_what_it_says_answers_the_same_question_only() {
    let harness = Harness::new();
    harness.answer(206, &part("bytes 4-9/10"), "45678");
    for _ in 0..2 {
        let reply = harness.get("/", &[("range", "bytes=-5")]);
        assert_eq!((reply.status.as_u16(), reply.text()), (206, "45678"));
        assert_eq!(reply.field("content-range"), "bytes 4-9/10");
    }
    harness.answer(206, &part("bytes 6-6/10"), "6");
    assert_eq!(harness.get("/", &[("range", "bytes=6-6")]).text(), "6");
    harness.answer(200, &WHOLE, "0123456789");
    assert_eq!(harness.get("/", &[]).text(), "0123456789");
}

#[test]
fn several_parts_answer_the_same_question_again() {
    let harness = Harness::new();
    let several = [
        WHOLE[0],
        ("content-type", "multipart/byteranges; boundary=x"),
    ];
    harness.answer(206, &several, "--x...");
    for _ in 0..2 {
        let reply = harness.get("/", &[("range", "bytes=0-1,4-5")]);
        assert_eq!((reply.status.as_u16(), reply.text()), (206, "--x..."));
    }
    harness.answer(200, &WHOLE, "0123456789");
    assert_eq!(harness.get("/", &[]).text(), "0123456789");
}
