//! The weights in fields such as `Accept-Encoding` (RFC 9110 §12.4.2).

use http::{HeaderMap, HeaderName};

use super::list;

/// A weight in thousandths, from 0, which is not acceptable, to 1000.
pub type Thousandths = u16;

/// The weight of a member without one.
pub const LARGEST_WEIGHT: Thousandths = 1000;

/// The members of a field such as `Accept-Language`, in lower case, with their weights. Those with a weight that can't be
/// read are left out.
#[must_use]
pub fn accepted(headers: &HeaderMap, name: &HeaderName) -> Vec<(String, Thousandths)> {
    let lines = headers.get_all(name).iter();
    let members = lines.flat_map(|line| list::members(line.as_bytes()));
    members.filter_map(weighted).collect()
}

/// One member and its weight.
pub(super) fn weighted(member: &[u8]) -> Option<(String, Thousandths)> {
    let member = std::str::from_utf8(member).ok()?;
    let mut parts = member.split(';').map(str::trim);
    let what = parts.next()?.to_ascii_lowercase();
    let mut weight = LARGEST_WEIGHT;
    for part in parts {
        match part.split_once('=') {
            Some((name, value)) if name.eq_ignore_ascii_case("q") => weight = thousandths(value)?,
            _ => return None,
        }
    }
    Some((what, weight))
}

/// `qvalue`: a number from 0 to 1 with at most three digits behind the point.
fn thousandths(weight: &str) -> Option<Thousandths> {
    let (whole, fraction) = weight.split_once('.').unwrap_or((weight, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let scale = 10_u16.pow(3 - u32::try_from(fraction.len()).ok()?);
    let fraction = fraction
        .bytes()
        .fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'));
    match whole {
        "0" => Some(fraction * scale),
        "1" if fraction == 0 => Some(LARGEST_WEIGHT),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use http::header;

    use super::*;
    use crate::rules::testing::headers;

    #[test]
    fn weights_have_at_most_three_digits_rfc_9110_12_4_2() {
        let field =
            "br;q=1.0, gzip; Q=0.5, zstd;q=0, a;q=2, b;q=0.1234, c;q=-1, d;x=1, *;q=0.001, e;q=1.";
        let all = accepted(
            &headers(&[("accept-encoding", field)]),
            &header::ACCEPT_ENCODING,
        );
        let expected = [
            ("br", 1000),
            ("gzip", 500),
            ("zstd", 0),
            ("*", 1),
            ("e", 1000),
        ];
        assert_eq!(
            all,
            expected.map(|(what, weight)| (what.to_owned(), weight))
        );
    }
}
