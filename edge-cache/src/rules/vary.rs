//! Selecting among variants by `Vary` (RFC 9111 §4.1).

mod normalise;

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use http::{HeaderMap, HeaderName, header};

use super::list;
use crate::limits::{MAX_NOMINATED_BYTES, MAX_NOMINATED_FIELDS};
use normalise::{combined, normalised};

/// The fields by which a request asks for ranges.
const OF_RANGES: [HeaderName; 2] = [header::RANGE, header::IF_RANGE];

/// The nominated fields of a stored response, with the values that its request had.
///
/// Values are normalised, so that requests whose values differ only in form select the same response.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct VaryKey(Option<Arc<[Nominated]>>);

/// A nominated field.
#[derive(Debug)]
struct Nominated {
    name: HeaderName,
    /// `None` if the request did not have the field.
    value: Option<Value>,
}

/// A value in its normal form, and as it was sent if that differs: most clients send the same text, so it matches without
/// normalisation.
#[derive(Debug)]
struct Value {
    normal: Box<[u8]>,
    raw: Option<Box<[u8]>>,
}

impl PartialEq for Nominated {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.normal() == other.normal()
    }
}

impl Eq for Nominated {}

impl Hash for Nominated {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
        self.normal().hash(state);
    }
}

impl VaryKey {
    /// The key of a response to a request with these fields. `None` if `Vary` has a `*`, can't be read, or names too many
    /// fields.
    #[must_use]
    pub fn new(request: &HeaderMap, response: &HeaderMap) -> Option<Self> {
        Self::of_names(request, nominated_fields(response)?)
    }

    /// The key of a response that answers only requests for the same ranges.
    #[must_use]
    pub fn of_same_range(request: &HeaderMap, response: &HeaderMap) -> Option<Self> {
        let mut names = nominated_fields(response)?;
        names.extend(OF_RANGES);
        Self::of_names(request, in_order(names))
    }

    fn of_names(request: &HeaderMap, names: Vec<HeaderName>) -> Option<Self> {
        if names.is_empty() {
            return Some(Self(None));
        }
        let fields = names.into_iter().map(|name| {
            let value = Value::new(request, &name)?;
            Some(Nominated { name, value })
        });
        Some(Self(Some(fields.collect::<Option<_>>()?)))
    }

    /// Whether a request with these fields selects the response.
    #[must_use]
    pub fn matches(&self, request: &HeaderMap) -> bool {
        self.fields().iter().all(|field| field.matches(request))
    }

    /// Whether a request selects the response, if the languages that it accepts are ignored.
    #[must_use]
    pub fn matches_but_for_language(&self, request: &HeaderMap) -> bool {
        let is_language = |field: &Nominated| field.name == header::ACCEPT_LANGUAGE;
        self.fields().iter().any(is_language)
            && self
                .fields()
                .iter()
                .all(|field| is_language(field) || field.matches(request))
    }

    /// The key after the response was freshened by a newer one to this request. It changes only if the newer one nominates
    /// other fields (RFC 9111 §4.3.4).
    #[must_use]
    pub fn freshened(&self, request: &HeaderMap, newer: &HeaderMap) -> Option<Self> {
        if !newer.contains_key(header::VARY) {
            return Some(self.clone());
        }
        let own: Vec<_> = self.fields().iter().map(|field| &field.name).collect();
        let mut names = nominated_fields(newer)?;
        // It still answers only requests for the same ranges.
        if own.contains(&&header::RANGE) {
            names.extend(OF_RANGES);
            names = in_order(names);
        }
        if names.iter().eq(own) {
            return Some(self.clone());
        }
        Self::of_names(request, names)
    }

    /// Whether all requests select the response.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields().is_empty()
    }

    /// The bytes that it takes beside its own size.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let bytes =
            |value: &Value| value.normal.len() + value.raw.as_ref().map_or(0, |raw| raw.len());
        let values = self.fields().iter();
        values
            .map(|field| size_of::<Nominated>() + field.value.as_ref().map_or(0, bytes))
            .sum()
    }

    /// The key with these fields and values, as [`Self::normal_fields`] has them.
    pub(crate) fn of_normal_fields(fields: Vec<(HeaderName, Option<Box<[u8]>>)>) -> Self {
        let fields = fields.into_iter().map(|(name, normal)| Nominated {
            name,
            value: normal.map(|normal| Value { normal, raw: None }),
        });
        let fields: Vec<_> = fields.collect();
        Self((!fields.is_empty()).then(|| fields.into()))
    }

    /// The nominated fields in the order of their names, with their values in normal form.
    pub(crate) fn normal_fields(
        &self,
    ) -> impl ExactSizeIterator<Item = (&HeaderName, Option<&[u8]>)> {
        let fields = self.fields().iter();
        fields.map(|field| (&field.name, field.normal()))
    }

    fn fields(&self) -> &[Nominated] {
        self.0.as_deref().unwrap_or_default()
    }
}

impl Nominated {
    fn normal(&self) -> Option<&[u8]> {
        self.value.as_ref().map(|value| &*value.normal)
    }

    fn matches(&self, request: &HeaderMap) -> bool {
        let Some(value) = &self.value else {
            return !request.contains_key(&self.name);
        };
        let mut lines = request.get_all(&self.name).iter();
        let Some(line) = lines.next() else {
            return false;
        };
        let raw = value.raw.as_ref().unwrap_or(&value.normal);
        if lines.next().is_none() && line.as_bytes() == &**raw {
            return true;
        }
        let combined = combined(request, &self.name).unwrap_or_default();
        normalised(&self.name, &combined) == *value.normal
    }
}

impl Value {
    /// The value in a request; `None` if it is too long to be stored.
    #[expect(
        clippy::option_option,
        reason = "too long and not there are different things"
    )]
    fn new(request: &HeaderMap, name: &HeaderName) -> Option<Option<Self>> {
        let Some(raw) = combined(request, name) else {
            return Some(None);
        };
        if raw.len() > MAX_NOMINATED_BYTES {
            return None;
        }
        let normal = normalised(name, &raw).into_boxed_slice();
        let raw = (*raw != *normal).then(|| raw.into());
        Some(Some(Self { normal, raw }))
    }
}

/// The names in `Vary` (RFC 9110 §12.5.5), in order and each once; `None` if there is a `*`, an invalid name, or too many.
fn nominated_fields(response: &HeaderMap) -> Option<Vec<HeaderName>> {
    let lines = response.get_all(header::VARY).iter();
    let names = lines.flat_map(|line| list::members(line.as_bytes()));
    let name = |name| {
        if name == b"*" {
            None
        } else {
            HeaderName::from_bytes(name).ok()
        }
    };
    let names = in_order(names.map(name).collect::<Option<_>>()?);
    (names.len() <= MAX_NOMINATED_FIELDS).then_some(names)
}

fn in_order(mut names: Vec<HeaderName>) -> Vec<HeaderName> {
    names.sort_by(|one, other| one.as_str().cmp(other.as_str()));
    names.dedup();
    names
}

#[cfg(test)]
mod tests;
