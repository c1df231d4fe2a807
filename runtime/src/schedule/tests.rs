//! Times are given, and not those of a clock.

use jiff::tz::TimeZoneDatabase;

use super::{Rule, cron, zone, zone_of};

fn rule(line: &str, name: &str) -> Rule {
    Rule::new(cron(line).unwrap(), zone(name).unwrap()).unwrap()
}

/// The times of a rule after one time.
#[track_caller]
fn check(line: &str, name: &str, after: &str, expected: &[&str]) {
    let rule = rule(line, name);
    let mut at = after.parse().unwrap();
    for time in expected {
        at = rule.next(at).unwrap();
        assert_eq!(at.to_string(), *time, "{line} in {name}");
    }
}

#[test]
fn times_are_those_of_the_zone() {
    check(
        "30 7 * * MON-FRI",
        "Europe/Vienna",
        "2026-01-02T07:00:00Z",
        &["2026-01-05T06:30:00Z", "2026-01-06T06:30:00Z"],
    );
    check(
        "0 0 1 * *",
        "UTC",
        "2026-01-01T00:00:00Z",
        &["2026-02-01T00:00:00Z"],
    );
    check(
        "@daily",
        "Asia/Kolkata",
        "2026-01-01T00:00:00Z",
        &["2026-01-01T18:30:00Z"],
    );
    check(
        "0 12 29 2 *",
        "UTC",
        "2026-01-01T00:00:00Z",
        &["2028-02-29T12:00:00Z"],
    );
}

#[test]
fn a_sixth_field_is_of_seconds() {
    check(
        "*/20 * * * * *",
        "UTC",
        "2026-01-01T00:00:20.5Z",
        &["2026-01-01T00:00:40Z", "2026-01-01T00:01:00Z"],
    );
}

/// In Vienna, 02:00 to 03:00 is left out on 29 March 2026: 01:00 UTC is 03:00.
#[test]
fn a_time_that_the_clocks_leave_out_is_the_first_one_after_it() {
    let before = "2026-03-28T12:00:00Z";
    check(
        "30 2 * * *",
        "Europe/Vienna",
        before,
        &["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"],
    );
    check(
        "*/30 * * * *",
        "Europe/Vienna",
        "2026-03-29T00:00:00Z",
        &[
            "2026-03-29T00:30:00Z",
            "2026-03-29T01:00:00Z",
            "2026-03-29T01:30:00Z",
        ],
    );
    check(
        "30 */2 * * *",
        "Europe/Vienna",
        "2026-03-28T23:00:00Z",
        &["2026-03-28T23:30:00Z", "2026-03-29T02:30:00Z"],
    );
}

/// In Vienna, 02:00 to 03:00 comes twice on 25 October 2026: from 00:00 UTC, and from 01:00 UTC.
#[test]
fn a_time_that_comes_twice_is_the_first_of_the_two() {
    check(
        "30 2 * * *",
        "Europe/Vienna",
        "2026-10-24T12:00:00Z",
        &["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"],
    );
    check(
        "*/30 * * * *",
        "Europe/Vienna",
        "2026-10-25T00:00:00Z",
        &[
            "2026-10-25T00:30:00Z",
            "2026-10-25T01:00:00Z",
            "2026-10-25T01:30:00Z",
            "2026-10-25T02:00:00Z",
        ],
    );
}

#[test]
fn a_time_that_never_comes_is_refused() {
    for line in ["0 0 30 2 *", "0 0 31 4,6,9,11 *"] {
        let reason = Rule::new(cron(line).unwrap(), zone("UTC").unwrap()).unwrap_err();
        assert_eq!(reason.message, "no time is ever like that");
    }
}

#[test]
fn what_is_no_cron_is_refused() {
    for line in [
        "",
        "daily",
        "* * * *",
        "60 * * * *",
        "* * * * * * 2027",
        "a * * * *",
    ] {
        let reason = cron(line).unwrap_err();
        assert!(
            reason.message.contains("is no line of cron"),
            "{}",
            reason.message
        );
    }
}

#[test]
fn an_unknown_zone_is_told_the_nearest() {
    let reason = zone("Europe/Viena").unwrap_err();
    assert_eq!(reason.suggestion.unwrap(), "did you mean `Europe/Vienna`?");
}

#[test]
fn a_machine_without_zones_knows_utc_and_says_so() {
    let none = TimeZoneDatabase::none();
    assert!(zone_of(&none, "UTC").is_ok());
    let reason = zone_of(&none, "Europe/Vienna").unwrap_err();
    assert!(reason.suggestion.unwrap().contains("tzdata"));
}

#[test]
fn a_rule_is_told_from_others_by_its_text() {
    assert_eq!(
        rule("0 7 * * *", "Europe/Vienna").to_string(),
        "0 7 * * * Europe/Vienna"
    );
    assert_eq!(rule("0 7 * * *", "UTC").to_string(), "0 7 * * * UTC");
}
