//! The Terrace runtime: serves HTTP functions compiled to WebAssembly.

pub mod fault;
