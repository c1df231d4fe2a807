//! Owns the conversation of a deployment to running servers: the steps that `terrace deploy` asks for, the status that a server tells,
//! the versions that a server keeps on its disk, and the judgement of a new version.
//! The steps themselves are left to `serving`, their order to the command.
//!
//! The truth about the current version is with the servers, and nowhere else: each remembers the newest `Stamp` that it has
//! committed, and takes a later one from whoever has it. A deployment is decided when the first server commits it. A server whose
//! command is gone asks the others, and goes on or back as they have decided.

mod figures;
pub mod limits;
mod peer;
mod protocol;
mod shelf;

pub(crate) use figures::{Figures, Growth, Seen, worse_by_failures, worse_by_latency};
pub(crate) use peer::{FileBody, Peer, PeerFailure};
pub(crate) use protocol::{
    BUNDLE_PATH, Command, DEPLOY_PATH, Deployment, Phase, Stage, Status, Step, Version,
};
pub(crate) use shelf::Shelf;
