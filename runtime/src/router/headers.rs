//! The `spin-*` header fields, by which a function learns its route.
//! None of them is ever taken from outside.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::RouteMatch;
use super::pattern::{RoutePattern, Segment};

/// What all names of the runtime's own fields begin with.
const RESERVED: &str = "spin-";

const PATH_INFO: HeaderName = HeaderName::from_static("spin-path-info");
const MATCHED_ROUTE: HeaderName = HeaderName::from_static("spin-matched-route");
const RAW_COMPONENT_ROUTE: HeaderName = HeaderName::from_static("spin-raw-component-route");
const COMPONENT_ROUTE: HeaderName = HeaderName::from_static("spin-component-route");
const BASE_PATH: HeaderName = HeaderName::from_static("spin-base-path");

const EMPTY: HeaderValue = HeaderValue::from_static("");
const ROOT: HeaderValue = HeaderValue::from_static("/");

/// How many fields every request gets, for the space they need.
const FIELDS: usize = 5;

/// How many more a request from a client gets: its URL, its client, its id and its trace.
const OTHER_FIELDS: usize = 4;

/// What is known of a route before any request: made once, because it is needed for each.
#[derive(Debug)]
pub(super) struct RouteHeaders {
    pub(super) trigger: usize,
    pub(super) raw: String,
    pub(super) wildcard: bool,
    /// How many segments stand before the wildcard.
    pub(super) depth: usize,
    /// The index of the segment of each parameter, and the field that it goes to.
    pub(super) parameters: Vec<(usize, HeaderName)>,
    /// These as text, of which each request gets a copy: values that all workers have are counted in one place.
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
        // A pattern's names are letters, digits and dashes, which every header name may have.
        Some((index, HeaderName::try_from(name).ok()?))
    });
    named.collect()
}

/// A field value. What a path may hold is allowed in one, but for DEL, which becomes nothing.
fn value(text: &str) -> HeaderValue {
    HeaderValue::from_bytes(text.as_bytes()).unwrap_or(EMPTY)
}

impl RouteMatch<'_, '_> {
    /// Tells the function about its route. Fields of these names that were there are replaced.
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

/// The same for a call from another component, which is as if the route were `/...`.
pub fn insert_internal_headers(path: &str, headers: &mut HeaderMap) {
    const EVERYTHING: HeaderValue = HeaderValue::from_static("/...");
    headers.insert(PATH_INFO, value(path));
    headers.insert(MATCHED_ROUTE, EVERYTHING);
    headers.insert(RAW_COMPONENT_ROUTE, EVERYTHING);
    headers.insert(COMPONENT_ROUTE, EMPTY);
    headers.insert(BASE_PATH, ROOT);
}

/// Removes every `spin-*` field, whatever a client wrote there.
pub fn strip_reserved_headers(headers: &mut HeaderMap) {
    let reserved = |name: &&HeaderName| name.as_str().starts_with(RESERVED);
    // Most requests have none, and then nothing is allocated.
    let found: Vec<_> = headers.keys().filter(reserved).cloned().collect();
    for name in found {
        headers.remove(name);
    }
}
