//! The guard with arbitrary bytes: `cargo xtask fuzz` tries many more of them.

use proptest::prelude::*;

use super::{CHUNKED, GET, POST, guard};

const FRAGMENTS: [&str; 18] = [
    GET,
    POST,
    CHUNKED,
    "GET /a HTTP/1.1\r\n",
    "Host: a\r\n",
    "Content-Length: 5\r\n",
    "Content-Length: 18446744073709551616\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding: gzip, chunked\r\n",
    "Expect: 100-continue\r\n",
    "\r\n",
    "\n",
    "\r",
    "0\r\n\r\n",
    "5\r\nabcde\r\n",
    "ffffffffffffffff\r\n",
    ";ext=\"\r\n\"",
    "\0",
];

/// Messages that look sound, cut and joined in any order. The last line ends: until then a head that comes in pieces is not
/// judged, and one that is there as a whole is.
fn input() -> impl Strategy<Value = Vec<u8>> {
    let fragment = proptest::sample::select(&FRAGMENTS[..]);
    let fragment = fragment.prop_map(|text| text.as_bytes().to_vec());
    let bytes = proptest::collection::vec(any::<u8>(), 0..4);
    let pieces = proptest::collection::vec(prop_oneof![8 => fragment, 1 => bytes], 0..16);
    pieces.prop_map(|pieces| [pieces.concat().as_slice(), b"\n"].concat())
}

/// How many bytes get through, and whether the rest is refused.
fn passed(input: &[u8], size: usize) -> (usize, bool) {
    let mut guard = guard();
    let pieces = input.chunks(size);
    let passed = pieces.map(|piece| guard.inspect(piece)).sum();
    (passed, guard.refusal().is_some())
}

proptest! {
    #[test]
    fn the_guard_judges_hostile_bytes_alike_in_pieces_of_any_size(input in input(), size in 1_usize..64) {
        let (whole, is_refused) = passed(&input, input.len());
        let (in_pieces, is_refused_in_pieces) = passed(&input, size);
        prop_assert_eq!(is_refused, is_refused_in_pieces);
        prop_assert!(whole <= input.len() && in_pieces <= input.len());
        // Of a bad head that comes in pieces a part may get through, but never of one that is there as a whole.
        prop_assert!(whole <= in_pieces, "{} of the whole, {} of pieces", whole, in_pieces);
    }
}
