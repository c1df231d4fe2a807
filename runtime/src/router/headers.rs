//! The `spin-*` header fields that tell a function its route.
//! They are removed from requests of clients.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::RouteMatch;
use super::pattern::{RoutePattern, Segment};

/// The prefix of the runtime's own fields.
const RESERVED: &str = "spin-";

const PATH_INFO: HeaderName = HeaderName::from_static("spin-path-info");
const MATCHED_ROUTE: HeaderName = HeaderName::from_static("spin-matched-route");
const RAW_COMPONENT_ROUTE: HeaderName = HeaderName::from_static("spin-raw-component-route");
const COMPONENT_ROUTE: HeaderName = HeaderName::from_static("spin-component-route");
const BASE_PATH: HeaderName = HeaderName::from_static("spin-base-path");

const EMPTY: HeaderValue = HeaderValue::from_static("");
const ROOT: HeaderValue = HeaderValue::from_static("/");

/// The number of fields that every request gets, to reserve space.
const FIELDS: usize = 5;

/// The number of other fields that a client's request gets: its URL, its client, its id and its trace.
const OTHER_FIELDS: usize = 4;

/// The fields of a route that are the same for all its requests.
#[derive(Debug)]
pub(super) struct RouteHeaders {
    pub(super) trigger: usize,
    pub(super) raw: String,
    pub(super) wildcard: bool,
    /// How many segments stand before the wildcard.
    pub(super) depth: usize,
    /// The index of the segment of each parameter, and the field that it goes to.
    pub(super) parameters: Vec<(usize, HeaderName)>,
    /// Text instead of `HeaderValue`: each request gets a copy, because a shared value has a reference count that all workers
    /// would write.
    matched: String,
    component: String,
}

impl RouteHeaders {
    pub(super) fn new(trigger: usize, pattern: &RoutePattern) -> Self {
        let raw = pattern.raw();
        let slash = if raw.starts_with('/') { "" } else { "/" };
        let matched = format!("{slash}{}", raw.strip_suffix('/').unwrap_or(raw));
        Self {
            trigger,
            raw: raw.to_owned(),
            wildcard: pattern.is_wildcard(),
            depth: pattern.segments().len(),
            parameters: parameters(pattern.segments()),
            matched: if matched.is_empty() {
                "/".to_owned()
            } else {
                matched
            },
            component: pattern.raw_prefix().to_owned(),
        }
    }
}

fn parameters(segments: &[Segment]) -> Vec<(usize, HeaderName)> {
    let named = segments.iter().enumerate().filter_map(|(index, segment)| {
        let Segment::Parameter(name) = segment else {
            return None;
        };
        let name = format!(
            "spin-path-match-{}",
            name.to_ascii_lowercase().replace('_', "-")
        );
        // A parameter's name has only letters, digits and dashes, so this is a valid header name.
        Some((index, HeaderName::try_from(name).ok()?))
    });
    named.collect()
}

/// A field value. All bytes of a path are allowed in it, except DEL, which gives an empty value.
fn value(text: &str) -> HeaderValue {
    HeaderValue::from_bytes(text.as_bytes()).unwrap_or(EMPTY)
}

impl RouteMatch<'_, '_> {
    /// Tells the function about its route. Replaces existing fields with these names.
    pub fn insert_headers(&self, headers: &mut HeaderMap) {
        headers.reserve(FIELDS + OTHER_FIELDS + self.route.parameters.len());
        headers.insert(
            PATH_INFO,
            match self.path_info() {
                "" => EMPTY,
                "/" => ROOT,
                path_info => value(path_info),
            },
        );
        headers.insert(MATCHED_ROUTE, value(&self.route.matched));
        headers.insert(RAW_COMPONENT_ROUTE, value(&self.route.raw));
        headers.insert(COMPONENT_ROUTE, value(&self.route.component));
        headers.insert(BASE_PATH, ROOT);
        for (name, text) in self.parameters() {
            headers.insert(name, value(text));
        }
    }
}

/// The same for a call from another component, as if the route were `/...`.
pub fn insert_internal_headers(path: &str, headers: &mut HeaderMap) {
    const EVERYTHING: HeaderValue = HeaderValue::from_static("/...");
    headers.insert(PATH_INFO, value(path));
    headers.insert(MATCHED_ROUTE, EVERYTHING);
    headers.insert(RAW_COMPONENT_ROUTE, EVERYTHING);
    headers.insert(COMPONENT_ROUTE, EMPTY);
    headers.insert(BASE_PATH, ROOT);
}

/// Removes all `spin-*` fields of a client's request.
pub fn strip_reserved_headers(headers: &mut HeaderMap) {
    let reserved = |name: &&HeaderName| name.as_str().starts_with(RESERVED);
    // Does not allocate for the usual request without such fields.
    let found: Vec<_> = headers.keys().filter(reserved).cloned().collect();
    for name in found {
        headers.remove(name);
    }
}
