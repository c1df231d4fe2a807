//! Postgres. A thread of its own drives all connections of a database ([`crate::driver`]); a bounded pool lends them ([`pool`]). A
//! statement is translated by [`crate::dialect`] with the schema that the database's own record gives ([`catalog`]).

mod address;
mod alone;
mod cancel;
mod catalog;
mod connection;
mod database;
pub(super) mod dedicated;
mod definitions;
mod examine;
mod failures;
mod functions;
mod guard;
mod host;
mod job;
mod lock_waits;
mod open;
mod open_all;
mod plan;
mod pool;
mod prepared;
mod replicas;
mod server;
mod servers;
mod session;
mod sizes;
mod statement;
#[cfg(test)]
mod tests;
mod tls;
mod transaction;
mod translations;
mod values;

pub(crate) use database::Database;
pub(crate) use host::{HostDatabase, Parameter};
pub use server::{ServerFigures, ServerState};
pub(crate) use session::Session;
