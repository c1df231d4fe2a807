//! Requests that guests send: to other servers, to other components of the app, and to the app itself.
//! [`crate::grants`] reads the granted hosts, `http_client` sends, and an [`AppCalls`] answers within the app.

mod hooks;
mod networks;
mod send;

pub use hooks::OutboundHooks;
pub use networks::ProtectedNetworks;

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Instant;

use http::{Request, Response, Uri};
use storage::sql;
use wasmtime_wasi_http::{Error, WasiBody};

use crate::grants::AllowedHosts;
use crate::http_client::ConnectError;
use crate::queues::AppQueues;
use crate::request::{RequestContext, WorkerId};

/// The host name with which an app calls itself.
pub(crate) const OWN_HOST: &str = "self.alt";

/// The servers and components that one component can reach.
pub struct Outbound {
    /// The hosts that the manifest grants.
    pub allowed_hosts: AllowedHosts,
    /// Addresses that a grant of a name does not cover.
    pub networks: Arc<ProtectedNetworks>,
    /// The queues of the component's app.
    pub queues: Arc<AppQueues>,
    /// The component's app, set when the app is complete. Weak, because the app owns the component.
    pub app: Arc<OnceLock<Weak<dyn AppCalls>>>,
}

/// The call that a guest works on. The guest's own requests are part of it.
#[derive(Clone)]
pub struct GuestCall {
    /// The client's request, which caused the call.
    pub context: Arc<RequestContext>,
    /// The worker on which the whole call runs.
    pub worker: WorkerId,
    /// The time by which the call must end.
    pub deadline: Instant,
    /// The number of calls from component to component before this one.
    pub depth: u32,
    /// For whom the guest's statements are counted, once it has begun.
    pub queries: Option<Arc<sql::Request>>,
}

/// Answers requests that guests send within their app.
pub trait AppCalls: Send + Sync {
    /// Answers a request of the guest of `caller` to the component `id`. Without an `id`, the app's routes decide.
    fn call_within(
        self: Arc<Self>,
        caller: GuestCall,
        id: Option<String>,
        request: Request<WasiBody>,
    ) -> Answer;
}

/// The response to a call within the app, or the error for the calling guest.
pub type Answer = Pin<Box<dyn Future<Output = Result<Response<WasiBody>, Error>> + Send>>;

impl Outbound {
    /// Whether the component may connect to `address`, an address of the host in `target`.
    fn judge(&self, target: &Uri, address: SocketAddr) -> Result<(), ConnectError> {
        let scheme = target.scheme_str().unwrap_or("http");
        let host = target.host().unwrap_or_default();
        let ip = address.ip();
        if !self
            .allowed_hosts
            .allows(scheme, host, Some(address.port()), Some(ip))
        {
            return Err(ConnectError::Denied);
        }
        let is_granted = || self.allowed_hosts.names_address(scheme, ip, address.port());
        if self.networks.blocks(ip) || (self.networks.is_own_listener(address) && !is_granted()) {
            tracing::warn!(
                "a connection to {address} for {scheme}://{host} was denied: the settings block this network, or this \
                 server listens there itself"
            );
            return Err(ConnectError::Prohibited);
        }
        Ok(())
    }
}
