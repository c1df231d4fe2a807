//! The Terrace runtime: serves HTTP functions compiled to WebAssembly.

pub mod clock;
pub mod failure;
pub mod observe;
pub mod server;
