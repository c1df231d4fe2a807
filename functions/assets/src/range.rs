//! The part of a file that `Range` asks for (RFC 9110 §14.2).

use terrace_sdk::http::HeaderMap;
use terrace_sdk::http::header::RANGE;

/// The bytes of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// All of them.
    Whole,
    /// Those from the first number on, and how many; at least one.
    Part(u64, u64),
    /// Some that the file does not have.
    Unsatisfiable,
}

/// The bytes of a file of `length` bytes that a request asks for.
///
/// A request for several parts gets the whole, as does one that cannot be understood: a server may ignore `Range`, and
/// clients that ask for several parts are rare.
pub(crate) fn wanted(headers: &HeaderMap, length: u64) -> Wanted {
    let mut values = headers.get_all(RANGE).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Wanted::Whole;
    };
    let value = value.to_str().unwrap_or_default().trim();
    let Some((unit, specifier)) = value.split_once('=') else {
        return Wanted::Whole;
    };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Wanted::Whole;
    }
    part(specifier.trim(), length).unwrap_or(Wanted::Whole)
}

/// `first-last`, `first-` or `-count`; `None` for anything else.
fn part(specifier: &str, length: u64) -> Option<Wanted> {
    let (first, last) = specifier.split_once('-')?;
    let (first, count) = match (first, last) {
        ("", count) => {
            let count = number(count)?.min(length);
            (length - count, count)
        }
        (first, "") => {
            let first = number(first)?;
            (first, length.saturating_sub(first))
        }
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            if last < first {
                return None;
            }
            let behind = last.saturating_add(1).min(length);
            (first, behind.saturating_sub(first))
        }
    };
    Some(match count {
        0 => Wanted::Unsatisfiable,
        count => Wanted::Part(first, count),
    })
}

/// A number of digits only; one that is too large is as good as the largest.
fn number(digits: &str) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    is_number.then(|| digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(range: &str, expected: Wanted) {
        let mut headers = HeaderMap::new();
        headers.insert(RANGE, range.parse().unwrap());
        assert_eq!(wanted(&headers, 10), expected, "{range}");
    }

    #[test]
    fn one_range_is_a_part_rfc_9110_14_1_2() {
        check("bytes=0-0", Wanted::Part(0, 1));
        check("bytes=2-5", Wanted::Part(2, 4));
        check("bytes=2-", Wanted::Part(2, 8));
        check("bytes=2-99999999999999999999", Wanted::Part(2, 8));
        check("bytes=-3", Wanted::Part(7, 3));
        check("bytes=-30", Wanted::Part(0, 10));
        check("Bytes = 9-9", Wanted::Part(9, 1));
    }

    #[test]
    fn a_range_behind_the_end_is_unsatisfiable() {
        for range in ["bytes=10-", "bytes=10-20", "bytes=-0"] {
            check(range, Wanted::Unsatisfiable);
        }
    }

    #[test]
    fn other_ranges_give_the_whole() {
        for range in [
            "bytes=0-1,3-4",
            "bytes=5-2",
            "bytes=",
            "bytes=-",
            "bytes=a-b",
            "bytes=+1-2",
            "lines=1-2",
            "bytes",
        ] {
            check(range, Wanted::Whole);
        }
    }

    #[test]
    fn no_part_of_an_empty_file_can_be_given() {
        let mut headers = HeaderMap::new();
        headers.insert(RANGE, "bytes=0-".parse().unwrap());
        assert_eq!(wanted(&headers, 0), Wanted::Unsatisfiable);
    }
}
