//! Which heads and framings the guard lets through.

mod hostile;

use super::Guard;
use crate::failure::Failure;
use crate::settings::ServerLimits;

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const POST: &str = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
const CHUNKED: &str = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n\
    A;ext=\"x\"\r\n0123456789\r\n3\r\nabc\r\n0\r\nTrailer: t\r\n\r\n";
const BAD: &str = "GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n";

fn guard() -> Guard {
    Guard::new(&ServerLimits::standard())
}

/// How many bytes of `input` get through when it arrives in pieces of `size`, and whether the rest is refused.
fn passed(input: &str, size: usize) -> (usize, bool) {
    let mut guard = guard();
    let passed = input
        .as_bytes()
        .chunks(size)
        .map(|piece| guard.inspect(piece))
        .sum();
    (passed, guard.refusal().is_some())
}

#[test]
fn sound_messages_get_through_in_pieces_of_any_size() {
    let input = [GET, POST, CHUNKED, GET, CHUNKED, POST].concat();
    for size in 1..input.len() {
        assert_eq!(
            passed(&input, size),
            (input.len(), false),
            "pieces of {size}"
        );
    }
}

#[test]
fn nothing_of_a_whole_bad_head_gets_through_and_everything_before_it_does() {
    for before in [GET, POST, CHUNKED] {
        let input = [before, BAD, GET].concat();
        assert_eq!(passed(&input, input.len()), (before.len(), true));
    }
}

#[test]
fn a_bad_head_in_pieces_is_refused_before_its_last_byte() {
    let input = [BAD, GET].concat();
    for size in 1..input.len() {
        let (passed, refused) = passed(&input, size);
        assert!(refused && passed < BAD.len(), "pieces of {size}: {passed}");
    }
}

#[test]
fn a_target_without_end_is_too_long_and_fields_without_end_are_too_large() {
    for (start, expected) in [
        ("GET /", Failure::UriTooLong),
        ("GET / HTTP/1.1\r\nA: ", Failure::HeadersTooLarge),
    ] {
        let mut guard = guard();
        let passed = guard.inspect(start.as_bytes());
        assert_eq!(passed, start.len());
        guard.inspect(&vec![b'a'; ServerLimits::standard().max_header_bytes]);
        assert_eq!(guard.refusal(), Some(&expected));
    }
}

#[test]
fn chunks_that_cannot_be_followed_are_left_to_hyper() {
    let head = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
    for chunks in ["zz\r\n", "-1\r\n", "fffffffffffffffff\r\n", "0\r\n\rx"] {
        let input = [head, chunks, BAD].concat();
        assert_eq!(
            passed(&input, input.len()),
            (input.len(), false),
            "{chunks:?}"
        );
    }
}
