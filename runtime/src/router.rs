//! Which trigger answers a path.

mod pattern;

pub use pattern::{RESERVED_PREFIX, RoutePattern, Segment};
