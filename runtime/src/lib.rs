//! The Terrace runtime: serves HTTP functions compiled to WebAssembly.

pub mod kv;
pub mod sql;
