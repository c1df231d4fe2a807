//! The Terrace runtime: serves HTTP functions compiled to WebAssembly.

pub mod budget;
mod cache;
pub mod capability;
pub mod cli;
pub mod clock;
mod composition;
pub mod deployment;
mod document;
pub mod edge;
pub mod engine;
pub mod failure;
pub mod fault;
pub mod function;
pub mod guest_output;
pub mod host;
pub mod limits;
pub mod manifest;
pub mod observe;
pub mod outbound;
pub mod request;
pub mod router;
pub mod server;
pub mod serving;
pub mod settings;
pub mod state;
pub mod units;
pub mod variables;
