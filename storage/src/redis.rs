//! Redis and Valkey: one connection to each server, which a thread of its own drives and all callers share. The names and the
//! meaning of keys are left to those that keep something there, such as [`crate::kv`]; they do not see whether the server is alone
//! or a Cluster.

mod address;
mod cluster;
mod connection;
mod failures;
mod link;
mod open;
mod server;
mod slots;
#[cfg(test)]
pub(crate) mod tests;

pub(crate) use failures::Failed;
pub(crate) use link::Node;
pub(crate) use server::{Server, Session};
