//! Which responses are stored, to which requests, and which stay stored.

use std::time::Duration;

use http::Request;

use super::*;
use crate::rules::freshness::NegativeCaching;
use crate::rules::testing::{headers, moment};

type Fields<'a> = &'a [(&'static str, &'a str)];

const FRESH: (&str, &str) = ("cache-control", "max-age=60");
const TAG: (&str, &str) = ("etag", "\"a\"");
const DATE: (&str, &str) = ("date", "Thu, 01 Jan 1970 00:16:40 GMT");
const MODIFIED: (&str, &str) = ("last-modified", "Thu, 01 Jan 1970 00:00:00 GMT");

fn key() -> CacheKey {
    CacheKey::new(&"http://a/b?c".parse().unwrap()).unwrap()
}

fn request(method: &str, fields: Fields<'_>) -> request::Parts {
    let mut request = Request::builder()
        .method(method)
        .uri("http://a/b?c")
        .body(())
        .unwrap();
    *request.headers_mut() = headers(fields);
    request.into_parts().0
}

fn response(status: u16, fields: Fields<'_>) -> Response<()> {
    let mut response = Response::builder().status(status).body(()).unwrap();
    *response.headers_mut() = headers(fields);
    response
}

fn judged(request: &request::Parts, response: Response<()>) -> Result<Storable, NoStoreReason> {
    let config = StoringConfig {
        negative_caching: NegativeCaching(vec![(StatusCode::NOT_FOUND, Duration::from_secs(5))]),
        ..StoringConfig::default()
    };
    may_store(
        &key(),
        request,
        &response.into_parts().0,
        &config,
        moment(1_000),
    )
}

fn stored(
    request_fields: Fields<'_>,
    status: u16,
    response_fields: Fields<'_>,
) -> Result<(), NoStoreReason> {
    judged(
        &request("GET", request_fields),
        response(status, response_fields),
    )
    .map(drop)
}

fn get(status: u16, fields: Fields<'_>) -> Result<(), NoStoreReason> {
    stored(&[], status, fields)
}

#[test]
fn explicitly_fresh_responses_are_stored_whatever_their_status_rfc_9111_3() {
    for status in [
        200, 203, 204, 299, 301, 302, 303, 307, 308, 400, 404, 410, 499, 500, 502, 503, 504, 599,
    ] {
        assert_eq!(get(status, &[FRESH]), Ok(()), "{status}");
    }
}

#[test]
fn responses_without_freshness_or_validator_are_not_stored() {
    assert_eq!(get(200, &[]), Err(NoStoreReason::NotReusable));
    assert_eq!(
        get(200, &[("cache-control", "max-age=0")]),
        Err(NoStoreReason::NotReusable)
    );
    assert_eq!(
        get(200, &[("cache-control", "max-age=0, stale-if-error=9")]),
        Ok(())
    );
    assert_eq!(get(200, &[("cache-control", "max-age=0"), TAG]), Ok(()));
    assert_eq!(get(200, &[("cache-control", "no-cache"), TAG]), Ok(()));
    assert_eq!(
        get(200, &[("cache-control", "no-cache, max-age=60")]),
        Err(NoStoreReason::NotReusable)
    );
    assert_eq!(get(200, &[TAG]), Err(NoStoreReason::NotReusable));
    assert_eq!(
        get(302, &[("cache-control", "no-cache"), TAG]),
        Err(NoStoreReason::NotReusable)
    );
}

#[test]
fn heuristics_are_for_some_statuses_and_public_rfc_9111_4_2_2() {
    for status in [200, 203, 204, 404, 405, 410, 414, 501] {
        assert_eq!(get(status, &[MODIFIED, DATE]), Ok(()), "{status}");
    }
    for status in [201, 202, 403, 502, 503, 504, 599] {
        assert_eq!(
            get(status, &[MODIFIED, DATE]),
            Err(NoStoreReason::NotReusable),
            "{status}"
        );
        assert_eq!(
            get(status, &[MODIFIED, DATE, ("cache-control", "public")]),
            Ok(()),
            "{status}"
        );
    }
}

#[test]
fn no_store_and_private_forbid_storing_rfc_9111_5_2_2() {
    assert_eq!(
        get(200, &[("cache-control", "max-age=60, no-store")]),
        Err(NoStoreReason::NoStore)
    );
    assert_eq!(
        get(200, &[("cache-control", "max-age=60, private")]),
        Err(NoStoreReason::Private)
    );
    assert_eq!(
        stored(&[("cache-control", "no-store")], 200, &[FRESH]),
        Err(NoStoreReason::RequestNoStore)
    );
    let fields = [("cache-control", "max-age=60, private=\"a\", no-cache=\"b\"")];
    let storable = judged(&request("GET", &[]), response(200, &fields)).unwrap();
    assert_eq!(storable.excluded, ["b", "a"]);
}

#[test]
fn a_status_that_must_be_understood_is_rfc_9111_5_2_2_3() {
    let must = ("cache-control", "max-age=60, must-understand");
    assert_eq!(get(599, &[must]), Err(NoStoreReason::Status));
    assert_eq!(get(200, &[must]), Ok(()));
    assert_eq!(
        get(
            200,
            &[("cache-control", "max-age=60, must-understand, no-store")]
        ),
        Ok(())
    );
    assert_eq!(
        get(
            599,
            &[("cache-control", "max-age=60, must-understand, no-store")]
        ),
        Err(NoStoreReason::Status)
    );
}

#[test]
fn targeted_directives_replace_cache_control_rfc_9213_2_2() {
    assert_eq!(
        get(
            200,
            &[
                ("cdn-cache-control", "max-age=60"),
                ("cache-control", "no-store")
            ]
        ),
        Ok(())
    );
    assert_eq!(
        get(200, &[("cdn-cache-control", "no-store"), FRESH]),
        Err(NoStoreReason::NoStore)
    );
    assert_eq!(
        get(200, &[("cdn-cache-control", "private"), FRESH]),
        Err(NoStoreReason::Private)
    );
    assert_eq!(
        get(
            200,
            &[
                ("cdn-cache-control", "max-age=60, &"),
                ("cache-control", "no-store")
            ]
        ),
        Err(NoStoreReason::NoStore)
    );
    assert_eq!(
        get(
            200,
            &[
                ("cdn-cache-control", "max-age=\"60\""),
                ("cache-control", "no-store")
            ]
        ),
        Err(NoStoreReason::NotReusable)
    );
}

#[test]
fn a_response_to_authorization_says_that_it_is_for_others_rfc_9111_3_5() {
    let to_authorized = |fields: Fields<'_>| stored(&[("authorization", "x")], 200, fields);
    assert_eq!(to_authorized(&[FRESH]), Err(NoStoreReason::Authorization));
    for directive in ["public", "must-revalidate", "s-maxage=60"] {
        assert_eq!(
            to_authorized(&[("cache-control", &format!("max-age=60, {directive}"))]),
            Ok(()),
            "{directive}"
        );
    }
    assert_eq!(
        to_authorized(&[("cache-control", "max-age=60, proxy-revalidate")]),
        Err(NoStoreReason::Authorization)
    );
}

#[test]
fn what_depends_on_cookies_is_not_assumed_to_be_for_others() {
    let with_cookie = |status, fields: Fields<'_>| stored(&[("cookie", "a=b")], status, fields);
    assert_eq!(with_cookie(200, &[FRESH]), Ok(()));
    assert_eq!(
        with_cookie(200, &[("cache-control", "no-cache"), TAG]),
        Ok(())
    );
    assert_eq!(
        with_cookie(200, &[MODIFIED, DATE]),
        Err(NoStoreReason::Cookie)
    );
    assert_eq!(with_cookie(404, &[]), Err(NoStoreReason::Cookie));
    assert_eq!(get(404, &[]), Ok(()), "as configured");
}

#[test]
fn a_response_that_sets_a_cookie_is_stored_only_if_it_says_that_it_is_for_all() {
    let cookie = ("set-cookie", "a=b");
    for control in [
        "max-age=60, public",
        "s-maxage=60",
        "max-age=0, s-maxage=60",
    ] {
        let stored = get(200, &[("cache-control", control), cookie]);
        assert_eq!(stored, Ok(()), "{control}");
    }
    let targeted = ("cdn-cache-control", "max-age=60");
    assert_eq!(get(200, &[targeted, cookie]), Ok(()));
    for control in [
        "max-age=60",
        "max-age=60, must-revalidate",
        "max-age=60, immutable",
        "no-cache",
        "public, no-cache",
        "public, no-cache, max-age=60",
        "public",
    ] {
        let stored = get(200, &[("cache-control", control), TAG, cookie]);
        assert_eq!(stored, Err(NoStoreReason::SetCookie), "{control}");
    }
    let expires = ("expires", "Thu, 01 Jan 1970 01:00:00 GMT");
    let stored = get(200, &[expires, DATE, cookie]);
    assert_eq!(stored, Err(NoStoreReason::SetCookie));
    let assumed = get(200, &[MODIFIED, DATE, cookie]);
    assert_eq!(assumed, Err(NoStoreReason::NotReusable));
}

#[test]
fn a_response_whose_cookie_is_kept_out_of_the_store_is_stored_rfc_9111_5_2_2_4() {
    for control in [
        "max-age=0, no-cache=\"set-cookie\"",
        "max-age=60, private=\"set-cookie\"",
    ] {
        let fields = [("cache-control", control), TAG, ("set-cookie", "a=b")];
        assert_eq!(get(200, &fields), Ok(()), "{control}");
    }
}

#[test]
fn an_installation_may_store_cookies_to_the_letter_rfc_9111_7_3() {
    let config = StoringConfig {
        set_cookie: SetCookie::Store,
        ..StoringConfig::default()
    };
    let stored = |control| {
        let fields = [("cache-control", control), TAG, ("set-cookie", "a=b")];
        let head = response(200, &fields).into_parts().0;
        may_store(&key(), &request("GET", &[]), &head, &config, moment(1_000)).map(drop)
    };
    assert_eq!(stored("max-age=60"), Ok(()));
    assert_eq!(stored("no-cache"), Err(NoStoreReason::SetCookie));
}

#[test]
fn a_part_is_stored_if_it_says_which_it_is_rfc_9111_3_3() {
    let part = ("content-range", "bytes 0-4/10");
    let asked = [("range", "bytes=0-4,6-7")];
    let storable = judged(&request("GET", &asked), response(206, &[FRESH, part])).unwrap();
    assert_eq!(storable.status, StatusCode::OK);
    assert!(storable.vary.is_empty());
}

#[test]
fn parts_that_do_not_say_which_they_are_answer_the_same_question_only() {
    let asked = [("range", "bytes=0-4,6-7")];
    for part in [
        ("content-range", "bytes 0-4/*"),
        ("content-type", "multipart/byteranges"),
    ] {
        let storable = judged(&request("GET", &asked), response(206, &[FRESH, part])).unwrap();
        assert_eq!(storable.status, StatusCode::PARTIAL_CONTENT, "{part:?}");
        assert!(storable.vary.matches(&headers(&asked)), "{part:?}");
        assert!(!storable.vary.matches(&headers(&[])), "{part:?}");
    }
}

#[test]
fn what_means_nothing_by_itself_is_not_stored_rfc_9111_3() {
    for status in [304, 412, 416] {
        assert_eq!(
            get(status, &[FRESH]),
            Err(NoStoreReason::Status),
            "{status}"
        );
    }
}

#[test]
fn what_may_poison_the_cache_is_not_stored() {
    for fields in [
        ("x-http-method-override", "POST"),
        ("x-original-url", "/"),
        ("content-length", "1"),
        ("transfer-encoding", "chunked"),
    ] {
        assert_eq!(
            stored(&[fields], 200, &[FRESH]),
            Err(NoStoreReason::UnkeyedInput),
            "{fields:?}"
        );
    }
    assert_eq!(stored(&[("content-length", "0")], 200, &[FRESH]), Ok(()));
}

#[test]
fn a_response_that_no_other_request_selects_is_not_stored_rfc_9111_4_1() {
    assert_eq!(get(200, &[FRESH, ("vary", "*")]), Err(NoStoreReason::Vary));
    let storable = judged(
        &request("GET", &[("a", "1")]),
        response(200, &[FRESH, ("vary", "a")]),
    )
    .unwrap();
    assert!(storable.vary.matches(&headers(&[("a", "1")])));
}

#[test]
fn a_response_to_post_is_stored_if_it_is_what_get_would_bring_rfc_9110_9_3_3() {
    let request = |method| request(method, &[("content-length", "5")]);
    let key = CacheKey::new(&request("POST").uri).unwrap();
    let also = |method, status, fields: Fields<'_>| {
        is_also_for_get(&key, &request(method), &response(status, fields))
    };
    for location in ["/b?c", "http://a/b?c", "?c", ""] {
        let fields = [FRESH, ("content-location", location)];
        assert!(also("POST", 200, &fields), "{location}");
    }
    for location in ["/b", "http://b/b?c", "/b?C"] {
        let fields = [FRESH, ("content-location", location)];
        assert!(!also("POST", 200, &fields), "{location}");
    }
    let here = ("content-location", "/b?c");
    assert!(!also("POST", 200, &[FRESH]));
    assert!(!also("POST", 200, &[FRESH, here, here]));
    assert!(!also("POST", 200, &[TAG, here]));
    assert!(!also("POST", 201, &[FRESH, here]));
    assert!(!also("PUT", 200, &[FRESH, here]));
    let stored = |method| judged(&request(method), response(200, &[FRESH, here])).map(drop);
    assert_eq!(stored("POST"), Ok(()));
    assert_eq!(stored("PUT"), Err(NoStoreReason::Method));
}

/// What a 304 with these fields makes of a stored response with those.
fn freshened_by(stored_fields: Fields<'_>, newer: Fields<'_>) -> Freshened {
    let stored = crate::rules::testing::stored(stored_fields, moment(0));
    let request = request("GET", &[("a", "1")]);
    let config = StoringConfig::default();
    freshened(&request, &stored, &headers(newer), &config, moment(0))
}

#[test]
fn a_304_may_forbid_to_keep_what_it_freshens_rfc_9111_4_3_4() {
    let kept = |newer: Fields<'_>| freshened_by(&[FRESH, TAG], newer).may_keep;
    assert_eq!(kept(&[]), Ok(()));
    assert_eq!(
        kept(&[("cache-control", "no-store")]),
        Err(NoStoreReason::NoStore)
    );
    assert_eq!(
        kept(&[("cache-control", "private")]),
        Err(NoStoreReason::Private)
    );
    assert_eq!(kept(&[("vary", "*")]), Err(NoStoreReason::Vary));
}

#[test]
fn a_304_changes_what_is_known_of_a_response_rfc_9111_4_3_4() {
    let newer = [("cache-control", "max-age=5"), ("vary", "a")];
    let Freshened {
        storable, headers, ..
    } = freshened_by(&[FRESH, TAG], &newer);
    assert_eq!(storable.policy.freshness_lifetime, Duration::from_secs(5));
    assert_eq!(headers["vary"], "a");
    assert!(!storable.vary.is_empty());
}

#[test]
fn a_cookie_of_a_304_is_stored_only_if_the_response_is_for_all() {
    let cookie = ("set-cookie", "a=b");
    let excluded = |fields: Fields<'_>| {
        let freshened = freshened_by(fields, &[cookie]);
        assert_eq!(freshened.may_keep, Ok(()));
        freshened.storable.excluded
    };
    let for_all = ("cache-control", "max-age=60, public");
    assert_eq!(excluded(&[for_all, TAG]), [""; 0]);
    for mine in [FRESH, ("cache-control", "no-cache, public")] {
        assert_eq!(excluded(&[mine, TAG]), ["set-cookie"], "{mine:?}");
    }
}
