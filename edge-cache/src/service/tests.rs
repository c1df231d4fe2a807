//! What a client and an origin see of the cache.

mod collapsing;
mod compressing;
mod harness;
mod invalidating;
mod model;
mod ranges;
mod sharing;
mod storing;
mod validating;
