//! Dates in fields (RFC 9110 §5.6.7).

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue};

/// The length of the longest date: `Wednesday, 06-Nov-94 08:49:37 GMT`.
const MAX_DATE_BYTES: usize = 33;

/// How far in the future a year of two digits may seem to lie before it is taken for a past one (RFC 9110 §5.6.7), with
/// years of 365.25 days.
const MAX_YEARS_AHEAD: Duration = Duration::from_secs(50 * 31_557_600);

/// The date of a field, in one of the three formats of the standard. `now` tells which century a year of two digits is of.
///
/// The format is taken strictly, but for upper and lower case (RFC 9111 §4.2) and which day of the week is named. A field
/// of several lines, and one in another time zone, have no date: what was meant is unknown.
#[must_use]
pub fn date(headers: &HeaderMap, name: &HeaderName, now: SystemTime) -> Option<SystemTime> {
    let mut lines = headers.get_all(name).iter();
    let line = lines.next()?;
    if lines.next().is_some() {
        return None;
    }
    parse(line.as_bytes(), now)
}

/// The date that a text is.
#[must_use]
pub fn parse(text: &[u8], now: SystemTime) -> Option<SystemTime> {
    let mut buffer = [0; MAX_DATE_BYTES];
    let buffer = buffer.get_mut(..text.len())?;
    buffer.copy_from_slice(text);
    set_case(buffer);
    let text = std::str::from_utf8(buffer).ok()?;
    match rfc_850(text) {
        Some(date) => date.parse(now),
        None => httpdate::parse_http_date(text)
            .ok()
            .or_else(|| with_another_day_name(text)),
    }
}

/// The date of a text whose day of the week does not fit: the name says nothing that the rest does not say.
fn with_another_day_name(text: &str) -> Option<SystemTime> {
    let (name, rest) = text.split_at_checked(3)?;
    DAY_NAMES.iter().find(|day| day.starts_with(name))?;
    let other = |day: &&str| httpdate::parse_http_date(&format!("{}{rest}", &day[..3])).ok();
    DAY_NAMES.iter().find_map(other)
}

/// The text of a date, in the format that senders use. A date outside the years that it can express is the nearest one.
#[must_use]
pub fn print(date: SystemTime) -> HeaderValue {
    /// The end of the year 9999.
    const LAST: Duration = Duration::from_secs(253_402_300_799);
    let since = date
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let text = httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + since.min(LAST));
    HeaderValue::try_from(text).expect("a date is visible ASCII")
}

/// Puts letters into the case that the formats have: names of days and months begin with a capital.
fn set_case(text: &mut [u8]) {
    for word in text.split_mut(|byte| !byte.is_ascii_alphabetic()) {
        if word.eq_ignore_ascii_case(b"GMT") {
            word.make_ascii_uppercase();
        } else {
            word.make_ascii_lowercase();
            if let Some(first) = word.first_mut() {
                first.make_ascii_uppercase();
            }
        }
    }
}

/// A date with a year of two digits.
struct ShortDate<'a> {
    day_name: &'a str,
    /// Day and month.
    day: (&'a str, &'a str),
    year: &'a str,
    time: &'a str,
}

/// The parts of `Sunday, 06-Nov-94 08:49:37 GMT`, each of the right length.
fn rfc_850(text: &str) -> Option<ShortDate<'_>> {
    let (day_name, rest) = text.split_once(", ")?;
    let (date, time) = rest.split_once(' ')?;
    let mut parts = date.split('-');
    let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
    let is_short = (day.len(), month.len(), year.len(), date.len()) == (2, 3, 2, 9);
    let is_day = day_name.len() > 3 && day_name.ends_with("day");
    (is_short && is_day).then_some(ShortDate {
        day_name,
        day: (day, month),
        year,
        time,
    })
}

impl ShortDate<'_> {
    /// The latest date that is not more than fifty years ahead of `now`, and has that day of the week.
    fn parse(&self, now: SystemTime) -> Option<SystemTime> {
        DAY_NAMES.iter().find(|name| **name == self.day_name)?;
        let in_century = |century: &str| {
            let Self {
                day_name,
                day: (day, month),
                year,
                time,
            } = self;
            let text = format!("{}, {day} {month} {century}{year} {time}", &day_name[..3]);
            httpdate::parse_http_date(&text).ok()
        };
        // Weeks do not repeat after a century, so only one of them has the right day.
        let is_near = |date: &SystemTime| {
            date.duration_since(now)
                .is_ok_and(|ahead| ahead <= MAX_YEARS_AHEAD)
                || *date <= now
        };
        ["20", "19"]
            .into_iter()
            .filter_map(in_century)
            .find(is_near)
    }
}

const DAY_NAMES: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];

#[cfg(test)]
mod tests {
    use http::header::EXPIRES;

    use super::*;
    use crate::rules::testing::headers;

    /// 19 October 2026.
    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_792_368_000)
    }

    fn read(text: &str) -> Option<u64> {
        let date = date(&headers(&[("expires", text)]), &EXPIRES, now())?;
        date.duration_since(SystemTime::UNIX_EPOCH)
            .ok()
            .map(|since| since.as_secs())
    }

    #[test]
    fn the_three_formats_mean_the_same_rfc_9110_5_6_7() {
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            assert_eq!(read(text), Some(784_111_777), "{text}");
        }
        assert_eq!(
            read("Sun, 21 Nov 2286 04:46:39 GMT").map(|date| date > 1 << 33),
            Some(true)
        );
    }

    #[test]
    fn case_does_not_matter_rfc_9111_4_2() {
        for text in [
            "SUN, 06 Nov 1994 08:49:37 GMT",
            "Sun, 06 NOV 1994 08:49:37 GMT",
            "sun, 06 nov 1994 08:49:37 gMT",
            "SUNDAY, 06-nov-94 08:49:37 gmt",
        ] {
            assert_eq!(read(text), Some(784_111_777), "{text}");
        }
    }

    #[test]
    fn the_day_of_the_week_says_nothing() {
        let right = parse(b"Thu, 18 Aug 2050 02:01:18 GMT", now());
        assert!(right.is_some());
        assert_eq!(parse(b"Fri, 18 Aug 2050 02:01:18 GMT", now()), right);
        assert_eq!(parse(b"Xyz, 18 Aug 2050 02:01:18 GMT", now()), None);
    }

    #[test]
    fn what_is_not_exactly_a_date_is_none_rfc_9110_5_6_7() {
        for text in [
            "0",
            "",
            "Thu, 18 Aug 2050 02:01:18 UTC",
            "Thu, 18 Aug 2050 02:01:18 AEST",
            "Thu, 18 Aug 50 02:01:18 GMT",
            "Thu 18 Aug 2050 02:01:18 GMT",
            "Thu, 18  Aug  2050 02:01:18 GMT",
            "Thu, 18-Aug-2050 02:01:18 GMT",
            "Thu, 18 Aug 2050 02.01.18 GMT",
            "Thu, 18 Aug 2050 2:01:18 GMT",
            "Thu, 31 Feb 2050 02:01:18 GMT",
            "Thursday, 18-Aug-50 02:01:18 PST",
            "Thuday, 18-Aug-50 02:01:18 GMT",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
        let two = headers(&[
            ("expires", "Sun, 06 Nov 1994 08:49:37 GMT"),
            ("expires", "0"),
        ]);
        assert_eq!(date(&two, &EXPIRES, now()), None);
    }

    #[test]
    fn a_year_of_two_digits_is_at_most_fifty_years_ahead_rfc_9110_5_6_7() {
        assert_eq!(
            read("Thursday, 18-Aug-50 02:01:18 GMT"),
            Some(2_544_400_878)
        );
        // 2077 is more than fifty years ahead, and that day was a Saturday in 1977.
        assert_eq!(read("Saturday, 01-Jan-77 00:00:00 GMT"), Some(220_924_800));
    }

    #[test]
    fn a_date_that_is_printed_is_read_again() {
        for seconds in [0, 784_111_777, 253_402_300_799] {
            let date = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            assert_eq!(parse(print(date).as_bytes(), now()), Some(date));
        }
        let before = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
        assert_eq!(print(before), "Thu, 01 Jan 1970 00:00:00 GMT");
    }
}
