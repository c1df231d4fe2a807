//! Which fields are stored and passed on (RFC 9111 §3.1, RFC 9110 §7.6.1).

use http::{HeaderMap, HeaderName, header};

/// Fields that are about one connection, whether `Connection` lists them or not.
const HOP_BY_HOP: [HeaderName; 9] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    HeaderName::from_static("proxy-authentication-info"),
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Fields that are true of the exchange that brought the response, and of no other.
const OF_ONE_EXCHANGE: [HeaderName; 2] = [header::AGE, HeaderName::from_static("cache-status")];

/// Removes the fields that are about one connection (RFC 9110 §7.6.1).
pub fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let listed: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in listed.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}

/// The fields of a response that are stored: not those of one connection or exchange, and not those that it `excluded` by a
/// qualified directive (RFC 9111 §3.1, §5.2.2.4, §5.2.2.7).
#[must_use]
pub fn stored_fields(mut headers: HeaderMap, excluded: &[HeaderName]) -> HeaderMap {
    remove_hop_by_hop(&mut headers);
    for name in OF_ONE_EXCHANGE.iter().chain(excluded) {
        headers.remove(name);
    }
    headers
}

/// Those of the fields that have one of the names and are not about the connection: what a response that is stored says to
/// the client that caused it, and to no other (RFC 9111 §5.2.2.4, §5.2.2.7).
#[must_use]
pub fn named(headers: &HeaderMap, names: &[HeaderName]) -> HeaderMap {
    if names.is_empty() {
        return HeaderMap::new();
    }
    let mut headers = headers.clone();
    remove_hop_by_hop(&mut headers);
    let mut found = HeaderMap::new();
    for (name, value) in &headers {
        if names.contains(name) && !OF_ONE_EXCHANGE.contains(name) {
            found.append(name, value.clone());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::headers;

    #[test]
    fn fields_of_the_connection_are_not_stored_rfc_9111_3_1() {
        let fields = headers(&[
            ("connection", "a, B"),
            ("a", "1"),
            ("b", "1"),
            ("keep-alive", "1"),
            ("te", "1"),
            ("age", "1"),
            ("cache-status", "x; hit"),
            ("c", "1"),
            ("private-field", "1"),
        ]);
        let stored = stored_fields(fields, &[HeaderName::from_static("private-field")]);
        assert_eq!(stored, headers(&[("c", "1")]));
    }

    #[test]
    fn withheld_fields_are_all_lines_of_those_names_but_of_the_connection_rfc_9111_5_2_2_7() {
        let names = ["a", "b", "age"].map(HeaderName::from_static);
        let fields = headers(&[
            ("connection", "b"),
            ("a", "1"),
            ("a", "2"),
            ("b", "1"),
            ("c", "1"),
            ("age", "1"),
        ]);
        assert_eq!(named(&fields, &names), headers(&[("a", "1"), ("a", "2")]));
    }
}
