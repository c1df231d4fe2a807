//! How old a response is (RFC 9111 §4.2.3 and §5.1), in the terms of the standard.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, header};

use super::dates::date;
use super::directives::delta_seconds;
use crate::Moment;

/// The value of `Age`: the first member of the field. It is ignored if it is not a number (§5.1).
///
/// Parameters are ignored, as in structured fields, which `Age` is compatible with. So `7200;a=b` is 7200.
#[must_use]
pub fn age_value(headers: &HeaderMap) -> Option<Duration> {
    let line = headers.get(header::AGE)?.as_bytes();
    let first = line.split(|byte| matches!(byte, b',' | b';')).next()?;
    delta_seconds(first.trim_ascii())
}

/// When the response was made, by `Date`, or by this clock if there is none (RFC 9110 §6.6.1).
#[must_use]
pub fn date_value(headers: &HeaderMap, response_time: Moment) -> SystemTime {
    date(headers, &header::DATE, response_time.wall).unwrap_or(response_time.wall)
}

/// The age by comparing the two clocks.
#[must_use]
pub fn apparent_age(date_value: SystemTime, response_time: Moment) -> Duration {
    response_time
        .wall
        .duration_since(date_value)
        .unwrap_or_default()
}

/// The age of a response when it came.
#[must_use]
pub fn corrected_initial_age(
    headers: &HeaderMap,
    request_time: Moment,
    response_time: Moment,
) -> Duration {
    let response_delay = response_time.since(request_time);
    let corrected_age_value = age_value(headers)
        .unwrap_or_default()
        .saturating_add(response_delay);
    apparent_age(date_value(headers, response_time), response_time).max(corrected_age_value)
}

/// The age of a stored response.
#[must_use]
pub fn current_age(
    corrected_initial_age: Duration,
    response_time: Moment,
    now: Moment,
) -> Duration {
    let resident_time = now.since(response_time);
    corrected_initial_age.saturating_add(resident_time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{headers, moment};

    #[test]
    fn the_first_age_counts_and_one_that_is_no_number_is_ignored_rfc_9111_5_1() {
        for (value, expected) in [
            ("7200", Some(7200)),
            ("7200, 0", Some(7200)),
            ("0, 7200", Some(0)),
            ("0,7200", Some(0)),
            ("2147483649", Some(1 << 31)),
            ("abc", None),
            ("-7200", None),
            ("7200.0", None),
            (", 7200", None),
            ("7200;a=b", Some(7200)),
            ("7200;a=111", Some(7200)),
        ] {
            let age = age_value(&headers(&[("age", value)]));
            assert_eq!(age.map(|age| age.as_secs()), expected, "{value}");
        }
        let lines = headers(&[("age", "0"), ("age", "7200")]);
        assert_eq!(age_value(&lines), Some(Duration::ZERO));
    }

    #[test]
    fn the_larger_of_apparent_age_and_corrected_age_value_counts_rfc_9111_4_2_3() {
        let (request_time, response_time) = (moment(1_000), moment(1_003));
        let initial = |fields: &[(&'static str, &str)]| {
            corrected_initial_age(&headers(fields), request_time, response_time).as_secs()
        };
        assert_eq!(initial(&[]), 3, "the delay");
        assert_eq!(initial(&[("age", "10")]), 13);
        assert_eq!(initial(&[("date", "Thu, 01 Jan 1970 00:15:00 GMT")]), 103);
        assert_eq!(
            initial(&[("date", "Thu, 01 Jan 2099 00:00:00 GMT"), ("age", "10")]),
            13
        );
        assert_eq!(
            initial(&[("date", "foo")]),
            3,
            "a date that is none is the time of arrival"
        );
    }

    #[test]
    fn time_in_the_store_adds_to_the_age_rfc_9111_4_2_3() {
        let age = current_age(Duration::from_secs(5), moment(100), moment(107));
        assert_eq!(age.as_secs(), 12);
    }
}
