//! Storage for functions: SQL databases and key-value stores. The program that uses this crate names them, grants them and offers
//! them to guests.
//!
#![doc = include_str!("../README.md")]

mod authorities;
mod breaker;
mod clock;
pub mod dialect;
pub mod disk;
mod driver;
mod failure;
pub mod kv;
pub mod limits;
pub mod queue;
pub mod rate;
pub mod records;
mod redis;
pub mod registry;
pub mod shared;
pub mod sql;
mod value;
// The end-to-end tests need the same authority, proxy and server, and nothing else of this crate.
#[cfg(test)]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "the file is a public module of the end-to-end tests"
)]
#[path = "../../tests/src/authority.rs"]
mod test_authority;
#[cfg(test)]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "the file is a public module of the end-to-end tests"
)]
#[path = "../../tests/src/nats.rs"]
mod test_nats;
#[cfg(test)]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "the file is a public module of the end-to-end tests"
)]
#[path = "../../tests/src/proxy.rs"]
mod test_proxy;
#[cfg(test)]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "the file is a public module of the end-to-end tests"
)]
#[path = "../../tests/src/redis.rs"]
mod test_redis;
#[cfg(test)]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "the file is a public module of the end-to-end tests"
)]
#[path = "../../tests/src/postgres.rs"]
mod test_server;
#[cfg(test)]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "the file is a public module of the end-to-end tests"
)]
#[path = "../../tests/src/wait.rs"]
mod test_wait;

pub use failure::EngineFailure;
pub use sql::open::{OpenError, PostgresOptions, RedisOptions, SqliteOptions};
