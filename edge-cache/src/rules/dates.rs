//! Dates in fields (RFC 9110 §5.6.7).

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue};

/// The length of the longest date: `Wednesday, 06-Nov-94 08:49:37 GMT`.
const LONGEST_DATE_BYTES: usize = 33;

const SECONDS_OF_DAY: i64 = 24 * 60 * 60;

/// A year of the calendar, on average.
const SECONDS_OF_YEAR: i64 = 31_556_952;

/// How far in the future a date with a year of two digits may be: fifty years. A later one is in the past
/// (RFC 9110 §5.6.7).
const SECONDS_AHEAD: i64 = 50 * SECONDS_OF_YEAR;

const DAY_NAMES: [&str; 7] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];

const MONTH_NAMES: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];

/// The date of a field, in one of the three formats of the standard. `now` decides the century of a year of two digits.
///
/// The format is strict, except for case (RFC 9111 §4.2) and the day of the week, which follows from the rest. A field of
/// several lines and a date in another time zone are ambiguous, and give none.
#[must_use]
pub fn date(headers: &HeaderMap, name: &HeaderName, now: SystemTime) -> Option<SystemTime> {
    let mut lines = headers.get_all(name).iter();
    let line = lines.next()?;
    if lines.next().is_some() {
        return None;
    }
    parse(line.as_bytes(), now)
}

/// The date of a text.
#[must_use]
pub fn parse(text: &[u8], now: SystemTime) -> Option<SystemTime> {
    let mut buffer = [0; LONGEST_DATE_BYTES];
    let buffer = buffer.get_mut(..text.len())?;
    buffer.copy_from_slice(text);
    buffer.make_ascii_lowercase();
    let text = std::str::from_utf8(buffer).ok()?;
    let seconds = imf_fixdate(text)
        .or_else(|| rfc850_date(text, seconds_since_1970(now)))
        .or_else(|| asctime_date(text))?;
    let distance = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 {
        SystemTime::UNIX_EPOCH.checked_sub(distance)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(distance)
    }
}

/// The text of a date, in the format for senders. A year that it can't express becomes the nearest one.
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

fn seconds_since_1970(time: SystemTime) -> i64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    })
}

/// `sun, 06 nov 1994 08:49:37 gmt`, of which each part has its place.
fn imf_fixdate(text: &str) -> Option<i64> {
    let (day_name, rest) = text.split_at_checked(3)?;
    let (date, time) = rest.strip_prefix(", ")?.split_at_checked(11)?;
    let time = seconds_of_day(time.strip_prefix(' ')?.strip_suffix(" gmt")?)?;
    let (day, date) = date.split_at_checked(2)?;
    let (month_name, year) = date.strip_prefix(' ')?.split_at_checked(3)?;
    let date = Date {
        day: digits(day, 2)?,
        month: month(month_name)?,
        year: digits(year.strip_prefix(' ')?, 4)?,
    };
    is_short_day_name(day_name).then(|| date.seconds(time))?
}

/// `sunday, 06-nov-94 08:49:37 gmt`
fn rfc850_date(text: &str, now: i64) -> Option<i64> {
    let (day_name, rest) = text.split_once(", ")?;
    let (date, time) = rest.strip_suffix(" gmt")?.split_once(' ')?;
    let mut parts = date.split('-');
    let (day, month) = (digits(parts.next()?, 2)?, month(parts.next()?)?);
    let year_of_century = digits(parts.next()?, 2)?;
    if parts.next().is_some() || !DAY_NAMES.contains(&day_name) {
        return None;
    }
    let time = seconds_of_day(time)?;
    let century = (1970 + now / SECONDS_OF_YEAR) / 100;
    let candidates = [century + 1, century, century - 1].map(|century| Date {
        day,
        month,
        year: century * 100 + year_of_century,
    });
    let mut candidates = candidates.iter().filter_map(|date| date.seconds(time));
    candidates.find(|date| date - now <= SECONDS_AHEAD)
}

/// `sun nov  6 08:49:37 1994`
fn asctime_date(text: &str) -> Option<i64> {
    let (day_name, rest) = text.split_once(' ')?;
    let (month_name, rest) = rest.split_once(' ')?;
    let (day, rest) = rest.split_at_checked(2)?;
    let (time, year) = rest.strip_prefix(' ')?.split_once(' ')?;
    let date = Date {
        day: match day.strip_prefix(' ') {
            Some(day) => digits(day, 1)?,
            None => digits(day, 2)?,
        },
        month: month(month_name)?,
        year: digits(year, 4)?,
    };
    let time = seconds_of_day(time)?;
    is_short_day_name(day_name).then(|| date.seconds(time))?
}
/// A day of the calendar.
struct Date {
    year: i64,
    month: i64,
    day: i64,
}

impl Date {
    /// The seconds between 1970 and a time of this day, if there is such a day.
    fn seconds(&self, time: i64) -> Option<i64> {
        let exists = (1..=self.days_of_month()).contains(&self.day);
        exists.then(|| self.days_since_1970() * SECONDS_OF_DAY + time)
    }

    fn days_of_month(&self) -> i64 {
        let year = self.year;
        let is_leap_year = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        match self.month {
            2 if is_leap_year => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        }
    }

    /// Counts in years that begin with March, so that a leap day is the last of its year.
    fn days_since_1970(&self) -> i64 {
        /// From the first of March of the year 0 to 1970.
        const DAYS_BEFORE_1970: i64 = 719_468;
        let year = if self.month <= 2 {
            self.year - 1
        } else {
            self.year
        };
        let months_since_march = (self.month + 9) % 12;
        let day_of_year = (153 * months_since_march + 2) / 5 + self.day - 1;
        let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
        year * 365 + leap_days + day_of_year - DAYS_BEFORE_1970
    }
}

fn is_short_day_name(name: &str) -> bool {
    name.len() == 3 && DAY_NAMES.iter().any(|day| day.starts_with(name))
}

/// The number of a month, from 1 on.
fn month(name: &str) -> Option<i64> {
    let found = (1..).zip(MONTH_NAMES).find(|(_, month)| *month == name);
    found.map(|(number, _)| number)
}

/// `08:49:37`; the second may be 60.
fn seconds_of_day(time: &str) -> Option<i64> {
    let (hour, rest) = time.split_at_checked(2)?;
    let (minute, second) = rest.strip_prefix(':')?.split_at_checked(2)?;
    let (hour, minute) = (digits(hour, 2)?, digits(minute, 2)?);
    let second = digits(second.strip_prefix(':')?, 2)?;
    let is_time = hour < 24 && minute < 60 && second <= 60;
    is_time.then_some(hour * 3600 + minute * 60 + second)
}

/// A number of exactly so many digits.
fn digits(text: &str, count: usize) -> Option<i64> {
    let is_number = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests;
