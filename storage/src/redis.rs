//! Redis and Valkey: one connection to a server, which a thread of its own drives and all callers share. The names and the
//! meaning of keys are left to those that keep something there, such as [`crate::kv`].

mod address;
mod connection;
mod failures;
mod open;
mod server;
#[cfg(test)]
pub(crate) mod tests;

pub(crate) use failures::Failed;
pub(crate) use server::{Server, Session};
