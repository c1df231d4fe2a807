//! Trace context with arbitrary bytes: `cargo xtask fuzz` tries many more of them.

use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;

use super::{TRACEPARENT, TraceContext};
use crate::request::{IdSource, limits::MAX_TRACESTATE_BYTES, trace::TRACESTATE};

const PARENTS: [&str; 7] = [
    "00",
    "ff",
    "-",
    "0af7651916cd43dd8448eb211c80319c",
    "00000000000000000000000000000000",
    "b7ad6b7169203331",
    "01",
];

const STATES: [&str; 6] = ["a=1", ",", "t@s=b", " ", "=", "\t"];

/// A field value of fragments and arbitrary bytes.
fn value(fragments: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let fragment = proptest::sample::select(fragments).prop_map(|text| text.as_bytes().to_vec());
    let bytes = proptest::collection::vec(any::<u8>(), 0..3);
    let pieces = proptest::collection::vec(prop_oneof![8 => fragment, 1 => bytes], 0..10);
    pieces.prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn a_hostile_trace_context_never_makes_an_invalid_one(
        parents in proptest::collection::vec(value(&PARENTS), 0..3),
        state in value(&STATES),
    ) {
        let mut headers = HeaderMap::new();
        for parent in parents.iter().filter_map(|parent| HeaderValue::from_bytes(parent).ok()) {
            headers.append(&TRACEPARENT, parent);
        }
        if let Ok(state) = HeaderValue::from_bytes(&state) {
            headers.append(&TRACESTATE, state);
        }
        let source = IdSource::from_seeds(1, 2);
        let trace = TraceContext::join(&mut headers, &source);
        prop_assert!(trace.trace_id != 0 && trace.span_id != 0);
        let left = headers.get_all(&TRACESTATE).iter().map(HeaderValue::len).sum::<usize>();
        prop_assert!(left <= MAX_TRACESTATE_BYTES);
        // What is sent on can be read again, and is the same trace.
        let mut sent = HeaderMap::new();
        trace.continue_in(&mut sent);
        let read = TraceContext::join(&mut sent, &source);
        prop_assert_eq!(read.trace_id, trace.trace_id);
        prop_assert_eq!(read.parent_id, Some(trace.span_id));
    }
}
