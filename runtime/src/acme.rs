//! Owns certificates that are ordered from an authority by ACME (RFC 8555): when one is ordered, by which of several servers, and how the
//! others get it. Using them is left to `certificates`.

mod directory;
mod folder;
mod keeper;
pub mod limits;
mod order;
mod store;

pub(crate) use keeper::Keeper;
pub(crate) use store::Store;
