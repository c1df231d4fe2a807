//! Owns the stage `forward` of `terrace edge`: the requests to the origin and its responses.
//! The order of an edge's stages is left to `serving`.

mod message;
mod origin_client;

pub(crate) use origin_client::OriginClient;
