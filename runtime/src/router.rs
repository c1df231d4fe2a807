//! Finds the trigger for a path, and tells its function about the route. The manifest decides which routes exist.
//!
//! Paths are compared without decoding, and `//` and `/./` stay, so that two resources are never mixed up. One `/` at the
//! end makes no difference, as in Spin.

mod headers;
mod pattern;
#[cfg(test)]
mod tests;
mod tree;

use headers::RouteHeaders;
pub use headers::{insert_internal_headers, strip_reserved_headers};
pub use pattern::{RESERVED_PREFIX, RoutePattern, Segment};
use tree::Tree;

/// All routes of an app. In each segment a literal beats a parameter, which beats a wildcard; so
/// an exact route beats a wildcard and the longest prefix wins.
#[derive(Debug, Default)]
pub struct Router {
    tree: Tree,
    routes: Vec<RouteHeaders>,
}

impl Router {
    /// A router over routes, each with the index of its trigger.
    pub fn new<'p>(routes: impl IntoIterator<Item = (usize, &'p RoutePattern)>) -> Self {
        let mut router = Self::default();
        for (trigger, pattern) in routes {
            router.tree.insert(pattern, router.routes.len());
            router.routes.push(RouteHeaders::new(trigger, pattern));
        }
        router
    }

    /// The trigger that answers a path (without query), if any. Allocates nothing.
    pub fn find<'r, 'p>(&'r self, path: &'p str) -> Option<RouteMatch<'r, 'p>> {
        let route = self.tree.find(path)?;
        let route = self.routes.get(route)?;
        Some(RouteMatch { route, path })
    }
}

/// A route and the path that it matches.
#[derive(Debug, Clone, Copy)]
pub struct RouteMatch<'r, 'p> {
    route: &'r RouteHeaders,
    path: &'p str,
}

impl<'r, 'p> RouteMatch<'r, 'p> {
    /// The index of the trigger.
    pub fn trigger(&self) -> usize {
        self.route.trigger
    }

    /// The route as the manifest has it, for logs and metrics.
    pub fn raw_route(&self) -> &'r str {
        &self.route.raw
    }

    /// The part of the path that the wildcard matches, with its leading `/`; empty without a wildcard.
    pub fn path_info(&self) -> &'p str {
        if !self.route.wildcard {
            return "";
        }
        // The wildcard begins at the slash that follows the segments of the route.
        let mut slashes = self.path.match_indices('/');
        slashes
            .nth(self.route.depth)
            .map_or("", |(at, _)| &self.path[at..])
    }

    /// The values of the parameters, each with the header field for it.
    fn parameters(&self) -> impl Iterator<Item = (&'r http::HeaderName, &'p str)> {
        let path = self.path;
        self.route.parameters.iter().map(move |(segment, name)| {
            // The path begins with a slash, so its first part is empty.
            (name, path.split('/').nth(segment + 1).unwrap_or_default())
        })
    }
}
