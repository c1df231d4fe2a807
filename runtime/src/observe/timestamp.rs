//! Owns the timestamps of log lines: RFC 3339 in UTC, with microseconds.
//! Which moment to write is left to the caller.

use std::cell::Cell;
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

/// `2026-11-24T02:31:10`, to which the fraction is added.
const SECONDS_BYTES: usize = 19;

thread_local! {
    /// The last second written by this thread: a calendar date is worked out once a second, not once a line.
    static LAST: Cell<(u64, [u8; SECONDS_BYTES])> = const { Cell::new((u64::MAX, [b'0'; SECONDS_BYTES])) };
}

/// Appends `moment` as `2026-11-24T02:31:10.123456Z`.
pub(crate) fn write(text: &mut Vec<u8>, moment: SystemTime) {
    // A clock that stands before 1970 is written as 1970: a wrong clock must not lose the line.
    let since_epoch = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = since_epoch.as_secs();
    let (last, mut date) = LAST.get();
    if last != seconds {
        date = civil(seconds);
        LAST.set((seconds, date));
    }
    text.extend_from_slice(&date);
    text.push(b'.');
    let mut divisor = 100_000;
    while divisor > 0 {
        let digit = since_epoch.subsec_micros() / divisor % 10;
        text.push(b'0' + u8::try_from(digit).expect("a remainder of 10 is one digit"));
        divisor /= 10;
    }
    text.push(b'Z');
}

fn civil(seconds: u64) -> [u8; SECONDS_BYTES] {
    let timestamp = i64::try_from(seconds)
        .ok()
        .and_then(|seconds| Timestamp::from_second(seconds).ok());
    let text = timestamp.unwrap_or(Timestamp::MAX).to_string();
    let bytes = text.as_bytes().first_chunk();
    *bytes.expect("a timestamp without fraction has 19 characters before its Z")
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn moments_are_written_with_six_digits_after_the_second() {
        for (micros, expected) in [
            (0, "1970-01-01T00:00:00.000000Z"),
            (1_795_487_470_000_042, "2026-11-24T02:31:10.000042Z"),
            (1_795_487_470_999_999, "2026-11-24T02:31:10.999999Z"),
            (1_795_487_471_000_000, "2026-11-24T02:31:11.000000Z"),
        ] {
            let mut text = Vec::new();
            super::write(&mut text, UNIX_EPOCH + Duration::from_micros(micros));
            assert_eq!(String::from_utf8(text).unwrap(), expected);
        }
    }
}
