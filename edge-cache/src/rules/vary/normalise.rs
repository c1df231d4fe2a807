//! Field values in a form in which those that mean the same are the same (RFC 9111 §4.1), and never those that do not.

use http::{HeaderMap, HeaderName, header};

/// The value of a field, its lines combined (RFC 9110 §5.3) and space around commas left out. `None` if the field is not
/// there.
///
/// The members of `Accept-Language` and `Accept-Encoding`, of which only case and order are without meaning, are also
/// in lower case and sorted (RFC 9110 §12.5.3, §12.5.4). Space in quoted strings stays.
pub(crate) fn normalised(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let mut lines = headers.get_all(name).iter().peekable();
    lines.peek()?;
    let mut members = Vec::new();
    for line in lines {
        // Bytes beyond ASCII are told apart as they are.
        members.extend(members_of(line.as_bytes()).map(text));
    }
    if *name == header::ACCEPT_LANGUAGE || *name == header::ACCEPT_ENCODING {
        for member in &mut members {
            member.retain(|character| !matches!(character, ' ' | '\t'));
            member.make_ascii_lowercase();
        }
        members.sort_unstable();
    }
    Some(members.join(","))
}

/// The members of a list, without the space around them and the empty ones. Commas in quoted strings do not separate.
fn members_of(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut quoted = false;
    let mut escaped = false;
    let members = line.split(move |byte| {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' => return !quoted,
            _ => {}
        }
        false
    });
    members
        .map(<[u8]>::trim_ascii)
        .filter(|member| !member.is_empty())
}

fn text(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

/// The members of a list of what a client accepts, in lower case, with their weight in thousandths (RFC 9110 §12.4.2).
/// Those with a weight that is none are left out.
pub(crate) fn accepted(headers: &HeaderMap, name: &HeaderName) -> Vec<(String, u16)> {
    let lines = headers.get_all(name).iter();
    let members = lines.flat_map(|line| members_of(line.as_bytes()));
    let weighted = members.filter_map(|member| {
        let member = text(member).to_ascii_lowercase();
        let mut parts = member.split(';').map(str::trim);
        let what = parts.next()?.to_owned();
        let weight = parts.find_map(|part| part.strip_prefix("q="));
        Some((what, weight.map_or(Some(1000), thousandths)?))
    });
    weighted.collect()
}

/// `qvalue`: a number from 0 to 1 with at most three digits behind the point.
fn thousandths(weight: &str) -> Option<u16> {
    let (whole, fraction) = weight.split_once('.').unwrap_or((weight, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let fraction: u16 = format!("{fraction:0<3}").parse().ok()?;
    match whole {
        "0" => Some(fraction),
        "1" if fraction == 0 => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::headers;

    fn value(name: &'static str, lines: &[&str]) -> String {
        let fields: Vec<_> = lines.iter().map(|line| (name, *line)).collect();
        normalised(&headers(&fields), &HeaderName::from_static(name)).unwrap()
    }

    #[test]
    fn lines_are_combined_and_space_around_commas_is_left_out_rfc_9110_5_3() {
        assert_eq!(value("foo", &["1, 2"]), value("foo", &["1", "2"]));
        assert_eq!(value("foo", &["1,2"]), value("foo", &[" 1, 2 "]));
        assert_ne!(value("foo", &["1 2"]), value("foo", &["12"]));
        assert_ne!(value("foo", &["1,2"]), value("foo", &["2,1"]));
        assert_ne!(value("foo", &["a"]), value("foo", &["A"]));
        assert_ne!(value("foo", &["\"a, b\""]), value("foo", &["\"a,b\""]));
    }

    #[test]
    fn languages_and_codings_are_compared_without_case_and_order_rfc_9110_12_5_4() {
        assert_eq!(
            value("accept-language", &["en, DE;q=0.5"]),
            value("accept-language", &["de; q=0.5,EN"])
        );
        assert_ne!(
            value("accept-language", &["en, de;q=0.5"]),
            value("accept-language", &["en;q=0.5, de"])
        );
    }

    #[test]
    fn weights_are_read_in_thousandths_rfc_9110_12_4_2() {
        let fields = headers(&[(
            "accept-encoding",
            "br;q=1.0, gzip;q=0.5, zstd;q=0, x;q=2, y;q=0.1234, *",
        )]);
        let all = accepted(&fields, &header::ACCEPT_ENCODING);
        let expected = [("br", 1000), ("gzip", 500), ("zstd", 0), ("*", 1000)];
        assert_eq!(
            all,
            expected.map(|(what, weight)| (what.to_owned(), weight))
        );
    }
}
