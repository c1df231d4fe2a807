//! What functions may reach outside of themselves.

pub mod grants;
