//! What the test guests share: what a request asks for, and the faults that need no HTTP.
//!
//! The WASI version of the handler is left to the guests, so that one description of each fault serves both.

pub mod behaviour;
pub mod call;
pub mod capability;
pub mod faults;
#[cfg(all(feature = "p2", target_arch = "wasm32"))]
pub mod p2;
pub mod script;

pub use behaviour::Behaviour;
pub use call::{Answer, Call};
