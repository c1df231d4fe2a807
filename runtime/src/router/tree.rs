//! The routes as a tree of segments. A search visits each node at most once, so its cost is bounded.
//! Parsing routes is [`super::pattern`]'s.

use std::collections::HashMap;

use super::pattern::{RoutePattern, Segment};

/// A tree with one level for each segment.
#[derive(Debug, Default)]
pub(super) struct Tree {
    literals: HashMap<String, Tree>,
    parameter: Option<Box<Tree>>,
    /// The route that ends here.
    exact: Option<usize>,
    /// The route that goes on with a wildcard.
    wildcard: Option<usize>,
}

impl Tree {
    /// Adds a route. `route` is the caller's number for it.
    pub(super) fn insert(&mut self, pattern: &RoutePattern, route: usize) {
        let node = pattern.segments().iter().fold(self, Self::child);
        let end = if pattern.is_wildcard() {
            &mut node.wildcard
        } else {
            &mut node.exact
        };
        *end = Some(route);
    }

    fn child<'t>(&'t mut self, segment: &Segment) -> &'t mut Self {
        match segment {
            Segment::Literal(text) => self.literals.entry(text.clone()).or_default(),
            Segment::Parameter(_) => self.parameter.get_or_insert_default(),
        }
    }

    /// The number of the route that answers a path.
    pub(super) fn find(&self, path: &str) -> Option<usize> {
        let rest = path.strip_prefix('/')?;
        self.descend(Some(rest).filter(|rest| !rest.is_empty()))
    }

    /// `rest` is what follows the slash after the segments so far, or nothing at the end.
    fn descend(&self, rest: Option<&str>) -> Option<usize> {
        let Some(rest) = rest else {
            return self.exact.or(self.wildcard);
        };
        let (segment, after) = match rest.split_once('/') {
            // One slash at the end does not count.
            Some((segment, "")) => (segment, None),
            Some((segment, after)) => (segment, Some(after)),
            None => (rest, None),
        };
        let literal = || self.literals.get(segment)?.descend(after);
        let parameter = || {
            self.parameter
                .as_ref()
                .filter(|_| !segment.is_empty())?
                .descend(after)
        };
        literal().or_else(parameter).or(self.wildcard)
    }
}
