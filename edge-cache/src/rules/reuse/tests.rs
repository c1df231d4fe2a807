//! What may be done with a response of some age, for some client.

use super::*;
use crate::rules::directives::ResponseDirectives;
use crate::rules::freshness::FreshnessSource;
use crate::rules::testing::headers;

const STALE: Reuse = Reuse::Forward(ForwardReason::Stale);
const ASKED: Reuse = Reuse::Forward(ForwardReason::Request);

/// The policy of a response with this `Cache-Control`.
fn policy(response: &str) -> Policy {
    let directives = ResponseDirectives::parse(&headers(&[("cache-control", response)]));
    let lifetime = directives
        .s_maxage
        .or(directives.max_age)
        .unwrap_or_default();
    Policy::new(&directives, lifetime, FreshnessSource::MaxAge)
}

fn aged(policy: &Policy, age: u64) -> AgedResponse<'_> {
    AgedResponse {
        policy,
        current_age: Duration::from_secs(age),
        is_marked_stale: false,
    }
}

fn request(request: &str) -> RequestDirectives {
    RequestDirectives::parse(&headers(&[("cache-control", request)]))
}

/// What may be done with a response of this age, with its `Cache-Control` and that of the request.
fn at(age: u64, response: &str, asked: &str) -> Reuse {
    aged(&policy(response), age).may_reuse(&request(asked))
}

#[test]
fn a_response_is_fresh_until_its_lifetime_has_passed_rfc_9111_4_2() {
    assert_eq!(at(59, "max-age=60", ""), Reuse::Fresh);
    assert_eq!(at(60, "max-age=60", ""), STALE);
    assert_eq!(at(0, "max-age=0", ""), STALE);
}

#[test]
fn no_cache_is_always_validated_rfc_9111_5_2_2_4() {
    assert_eq!(at(0, "max-age=60, no-cache", "max-stale"), STALE);
    assert_eq!(at(0, "max-age=60, no-cache=\"a\"", ""), Reuse::Fresh);
}

#[test]
fn the_client_may_ask_for_a_fresher_response_rfc_9111_5_2_1() {
    assert_eq!(at(0, "max-age=60", "no-cache"), ASKED);
    assert_eq!(at(10, "max-age=60", "max-age=9"), ASKED);
    assert_eq!(at(10, "max-age=60", "max-age=10"), Reuse::Fresh);
    assert_eq!(at(1, "max-age=60", "max-age=0"), ASKED);
    assert_eq!(at(10, "max-age=60", "min-fresh=51"), ASKED);
    assert_eq!(at(10, "max-age=60", "min-fresh=50"), Reuse::Fresh);
    assert_eq!(
        at(0, "max-age=60", "no-store"),
        Reuse::Fresh,
        "it is about storing only (§5.2.1.5)"
    );
}

#[test]
fn the_client_may_accept_a_stale_response_where_the_origin_does_rfc_9111_5_2_1_2() {
    assert_eq!(at(70, "max-age=60", "max-stale"), Reuse::StaleAllowed);
    assert_eq!(at(70, "max-age=60", "max-stale=10"), Reuse::StaleAllowed);
    assert_eq!(at(71, "max-age=60", "max-stale=10"), STALE);
    assert_eq!(at(70, "max-age=60", "max-stale, max-age=69"), STALE);
    for prohibition in ["must-revalidate", "proxy-revalidate", "s-maxage=60"] {
        assert_eq!(
            at(70, &format!("max-age=60, {prohibition}"), "max-stale"),
            STALE,
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
    assert_eq!(at(71, "max-age=60, stale-while-revalidate=10", ""), STALE);
    assert_eq!(
        at(70, "max-age=60, stale-while-revalidate=10", "max-age=60"),
        STALE
    );
    assert_eq!(
        at(
            70,
            "max-age=60, stale-while-revalidate=10, must-revalidate",
            ""
        ),
        STALE
    );
}

#[test]
fn what_is_immutable_is_validated_only_if_that_is_necessary_rfc_8246_2() {
    assert_eq!(at(10, "max-age=60, immutable", "max-age=0"), Reuse::Fresh);
    assert_eq!(at(10, "max-age=60, immutable", "no-cache"), ASKED);
    assert_eq!(at(60, "max-age=60, immutable", "max-age=0"), STALE);
}

#[test]
fn a_response_that_is_marked_stale_is_validated_however_young() {
    let policy = policy("max-age=60");
    let marked = AgedResponse {
        is_marked_stale: true,
        ..aged(&policy, 1)
    };
    assert_eq!(marked.may_reuse(&request("")), STALE);
    assert!(marked.may_serve_when_disconnected(&request(""), Duration::from_secs(10)));
}

/// Whether it stands in for a failure with 503, and for an origin that can't be reached, within ten seconds.
fn on_error(age: u64, response: &str, asked: &str) -> (bool, bool) {
    let (policy, asked) = (policy(response), request(asked));
    let aged = aged(&policy, age);
    (
        aged.may_replace_error(StatusCode::SERVICE_UNAVAILABLE, &asked),
        aged.may_serve_when_disconnected(&asked, Duration::from_secs(10)),
    )
}

#[test]
fn a_stale_response_stands_in_for_a_failure_where_it_was_said_so_rfc_5861_4() {
    assert_eq!(
        on_error(90, "max-age=60, stale-if-error=30", ""),
        (true, true)
    );
    assert_eq!(
        on_error(91, "max-age=60, stale-if-error=30", ""),
        (false, false)
    );
    assert_eq!(
        on_error(90, "s-maxage=60, stale-if-error=30", ""),
        (true, true)
    );
    assert_eq!(
        on_error(90, "max-age=60", "stale-if-error=30"),
        (true, true)
    );
    assert_eq!(
        on_error(90, "s-maxage=60", "stale-if-error=30"),
        (false, false)
    );
    assert_eq!(
        on_error(71, "max-age=60, stale-if-error=30", "stale-if-error=10"),
        (false, false)
    );
    assert_eq!(
        on_error(61, "max-age=60, stale-if-error=30", "no-cache"),
        (false, false)
    );
    for status in [404, 501, 505] {
        let status = StatusCode::from_u16(status).unwrap();
        assert!(!aged(&policy("stale-if-error=30"), 1).may_replace_error(status, &request("")));
    }
}

#[test]
fn a_stale_response_stands_in_for_an_origin_that_cant_be_reached_rfc_9111_4_2_4() {
    assert_eq!(on_error(70, "max-age=60", ""), (false, true));
    assert_eq!(on_error(71, "max-age=60", ""), (false, false));
    for prohibition in [
        "must-revalidate",
        "proxy-revalidate",
        "no-cache",
        "s-maxage=60",
    ] {
        assert_eq!(
            on_error(61, &format!("max-age=60, {prohibition}"), ""),
            (false, false),
            "{prohibition}"
        );
    }
}

#[test]
fn the_time_to_live_of_a_stale_response_is_negative_rfc_9211_2_4() {
    let policy = policy("max-age=60");
    assert_eq!(aged(&policy, 20).time_to_live(), 40);
    assert_eq!(aged(&policy, 65).time_to_live(), -5);
}
