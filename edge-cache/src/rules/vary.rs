//! Selecting among variants by `Vary` (RFC 9111 §4.1).

/// The nominated fields of a stored response, with the values that its request had.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct VaryKey;
