//! Fields in as little memory as they need.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};

/// A copy of fields in memory of its own, all values in one piece.
///
/// A server reads many fields into one buffer, of which the values are slices. One stored value would keep the whole
/// buffer, and the store would hold far more than it counts.
#[must_use]
pub fn compact_fields(fields: &HeaderMap) -> HeaderMap {
    copied_fields(fields, 0)
}

/// The same with room for `more` fields. A response out of the store has such a copy as well: with shared values, all
/// threads would contend on their reference counts.
pub(crate) fn copied_fields(fields: &HeaderMap, more: usize) -> HeaderMap {
    let mut values = Vec::with_capacity(fields.values().map(HeaderValue::len).sum());
    for value in fields.values() {
        values.extend_from_slice(value.as_bytes());
    }
    let values = Bytes::from(values);
    let mut compact = HeaderMap::with_capacity(fields.keys_len() + more);
    let mut start = 0;
    for (name, value) in fields {
        let end = start + value.len();
        let copy = HeaderValue::from_maybe_shared(values.slice(start..end));
        // It was valid before.
        let mut copy = copy.unwrap_or_else(|_| value.clone());
        copy.set_sensitive(value.is_sensitive());
        compact.append(name.clone(), copy);
        start = end;
    }
    compact
}

#[cfg(test)]
mod tests {
    use super::compact_fields;
    use crate::rules::testing::headers;

    #[test]
    fn compact_fields_are_equal_and_share_one_piece() {
        let fields = headers(&[("a", "1"), ("b", "two"), ("a", "3"), ("empty", "")]);
        let compact = compact_fields(&fields);
        assert_eq!(compact, fields);
        let second = compact["b"].as_bytes().as_ptr();
        let values = compact.get_all("a").iter();
        let distances =
            values.map(|value| second.addr().abs_diff(value.as_bytes().as_ptr().addr()));
        assert!(distances.max() < Some(8));
    }
}
