//! Which fields are stored and passed on (RFC 9111 §3.1, RFC 9110 §7.6.1).

use http::{HeaderMap, HeaderName, header};

use super::{dates, list};
use crate::Moment;

/// Hop-by-hop fields, even if `Connection` does not list them. `Trailer` is among them because trailers are not stored.
const HOP_BY_HOP: [HeaderName; 10] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    HeaderName::from_static("proxy-authentication-info"),
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Fields about one client's allowance (draft-ietf-httpapi-ratelimit-headers). Another one's is not the same.
const OF_ONE_CLIENT: [HeaderName; 2] = [
    HeaderName::from_static("ratelimit"),
    HeaderName::from_static("ratelimit-policy"),
];

/// Fields that stay even if `Connection` lists them: they are for all recipients (RFC 9110 §7.6.1), and without them the
/// cache and the next recipient would understand a message differently.
const END_TO_END: [HeaderName; 16] = [
    header::AUTHORIZATION,
    header::CACHE_CONTROL,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::CONTENT_RANGE,
    header::CONTENT_TYPE,
    header::COOKIE,
    header::DATE,
    header::ETAG,
    header::EXPIRES,
    header::HOST,
    header::LAST_MODIFIED,
    header::LOCATION,
    header::RANGE,
    header::SET_COOKIE,
    header::VARY,
];

/// Removes hop-by-hop fields (RFC 9110 §7.6.1).
pub fn remove_hop_by_hop(headers: &mut HeaderMap) {
    // One pass over the names: most messages have none of these, and each look-up would cost a hash.
    let is_hop_by_hop = |name: &&HeaderName| HOP_BY_HOP.contains(name);
    let there: Vec<HeaderName> = headers.keys().filter(is_hop_by_hop).cloned().collect();
    if there.contains(&header::CONNECTION) {
        for name in listed_in_connection(headers) {
            headers.remove(name);
        }
    }
    for name in there {
        headers.remove(name);
    }
}

/// The fields that `Connection` lists, without [`END_TO_END`].
fn listed_in_connection(headers: &HeaderMap) -> Vec<HeaderName> {
    let lines = headers.get_all(header::CONNECTION).iter();
    let names = lines.flat_map(|line| list::members(line.as_bytes()));
    let names = names.filter_map(|name| HeaderName::from_bytes(name).ok());
    names.filter(|name| !END_TO_END.contains(name)).collect()
}

/// The fields of a response that are stored: without hop-by-hop fields, without those about one client, without `Age`, which is stored as a number, and
/// without those `excluded` by a qualified directive (RFC 9111 §3.1, §5.2.2.4, §5.2.2.7). A response without a date gets one
/// (RFC 9110 §6.6.1).
#[must_use]
pub fn stored_fields(
    mut headers: HeaderMap,
    excluded: &[HeaderName],
    response_time: Moment,
) -> HeaderMap {
    remove_hop_by_hop(&mut headers);
    headers.remove(header::AGE);
    for name in OF_ONE_CLIENT.iter().chain(excluded) {
        headers.remove(name);
    }
    if dates::date(&headers, &header::DATE, response_time.wall).is_none() {
        headers.insert(header::DATE, dates::print(response_time.wall));
    }
    headers
}

/// The fields that are `excluded` from storage, for the response's own recipient.
#[must_use]
pub fn excluded_fields(headers: &HeaderMap, excluded: &[HeaderName]) -> HeaderMap {
    let fields = headers.iter().filter(|(name, _)| excluded.contains(name));
    fields
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{headers, moment};

    const DATE: (&str, &str) = ("date", "Thu, 01 Jan 1970 00:00:05 GMT");

    fn stored(fields: &[(&'static str, &str)]) -> HeaderMap {
        stored_fields(
            headers(fields),
            &[HeaderName::from_static("private-field")],
            moment(5),
        )
    }

    #[test]
    fn fields_of_the_connection_are_not_stored_rfc_9111_3_1() {
        let fields = [
            ("connection", "a, B, close"),
            ("connection", "c"),
            ("a", "1"),
            ("b", "1"),
            ("c", "1"),
            ("keep-alive", "1"),
            ("te", "1"),
            ("proxy-authentication-info", "1"),
            ("upgrade", "1"),
            ("age", "1"),
            ("cache-status", "x; hit"),
            ("d", "1"),
            DATE,
        ];
        assert_eq!(
            stored(&fields),
            headers(&[("cache-status", "x; hit"), ("d", "1"), DATE])
        );
    }

    #[test]
    fn fields_excluded_by_a_qualified_directive_are_not_stored_rfc_9111_5_2_2_7() {
        assert_eq!(stored(&[("private-field", "1"), DATE]), headers(&[DATE]));
        let all = headers(&[("private-field", "1"), ("private-field", "2"), DATE]);
        let excluded = excluded_fields(&all, &[HeaderName::from_static("private-field")]);
        assert_eq!(excluded.get_all("private-field").iter().count(), 2);
    }

    #[test]
    fn the_allowance_of_one_client_is_not_stored() {
        let fields = [
            ("ratelimit-policy", "\"client\";q=100;w=1"),
            ("ratelimit", "\"client\";r=99;t=1"),
            DATE,
        ];
        assert_eq!(stored(&fields), headers(&[DATE]));
    }

    #[test]
    fn connection_does_not_remove_what_is_meant_for_all_rfc_9110_7_6_1() {
        let fields = [
            ("connection", "cache-control, vary"),
            ("cache-control", "no-store"),
            ("vary", "a"),
            DATE,
        ];
        assert_eq!(
            stored(&fields),
            headers(&[("cache-control", "no-store"), ("vary", "a"), DATE])
        );
    }

    #[test]
    fn a_response_without_a_date_gets_one_rfc_9110_6_6_1() {
        assert_eq!(stored(&[]), headers(&[DATE]));
        assert_eq!(stored(&[("date", "foo")]), headers(&[DATE]));
        let other = ("date", "Thu, 01 Jan 1970 00:00:01 GMT");
        assert_eq!(stored(&[other]), headers(&[other]));
    }
}
