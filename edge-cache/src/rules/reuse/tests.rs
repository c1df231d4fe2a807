use super::*;
use crate::rules::testing::{headers, moment, stored};

/// What may be done so many seconds after a response with this `Cache-Control` came, with the request's.
fn at(seconds: u64, response: &str, request: &str) -> Reuse {
    let stored = stored(&[("cache-control", response)], moment(1_000));
    let request = RequestDirectives::parse(&headers(&[("cache-control", request)]));
    may_reuse(&stored, &request, moment(1_000 + seconds))
}

#[test]
fn a_response_is_fresh_until_its_lifetime_has_passed_rfc_9111_4_2() {
    assert_eq!(at(59, "max-age=60", ""), Reuse::Fresh);
    assert_eq!(
        at(60, "max-age=60", ""),
        Reuse::Forward(ForwardReason::Stale)
    );
}

#[test]
fn no_cache_is_always_validated_rfc_9111_5_2_2_4() {
    assert_eq!(
        at(0, "max-age=60, no-cache", "max-stale"),
        Reuse::Forward(ForwardReason::Stale)
    );
    assert_eq!(at(0, "max-age=60, no-cache=\"a\"", ""), Reuse::Fresh);
}

#[test]
fn the_client_may_ask_for_a_fresher_response_rfc_9111_5_2_1() {
    let request = Reuse::Forward(ForwardReason::Request);
    assert_eq!(at(0, "max-age=60", "no-cache"), request);
    assert_eq!(at(10, "max-age=60", "max-age=9"), request);
    assert_eq!(at(10, "max-age=60", "max-age=10"), Reuse::Fresh);
    assert_eq!(at(10, "max-age=60", "min-fresh=51"), request);
    assert_eq!(at(10, "max-age=60", "min-fresh=50"), Reuse::Fresh);
}

#[test]
fn the_client_may_accept_a_stale_response_where_the_origin_does_rfc_9111_5_2_1_2() {
    assert_eq!(at(70, "max-age=60", "max-stale"), Reuse::StaleAllowed);
    assert_eq!(at(70, "max-age=60", "max-stale=10"), Reuse::StaleAllowed);
    assert_eq!(
        at(71, "max-age=60", "max-stale=10"),
        Reuse::Forward(ForwardReason::Stale)
    );
    for prohibition in ["must-revalidate", "proxy-revalidate", "s-maxage=60"] {
        let response = format!("max-age=60, {prohibition}");
        assert_eq!(
            at(70, &response, "max-stale"),
            Reuse::Forward(ForwardReason::Stale),
            "{prohibition}"
        );
    }
}

#[test]
fn a_stale_response_is_used_while_it_is_validated_rfc_5861_3() {
    assert_eq!(
        at(70, "max-age=60, stale-while-revalidate=10", ""),
        Reuse::StaleWhileRevalidate
    );
    assert_eq!(
        at(70, "s-maxage=60, stale-while-revalidate=10", ""),
        Reuse::StaleWhileRevalidate
    );
    assert_eq!(
        at(71, "max-age=60, stale-while-revalidate=10", ""),
        Reuse::Forward(ForwardReason::Stale)
    );
    let prohibited = "max-age=60, stale-while-revalidate=10, must-revalidate";
    assert_eq!(at(70, prohibited, ""), Reuse::Forward(ForwardReason::Stale));
}

#[test]
fn a_response_that_is_marked_stale_is_validated_however_young() {
    let stored = stored(&[("cache-control", "max-age=60")], moment(0));
    stored.mark_stale();
    let reuse = may_reuse(&stored, &RequestDirectives::default(), moment(1));
    assert_eq!(reuse, Reuse::Forward(ForwardReason::Stale));
}

/// Whether it stands in for a failure with 503, and for an origin that can't be reached, within ten seconds.
fn on_error(seconds: u64, response: &str) -> (bool, bool) {
    let stored = stored(&[("cache-control", response)], moment(1_000));
    let request = RequestDirectives::default();
    let now = moment(1_000 + seconds);
    (
        may_serve_stale_on_error(&stored, &request, StatusCode::SERVICE_UNAVAILABLE, now),
        may_serve_stale_when_disconnected(&stored, &request, now, Duration::from_secs(10)),
    )
}

#[test]
fn a_stale_response_stands_in_for_a_failure_where_the_origin_said_so_rfc_5861_4() {
    assert_eq!(on_error(90, "max-age=60, stale-if-error=30"), (true, true));
    assert_eq!(
        on_error(91, "max-age=60, stale-if-error=30"),
        (false, false)
    );
    assert_eq!(on_error(90, "s-maxage=60, stale-if-error=30"), (true, true));
}

#[test]
fn a_stale_response_stands_in_for_an_origin_that_cant_be_reached_rfc_9111_4_2_4() {
    assert_eq!(on_error(70, "max-age=60"), (false, true));
    assert_eq!(on_error(71, "max-age=60"), (false, false));
    for prohibition in [
        "must-revalidate",
        "proxy-revalidate",
        "no-cache",
        "s-maxage=60",
    ] {
        assert_eq!(
            on_error(61, &format!("max-age=60, {prohibition}")),
            (false, false),
            "{prohibition}"
        );
    }
}

#[test]
fn the_time_to_live_of_a_stale_response_is_negative_rfc_9211_2_3() {
    let stored = stored(&[("cache-control", "max-age=60")], moment(0));
    assert_eq!(time_to_live(&stored, moment(20)), 40);
    assert_eq!(time_to_live(&stored, moment(65)), -5);
}
