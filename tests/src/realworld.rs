//! The RealWorld API.
