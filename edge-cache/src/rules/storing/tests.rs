use std::time::Duration;

use http::Request;

use super::*;
use crate::rules::testing::{headers, moment};

/// What becomes of a response with this status and these fields to a GET with those.
fn judge(
    request: &[(&'static str, &str)],
    status: u16,
    response: &[(&'static str, &str)],
) -> Result<Storable, NoStoreReason> {
    let mut request_head = Request::new(()).into_parts().0;
    request_head.headers = headers(request);
    let mut head = Response::new(()).into_parts().0;
    head.status = StatusCode::from_u16(status).unwrap();
    head.headers = headers(response);
    let cdn = HeaderName::from_static("cdn-cache-control");
    may_store(
        &request_head,
        &head,
        &[cdn],
        &NegativeCaching::default(),
        moment(1_000_000),
    )
}

fn reason(
    request: &[(&'static str, &str)],
    status: u16,
    response: &[(&'static str, &str)],
) -> Option<NoStoreReason> {
    judge(request, status, response).err()
}

const FRESH: (&str, &str) = ("cache-control", "max-age=60");

#[test]
fn a_response_that_is_fresh_is_stored_whatever_its_final_status_rfc_9111_3() {
    for status in [
        200, 203, 204, 299, 301, 302, 303, 307, 308, 400, 404, 410, 499, 500, 502, 503, 504, 599,
    ] {
        assert_eq!(reason(&[], status, &[FRESH]), None, "{status}");
    }
    for status in [304, 412, 416] {
        assert_eq!(
            reason(&[], status, &[FRESH]),
            Some(NoStoreReason::Status),
            "{status}"
        );
    }
}

#[test]
fn a_response_that_nothing_makes_reusable_is_not_stored_rfc_9111_3() {
    assert_eq!(reason(&[], 200, &[]), Some(NoStoreReason::NotReusable));
    assert_eq!(
        reason(&[], 200, &[("etag", "\"a\"")]),
        Some(NoStoreReason::NotReusable)
    );
    assert_eq!(
        reason(&[], 200, &[("cache-control", "max-age=0")]),
        Some(NoStoreReason::NotReusable)
    );
    assert_eq!(
        reason(
            &[],
            200,
            &[("cache-control", "max-age=0"), ("etag", "\"a\"")]
        ),
        None
    );
    assert_eq!(
        reason(
            &[],
            200,
            &[("cache-control", "no-cache"), ("etag", "\"a\"")]
        ),
        None
    );
    assert_eq!(
        reason(
            &[],
            200,
            &[("cache-control", "max-age=0, stale-if-error=60")]
        ),
        None
    );
}

#[test]
fn no_store_and_private_forbid_it_rfc_9111_5_2_2() {
    for forbidden in [
        "max-age=60, no-store",
        "max-age=60, private",
        "max-age=60, PRIVATE",
    ] {
        let found = reason(&[], 200, &[("cache-control", forbidden)]);
        assert_eq!(found, Some(NoStoreReason::Forbidden), "{forbidden}");
    }
    let storable = judge(
        &[],
        200,
        &[("cache-control", "max-age=60, private=\"a\", no-cache=\"b\"")],
    );
    assert_eq!(storable.unwrap().excluded, ["a", "b"]);
}

#[test]
fn a_request_may_forbid_it_rfc_9111_5_2_1_5() {
    let found = reason(&[("cache-control", "no-store")], 200, &[FRESH]);
    assert_eq!(found, Some(NoStoreReason::Request));
}

#[test]
fn a_status_that_must_be_understood_and_is_not_is_not_stored_rfc_9111_5_2_2_3() {
    let understand = [("cache-control", "max-age=60, must-understand, no-store")];
    assert_eq!(reason(&[], 599, &understand), Some(NoStoreReason::Status));
    assert_eq!(reason(&[], 200, &understand), None);
}

#[test]
fn a_response_to_an_authorised_request_has_to_be_for_others_rfc_9111_3_5() {
    let request = [("authorization", "x")];
    assert_eq!(
        reason(&request, 200, &[FRESH]),
        Some(NoStoreReason::Authorization)
    );
    for permission in [
        "max-age=60, public",
        "max-age=60, must-revalidate",
        "s-maxage=60",
    ] {
        assert_eq!(
            reason(&request, 200, &[("cache-control", permission)]),
            None,
            "{permission}"
        );
    }
}

#[test]
fn a_response_that_varies_on_everything_is_not_stored_rfc_9111_4_1() {
    let found = reason(&[], 200, &[FRESH, ("vary", "*")]);
    assert_eq!(found, Some(NoStoreReason::VariesOnEverything));
}

#[test]
fn a_part_is_stored_if_it_says_which_rfc_9111_3_3() {
    assert_eq!(
        judge(&[], 206, &[FRESH]).unwrap().status,
        StatusCode::PARTIAL_CONTENT
    );
    let storable = judge(&[], 206, &[FRESH, ("content-range", "bytes 0-4/10")]).unwrap();
    assert_eq!(storable.status, StatusCode::OK);
}

#[test]
fn a_targeted_field_counts_in_place_of_cache_control_rfc_9213_2_2() {
    let permitted = [
        ("cache-control", "no-store"),
        ("cdn-cache-control", "max-age=60"),
    ];
    let storable = judge(&[], 200, &permitted).unwrap();
    assert_eq!(storable.policy.freshness_lifetime, Duration::from_secs(60));
    let forbidden = [FRESH, ("cdn-cache-control", "no-store")];
    assert_eq!(reason(&[], 200, &forbidden), Some(NoStoreReason::Forbidden));
}

#[test]
fn a_response_to_post_is_stored_for_get_if_it_says_so_rfc_9110_9_3_3() {
    let key = CacheKey::new(&"http://h/a".parse().unwrap()).unwrap();
    let request = Request::post("http://h/a").body(()).unwrap().into_parts().0;
    let check = |fields: &[(&'static str, &str)]| {
        let mut response = Response::new(());
        *response.headers_mut() = headers(fields);
        is_also_for_get(&key, &request, &response)
    };
    assert!(check(&[FRESH, ("content-location", "/a")]));
    assert!(!check(&[FRESH, ("content-location", "/b")]));
    assert!(!check(&[FRESH]));
    assert!(!check(&[("content-location", "/a")]));
}
