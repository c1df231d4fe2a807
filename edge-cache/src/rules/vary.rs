//! Selecting among variants by `Vary` (RFC 9111 §4.1).

mod normalise;

use std::sync::Arc;

use http::{HeaderMap, HeaderName, header};

pub(crate) use normalise::{accepted, normalised};

/// The most fields that a response may nominate. A response that names more is not stored: each makes variants rarer.
pub const MAX_NOMINATED_FIELDS: usize = 16;

/// The nominated fields of a stored response, with the values that its request had, in a form that is compared
/// character by character; `None` for a field that the request did not have.
///
/// A request that was answered by the stored response may still be transformed into another one that means the same
/// (§4.1), which is what normalisation does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct VaryKey(Option<Arc<[NominatedField]>>);

pub(crate) type NominatedField = (HeaderName, Option<Box<str>>);

impl VaryKey {
    /// The key of a response to a request with these fields. `None` if no other request selects it: `Vary` has a `*`, or
    /// can't be read.
    #[must_use]
    pub fn new(request: &HeaderMap, response: &HeaderMap) -> Option<Self> {
        Self::of_names(request, nominated_fields(response)?)
    }

    /// The key of a response to a request for ranges that answers no other request than one for the same ranges.
    #[must_use]
    pub fn of_same_range(request: &HeaderMap, response: &HeaderMap) -> Option<Self> {
        let mut names = nominated_fields(response)?;
        names.extend([header::RANGE, header::IF_RANGE]);
        Self::of_names(request, names)
    }

    fn of_names(request: &HeaderMap, mut names: Vec<HeaderName>) -> Option<Self> {
        names.sort_by(|one, other| one.as_str().cmp(other.as_str()));
        names.dedup();
        if names.len() > MAX_NOMINATED_FIELDS {
            return None;
        }
        if names.is_empty() {
            return Some(Self(None));
        }
        let fields = names.into_iter().map(|name| {
            let value = normalised(request, &name).map(String::into_boxed_str);
            (name, value)
        });
        Some(Self(Some(fields.collect())))
    }

    /// Whether a request with these fields selects the response.
    #[must_use]
    pub fn matches(&self, request: &HeaderMap) -> bool {
        self.fields()
            .iter()
            .all(|(name, value)| normalised(request, name).as_deref() == value.as_deref())
    }

    /// Whether a request selects the response but for the languages that it accepts.
    pub(crate) fn matches_but_for_language(&self, request: &HeaderMap) -> bool {
        let others = self
            .fields()
            .iter()
            .filter(|(name, _)| *name != header::ACCEPT_LANGUAGE);
        others.clone().count() < self.fields().len()
            && others
                .into_iter()
                .all(|(name, value)| normalised(request, name).as_deref() == value.as_deref())
    }

    /// Bytes that it takes besides its own size.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let fields = self.fields().iter();
        let values = fields.map(|(_, value)| {
            size_of::<NominatedField>() + value.as_ref().map_or(0, |value| value.len())
        });
        values.sum()
    }

    /// The key with these fields, as [`Self::fields`] has them.
    pub(crate) fn of_fields(fields: Vec<NominatedField>) -> Self {
        Self((!fields.is_empty()).then(|| fields.into()))
    }

    /// The nominated fields in the order of their names.
    pub(crate) fn fields(&self) -> &[NominatedField] {
        self.0.as_deref().unwrap_or_default()
    }
}

/// The names in `Vary` (RFC 9110 §12.5.5); `None` if there is a `*` among them, or something that is no name.
fn nominated_fields(response: &HeaderMap) -> Option<Vec<HeaderName>> {
    let mut names = Vec::new();
    for line in response.get_all(header::VARY) {
        for name in line.to_str().ok()?.split(',').map(str::trim) {
            match name {
                "" => {}
                "*" => return None,
                name => names.push(name.parse().ok()?),
            }
        }
    }
    Some(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::headers;

    fn matches(
        vary: &str,
        stored: &[(&'static str, &str)],
        presented: &[(&'static str, &str)],
    ) -> bool {
        let key = VaryKey::new(&headers(stored), &headers(&[("vary", vary)])).unwrap();
        key.matches(&headers(presented))
    }

    #[test]
    fn all_nominated_fields_must_match_rfc_9111_4_1() {
        assert!(matches(
            "Foo",
            &[("foo", "1")],
            &[("foo", "1"), ("bar", "2")]
        ));
        assert!(!matches("Foo", &[("foo", "1")], &[("foo", "2")]));
        assert!(!matches(
            "foo, bar",
            &[("foo", "1"), ("bar", "a")],
            &[("foo", "1"), ("bar", "b")]
        ));
    }

    #[test]
    fn a_field_that_is_missing_matches_only_one_that_is_missing_rfc_9111_4_1() {
        assert!(matches("foo, bar", &[("bar", "1")], &[("bar", "1")]));
        assert!(!matches("foo", &[("foo", "1")], &[]));
        assert!(!matches("foo", &[], &[("foo", "1")]));
        assert!(!matches("foo", &[], &[("foo", "")]));
    }

    #[test]
    fn a_star_matches_nothing_wherever_it_stands_rfc_9110_12_5_5() {
        for value in ["*", "*, *", ", *", "*, foo", "foo, *"] {
            assert_eq!(
                VaryKey::new(&headers(&[]), &headers(&[("vary", value)])),
                None,
                "{value}"
            );
        }
        let lines = headers(&[("vary", "foo"), ("vary", "*")]);
        assert_eq!(VaryKey::new(&headers(&[]), &lines), None);
    }

    #[test]
    fn the_order_and_number_of_nominations_does_not_matter() {
        let request = headers(&[("a", "1"), ("b", "2")]);
        let one = VaryKey::new(&request, &headers(&[("vary", "a, b")]));
        let other = VaryKey::new(&request, &headers(&[("vary", "B"), ("vary", "A, b")]));
        assert_eq!(one, other);
    }
}
