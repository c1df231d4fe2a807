//! What becomes of a response on its way through a shared level.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::response::Parts;
use proptest::{collection, prelude::any, proptest};

use super::{headers, in_language, plain};
use crate::rules::storing::StoringConfig;
use crate::rules::testing::{moment, stored};
use crate::rules::{Policy, storing};
use crate::store::{NotAStoredResponse, SharedResponse};
use crate::{Content, Representation, StoredResponse};

fn judge(head: &Parts) -> Policy {
    storing::policy(head, &StoringConfig::default(), moment(0))
}

fn decode(shared: &SharedResponse) -> Result<StoredResponse, NotAStoredResponse> {
    shared.decode(moment(1_000), judge)
}

fn bytes(content: &Content) -> Vec<u8> {
    content.pieces().flatten().copied().collect()
}

fn article() -> StoredResponse {
    let fields = [
        ("cache-control", "max-age=60"),
        ("cache-groups", "\"g\""),
        ("a", "1"),
        ("a", "2"),
    ];
    StoredResponse {
        representation: Representation::Whole(Content::whole(Bytes::from_static(b"article"))),
        vary: in_language("en", &[]).vary.clone(),
        policy: Policy {
            freshness_lifetime: Duration::from_secs(60),
            ..Policy::default()
        },
        is_compressible: true,
        corrected_initial_age: Duration::from_secs(5),
        ..stored(&fields, moment(900))
    }
}

#[test]
fn response_comes_back_as_it_was() {
    let response = article();
    let decoded = decode(&SharedResponse::encode(&response).unwrap()).unwrap();
    assert_eq!(decoded.status, response.status);
    assert_eq!(decoded.headers, response.headers);
    assert_eq!(decoded.vary, response.vary);
    assert_eq!(decoded.groups, response.groups);
    assert_eq!(
        decoded.policy.freshness_lifetime,
        response.policy.freshness_lifetime
    );
    assert!(decoded.is_compressible && !decoded.is_marked_stale());
    let Representation::Whole(content) = &decoded.representation else {
        panic!("it was whole");
    };
    assert_eq!(bytes(content), b"article");
}

#[test]
fn time_under_way_adds_to_the_age_rfc_9111_4_2_3() {
    let decoded = decode(&SharedResponse::encode(&article()).unwrap()).unwrap();
    assert_eq!(decoded.corrected_initial_age, Duration::from_secs(5 + 100));
    assert_eq!(decoded.response_time.monotonic, moment(1_000).monotonic);
}

#[test]
fn clock_that_is_behind_makes_nothing_younger() {
    let shared = SharedResponse::encode(&article()).unwrap();
    let decoded = shared.decode(moment(10), judge).unwrap();
    assert_eq!(decoded.corrected_initial_age, Duration::from_secs(5));
}

#[test]
fn parts_come_back_as_they_were_rfc_9111_3_3() {
    let part = |text: &'static str| Content::whole(Bytes::from_static(text.as_bytes()));
    let response = StoredResponse {
        representation: Representation::Parts {
            complete_length: 10,
            parts: [(0, part("ab")), (5, part("fgh"))].into(),
        },
        ..plain(0, &[])
    };
    let decoded = decode(&SharedResponse::encode(&response).unwrap()).unwrap();
    let Representation::Parts {
        complete_length,
        parts,
    } = decoded.representation
    else {
        panic!("it was in parts");
    };
    let parts: Vec<_> = parts
        .iter()
        .map(|(start, part)| (*start, bytes(part)))
        .collect();
    assert_eq!(complete_length, 10);
    assert_eq!(parts, [(0, b"ab".to_vec()), (5, b"fgh".to_vec())]);
}

#[test]
fn variants_are_told_apart_without_decoding_them() {
    let variant = |response: &StoredResponse| SharedResponse::encode(response).unwrap().variant;
    let english = variant(&in_language("en", &[]));
    assert_eq!(english, variant(&in_language("en", &["g"])));
    assert_ne!(english, variant(&in_language("de", &[])));
    assert_ne!(english, variant(&plain(1, &[])));
}

#[test]
fn mark_is_kept_beside_the_response() {
    let mut shared = SharedResponse::encode(&plain(1, &[])).unwrap();
    shared.is_marked_stale = true;
    assert!(decode(&shared).unwrap().is_marked_stale());
}

#[test]
fn content_that_is_not_complete_is_not_encoded() {
    let (writer, content) = Content::growing(u64::MAX);
    let response = StoredResponse {
        representation: Representation::Whole(content),
        ..plain(0, &[])
    };
    assert!(SharedResponse::encode(&response).is_none());
    drop(writer);
    assert!(SharedResponse::encode(&response).is_none());
}

fn of_bytes(encoded: impl Into<Bytes>) -> SharedResponse {
    SharedResponse {
        variant: Bytes::new(),
        encoded: encoded.into(),
        is_marked_stale: false,
    }
}

#[test]
fn bytes_that_are_cut_or_go_on_are_refused() {
    let encoded = SharedResponse::encode(&article()).unwrap().encoded;
    for length in 0..encoded.len() {
        assert_eq!(
            decode(&of_bytes(encoded.slice(..length))).err(),
            Some(NotAStoredResponse)
        );
    }
    let longer = [&encoded[..], b"!"].concat();
    assert!(decode(&of_bytes(longer)).is_err());
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(noise in collection::vec(any::<u8>(), 0..200)) {
        let _ = decode(&of_bytes([b"TEC\x01\x00\xc8\x00".as_slice(), &noise].concat()));
        let _ = decode(&of_bytes(noise));
    }

    #[test]
    fn no_changed_byte_makes_it_panic(place in any::<proptest::sample::Index>(), byte in any::<u8>()) {
        let response = Arc::new(article());
        let mut encoded = SharedResponse::encode(&response).unwrap().encoded.to_vec();
        let place = place.index(encoded.len());
        encoded[place] = byte;
        let _ = decode(&of_bytes(encoded));
    }

    #[test]
    fn fields_of_any_bytes_come_back(value in "[ -~\u{80}-\u{ff}]{0,40}") {
        let response = StoredResponse {
            headers: headers(&[("a", "")]),
            ..plain(1, &[])
        };
        let mut response = response;
        if let Ok(value) = http::HeaderValue::from_str(&value) {
            response.headers.insert("a", value);
        }
        let decoded = decode(&SharedResponse::encode(&response).unwrap()).unwrap();
        assert_eq!(decoded.headers, response.headers);
    }
}
