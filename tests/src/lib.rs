//! The end-to-end harness: the real binary, real components, real sockets.
//!
//! A test describes an app, starts it, and speaks HTTP with it. Nothing here knows the runtime's code; the names
//! that tests take from its interface stand in [`contract`].

#![allow(
    clippy::panic,
    reason = "a failed expectation of a test is a panic, here as in `assert!`"
)]

pub mod app;
pub mod artefact;
pub mod authority;
pub mod client;
pub mod contract;
pub mod deploy;
pub mod history;
pub mod judge;
pub mod load;
pub mod log;
pub mod metrics;
pub mod nats;
pub mod pebble;
pub mod portable;
pub mod postgres;
pub mod process;
pub mod proxy;
pub mod raw;
pub mod realworld;
pub mod redis;
pub mod running;
pub mod secure;
pub mod slowshop;
pub mod streamed;
pub mod target;
pub mod upstream;
pub mod wait;

pub use app::App;
pub use artefact::guest;
pub use client::{Answer, Client};
pub use running::{Beside, Running};
