//! SQLite. One thread writes and commits in groups ([`writer_thread`]); reads run where they are asked for, or on
//! threads of their own if they take long ([`pool`]); a [`Session`] decides which.

mod authorizer;
mod catalogue;
mod connection;
mod copy;
mod counters;
mod database;
mod failures;
mod indexes;
mod interrupt;
mod job;
mod math;
mod open;
mod pool;
mod session;
mod shared;
mod statement_kinds;
#[cfg(test)]
mod tests;
mod writer;
mod writer_thread;

pub(in crate::sql) use connection::to_sqlite;
pub(crate) use database::Database;
pub(in crate::sql) use math::define as define_math;
pub(crate) use open::create_folder;
pub(in crate::sql) use open::moved_to;
pub(crate) use session::Session;
