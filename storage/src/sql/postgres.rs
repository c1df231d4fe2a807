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
mod plan;
mod pool;
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
pub(crate) use session::Session;
