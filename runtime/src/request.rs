//! Owns the facts that all stages share about a request: its id, trace, caller, content, and its figures for log and metrics.
//! It lies below the modules that serve requests and knows none of them.

mod body;
mod context;
mod ends_by;
mod id;
mod interim;
pub mod limits;
mod pace;
mod trace;

use std::net::SocketAddr;

pub use body::{RequestBody, ResponseBody};
pub use context::RequestContext;
pub(crate) use ends_by::EndsBy;
pub(crate) use id::X_REQUEST_ID;
pub use id::{IdSource, RequestId};
pub use interim::Interim;
pub(crate) use pace::Pace;
pub use trace::TraceContext;

/// The number of a worker thread, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WorkerId(pub usize);

/// In the extensions of a request: its client wants to speak WebSocket on the connection (RFC 6455 §4.1).
#[derive(Clone, Copy, Debug)]
pub(crate) struct WebSocketWanted;

/// Who makes a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// A client with this address: the peer of its socket, or the one that a trusted proxy names (then with port 0).
    Client(SocketAddr),
    /// The cache, to renew a response that this client has been given already. Log and metrics do not count it as a request.
    Cache(SocketAddr),
}

impl Caller {
    /// The address of the client on whose account the request is made.
    #[must_use]
    pub fn client(self) -> SocketAddr {
        match self {
            Self::Client(address) | Self::Cache(address) => address,
        }
    }
}
