//! The storage of functions: SQL databases and key-value stores. Naming them, granting them and showing them to guests
//! is left to the program that uses this crate.
//!
#![doc = include_str!("../README.md")]

mod clock;
mod failure;
pub mod kv;
pub mod sql;

pub use failure::{Blame, EngineFailure};
pub use sql::open::{OpenError, SqliteOptions};
