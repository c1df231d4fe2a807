//! Dates in fields (RFC 9110 §5.6.7), read as caches are to read them (RFC 9111 §4.2).

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName};

const DAY_NAMES: [&str; 7] = [
    "sunday",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
];

const MONTH_NAMES: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];

/// Two-digit years from here on are of the last century. The standard has the border fifty years from now; this one
/// needs no clock and is the same until 2077 for all dates that anybody sends.
const FIRST_YEAR_OF_LAST_CENTURY: i64 = 70;

const SECONDS_OF_DAY: i64 = 24 * 60 * 60;

/// The date of a field, in one of the three formats of the standard.
///
/// Upper and lower case are the same (RFC 9111 §4.2), and the name of the day must be one, but says nothing. A field of
/// several lines, and one that is not a date to the letter otherwise, has none.
#[must_use]
pub fn date(headers: &HeaderMap, name: &HeaderName) -> Option<SystemTime> {
    let mut lines = headers.get_all(name).iter();
    let line = lines.next()?;
    if lines.next().is_some() {
        return None;
    }
    let text = line.to_str().ok()?.to_ascii_lowercase();
    let seconds = imf_fixdate(&text)
        .or_else(|| rfc850_date(&text))
        .or_else(|| asctime_date(&text))?;
    let distance = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 {
        SystemTime::UNIX_EPOCH.checked_sub(distance)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(distance)
    }
}

/// `sun, 06 nov 1994 08:49:37 gmt`
fn imf_fixdate(text: &str) -> Option<i64> {
    let (day_name, rest) = text.split_once(", ")?;
    let [day, month, year, time] = parts(rest.strip_suffix(" gmt")?, ' ')?;
    is_day_name(day_name, 3).then_some(())?;
    seconds(digits(year, 4)?, month, digits(day, 2)?, time)
}

/// `sunday, 06-nov-94 08:49:37 gmt`
fn rfc850_date(text: &str) -> Option<i64> {
    let (day_name, rest) = text.split_once(", ")?;
    let [date, time] = parts(rest.strip_suffix(" gmt")?, ' ')?;
    let [day, month, year] = parts(date, '-')?;
    DAY_NAMES.contains(&day_name).then_some(())?;
    let century = match digits(year, 2)? {
        FIRST_YEAR_OF_LAST_CENTURY.. => 1900,
        _ => 2000,
    };
    seconds(century + digits(year, 2)?, month, digits(day, 2)?, time)
}

/// `sun nov  6 08:49:37 1994`
fn asctime_date(text: &str) -> Option<i64> {
    let (day_name, rest) = text.split_once(' ')?;
    let (month, rest) = rest.split_once(' ')?;
    let (day, rest) = rest.split_at_checked(2)?;
    let [time, year] = parts(rest.strip_prefix(' ')?, ' ')?;
    is_day_name(day_name, 3).then_some(())?;
    let day = match day.strip_prefix(' ') {
        Some(day) => digits(day, 1)?,
        None => digits(day, 2)?,
    };
    seconds(digits(year, 4)?, month, day, time)
}

fn is_day_name(name: &str, length: usize) -> bool {
    name.len() == length && DAY_NAMES.iter().any(|day| day.starts_with(name))
}

/// Exactly so many parts.
fn parts<const COUNT: usize>(text: &str, separator: char) -> Option<[&str; COUNT]> {
    let parts: Vec<&str> = text.split(separator).collect();
    parts.try_into().ok()
}

/// A number of exactly so many digits.
fn digits(text: &str, count: usize) -> Option<i64> {
    let is_number = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok())?
}

/// The seconds between 1970 and a date, if there is such a date.
fn seconds(year: i64, month: &str, day: i64, time: &str) -> Option<i64> {
    let month = (1..).zip(MONTH_NAMES).find(|(_, name)| *name == month)?.0;
    let [hour, minute, second] = parts(time, ':')?;
    let [hour, minute, second] = [digits(hour, 2)?, digits(minute, 2)?, digits(second, 2)?];
    // There are seconds with the number 60 (RFC 9110 §5.6.7).
    let is_time = hour < 24 && minute < 60 && second <= 60;
    let is_date = (1..=days_of_month(year, month)).contains(&day);
    (is_time && is_date).then(|| {
        days_since_1970(year, month, day) * SECONDS_OF_DAY + hour * 3600 + minute * 60 + second
    })
}

fn days_of_month(year: i64, month: i64) -> i64 {
    let is_leap_year = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if is_leap_year => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days of the proleptic Gregorian calendar, in years that begin with March, so that a leap day is the last of its year.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    /// From the first of March of the year 0 to 1970.
    const DAYS_BEFORE_1970: i64 = 719_468;
    let year = if month <= 2 { year - 1 } else { year };
    let months_since_march = (month + 9) % 12;
    let day_of_year = (153 * months_since_march + 2) / 5 + day - 1;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leap_days + day_of_year - DAYS_BEFORE_1970
}

#[cfg(test)]
mod tests {
    use http::header::EXPIRES;

    use super::*;
    use crate::rules::testing::headers;

    fn read(text: &str) -> Option<SystemTime> {
        date(&headers(&[("expires", text)]), &EXPIRES)
    }

    #[track_caller]
    fn check(text: &str, seconds: u64) {
        let expected = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        assert_eq!(read(text), Some(expected), "{text}");
    }

    #[test]
    fn the_three_formats_are_read_rfc_9110_5_6_7() {
        check("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777);
        check("Sunday, 06-Nov-94 08:49:37 GMT", 784_111_777);
        check("Sun Nov  6 08:49:37 1994", 784_111_777);
        check("Sun Nov 16 08:49:37 1994", 784_975_777);
        check("Thursday, 18-Aug-50 02:01:18 GMT", 2_544_400_878);
    }

    #[test]
    fn each_day_of_four_centuries_is_read_as_another_crate_writes_it() {
        for day in 0..150_000 {
            let date = SystemTime::UNIX_EPOCH + Duration::from_secs(day * 86_400 + 86_399);
            assert_eq!(read(&httpdate::fmt_http_date(date)), Some(date));
        }
    }

    #[test]
    fn case_does_not_count_rfc_9111_4_2() {
        check("SUN, 06 nOV 1994 08:49:37 gmt", 784_111_777);
        check("sUN nOV  6 08:49:37 1994", 784_111_777);
    }

    #[test]
    fn name_of_the_day_must_be_one_but_says_nothing() {
        check("Mon, 06 Nov 1994 08:49:37 GMT", 784_111_777);
        assert_eq!(read("Son, 06 Nov 1994 08:49:37 GMT"), None);
        assert_eq!(read("Sunday, 06 Nov 1994 08:49:37 GMT"), None);
    }

    #[test]
    fn what_is_not_a_date_to_the_letter_is_none_rfc_9111_4_2() {
        for text in [
            "0",
            "",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun 06 Nov 1994 08:49:37 GMT",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun, 06  Nov 1994 08:49:37 GMT",
            "Sun, 06-Nov-1994 08:49:37 GMT",
            "Sun, 06 Nov 94 08:49:37 GMT",
            "Sun, 06 Nov 1994 8:49:37 GMT",
            "Sun, 06 Nov 1994 08.49.37 GMT",
            "Sun, 06 Nov 1994 24:00:00 GMT",
            "Sun, 06 Nov 1994 08:60:00 GMT",
            "Sun, 31 Nov 1994 08:49:37 GMT",
            "Sun, 29 Feb 1994 08:49:37 GMT",
            "Sun, 00 Nov 1994 08:49:37 GMT",
            "Sun, +6 Nov 1994 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994 GMT",
            "Sun Nov 6 08:49:37 1994",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn dates_before_1970_and_seconds_that_leap_are_dates() {
        let before = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
        assert_eq!(read("Wed, 31 Dec 1969 23:59:59 GMT"), Some(before));
        check("Sat, 31 Dec 2016 23:59:60 GMT", 1_483_228_800);
    }
}
