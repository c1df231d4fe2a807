//! The tests of the dialect: texts, refusals, and the same statements on both engines.

mod conduit;
mod engines;
mod server;
