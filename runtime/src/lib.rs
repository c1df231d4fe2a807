//! The Terrace runtime: serves HTTP functions compiled to WebAssembly.

mod document;
pub mod fault;
pub mod limits;
pub mod manifest;
pub mod outbound;
pub mod router;
pub mod settings;
pub mod units;
pub mod variables;
