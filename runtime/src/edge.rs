//! Owns the origin of `terrace edge`: what is sent to it, and what its answers become for the client.
//! The order of an edge's stages is left to `serving`.

mod message;
mod origin_client;

pub(crate) use origin_client::OriginClient;
