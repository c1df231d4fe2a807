//! Storage for functions: SQL databases and key-value stores. The program that uses this crate names them, grants them and offers
//! them to guests.
//!
#![doc = include_str!("../README.md")]

mod clock;
pub mod dialect;
mod failure;
pub mod kv;
pub mod sql;
mod value;

pub use failure::EngineFailure;
pub use sql::open::{OpenError, SqliteOptions};
