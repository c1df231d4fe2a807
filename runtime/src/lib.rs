//! The Terrace runtime: serves HTTP functions compiled to WebAssembly.

pub mod capability;
pub mod clock;
pub mod engine;
pub mod failure;
pub mod function;
pub mod deployment;
pub mod guest_output;
pub mod host;
pub mod kv;
pub mod limits;
pub mod manifest;
pub mod observe;
pub mod outbound;
pub mod server;
pub mod sql;
