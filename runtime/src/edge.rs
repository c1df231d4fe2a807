//! Owns the stage `forward` of `terrace edge`: the origins, the choice among them, the requests to them and their responses.
//! The order of an edge's stages is left to `serving`.

mod attempts;
mod balancer;
mod checks;
mod connections;
mod endpoint;
mod exchange;
mod health;
mod latency;
pub mod limits;
mod message;
mod moment;
mod origin_client;
mod origins;
mod outgoing;
mod retry_budget;
#[cfg(test)]
mod testing;
mod way;

pub(crate) use origin_client::OriginClient;
pub(crate) use origins::Origins;
