//! The time of day; the only place that reads it.

use jiff::Timestamp;

/// Now.
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

/// A time as the API shows it and the database keeps it: RFC 3339 in UTC with milliseconds.
pub(crate) fn text(time: Timestamp) -> String {
    format!("{time:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_always_has_three_decimals() {
        assert_eq!(text(Timestamp::UNIX_EPOCH), "1970-01-01T00:00:00.000Z");
        assert_eq!(
            text(Timestamp::from_millisecond(1_500).unwrap()),
            "1970-01-01T00:00:01.500Z"
        );
    }
}
