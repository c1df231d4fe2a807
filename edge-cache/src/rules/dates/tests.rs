//! Dates in their three formats, and what is none.

use http::header::EXPIRES;

use super::*;
use crate::rules::testing::headers;

/// 19 October 2026.
fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_792_368_000)
}

fn read(text: &str) -> Option<i64> {
    let date = date(&headers(&[("expires", text)]), &EXPIRES, now())?;
    let seconds = match date.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_secs()),
        Err(before) => i64::try_from(before.duration().as_secs()).map(|seconds| -seconds),
    };
    seconds.ok()
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
    assert_eq!(read("Sun Nov 16 08:49:37 1994"), Some(784_975_777));
    assert_eq!(read("Sun, 21 Nov 2286 04:46:39 GMT"), Some(10_000_039_599));
}

#[test]
fn each_day_of_four_centuries_is_read_as_it_is_printed() {
    for day in 0..150_000 {
        let date = SystemTime::UNIX_EPOCH + Duration::from_secs(day * 86_400 + 86_399);
        assert_eq!(parse(print(date).as_bytes(), now()), Some(date));
    }
}

#[test]
fn case_does_not_matter_rfc_9111_4_2() {
    for text in [
        "SUN, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 NOV 1994 08:49:37 GMT",
        "sun, 06 nov 1994 08:49:37 gMT",
        "SUNDAY, 06-nov-94 08:49:37 gmt",
        "sUN nOV  6 08:49:37 1994",
    ] {
        assert_eq!(read(text), Some(784_111_777), "{text}");
    }
}

#[test]
fn the_name_of_the_day_must_be_one_but_says_nothing() {
    assert_eq!(read("Mon, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
    assert_eq!(read("Thu Nov  6 08:49:37 1994"), Some(784_111_777));
    for text in [
        "Son, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06-Nov-94 08:49:37 GMT",
        ", 06 Nov 1994 08:49:37 GMT",
    ] {
        assert_eq!(read(text), None, "{text}");
    }
}

#[test]
fn what_is_not_a_date_to_the_letter_is_none_rfc_9111_4_2() {
    for text in [
        "0",
        "",
        "Thu, 18 Aug 2050 02:01:18",
        "Thu, 18 Aug 2050 02:01:18 UTC",
        "Thu, 18 Aug 2050 02:01:18 AEST",
        "Thu, 18 Aug 50 02:01:18 GMT",
        "Thu 18 Aug 2050 02:01:18 GMT",
        "Thu, 18  Aug  2050 02:01:18 GMT",
        "Thu, 18-Aug-2050 02:01:18 GMT",
        "Thu, 18 Aug 2050 02.01.18 GMT",
        "Thu, 18 Aug 2050 2:01:18 GMT",
        "Thu, 18 Aug 2050 24:00:00 GMT",
        "Thu, 18 Aug 2050 02:60:00 GMT",
        "Thu, 18 Aug 2050 02:01:61 GMT",
        "Thu, 31 Feb 2050 02:01:18 GMT",
        "Thu, 29 Feb 2100 02:01:18 GMT",
        "Thu, 00 Aug 2050 02:01:18 GMT",
        "Thu, +8 Aug 2050 02:01:18 GMT",
        " Thu, 18 Aug 2050 02:01:18 GMTx",
        "Thursday, 18-Aug-50 02:01:18 PST",
        "Thuday, 18-Aug-50 02:01:18 GMT",
        "Thu Aug  8 02:01:18 2050 GMT",
        "Thu Aug 8 02:01:18 2050",
        "Thü, 18 Aug 2050 02:01:18 GMT",
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
    assert_eq!(read("Friday, 01-Jan-77 00:00:00 GMT"), Some(220_924_800));
    assert_eq!(read("Sunday, 18-Oct-76 00:00:00 GMT"), Some(3_370_204_800));
    assert_eq!(read("Monday, 20-Oct-76 00:00:00 GMT"), Some(214_617_600));
    assert_eq!(read("Tuesday, 29-Feb-00 00:00:00 GMT"), Some(951_782_400));
}

#[test]
fn dates_before_1970_and_seconds_that_leap_are_dates() {
    assert_eq!(read("Wed, 31 Dec 1969 23:59:59 GMT"), Some(-1));
    assert_eq!(read("Sat, 31 Dec 2016 23:59:60 GMT"), Some(1_483_228_800));
}

#[test]
fn a_date_that_cant_be_printed_is_printed_as_the_nearest_one() {
    let before = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
    assert_eq!(print(before), "Thu, 01 Jan 1970 00:00:00 GMT");
    let after = SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 40);
    assert_eq!(print(after), "Fri, 31 Dec 9999 23:59:59 GMT");
}
