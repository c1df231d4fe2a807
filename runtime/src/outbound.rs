//! Requests that leave the process, and those that guests send to other components of the app and to the app itself.
//! Which hosts a manifest grants is read by `grants`; what answers within the app is handed in as [`AppCalls`].

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
use wasmtime_wasi_http::{Error, WasiBody};

use crate::grants::AllowedHosts;
use crate::http_client::ConnectError;
use crate::request::{RequestContext, WorkerId};

/// The host by which an app calls itself.
pub(crate) const OWN_HOST: &str = "self.alt";

/// What one component may reach, and the way to the rest of its app.
pub struct Outbound {
    /// The hosts that the manifest grants.
    pub allowed_hosts: AllowedHosts,
    /// What no manifest can grant by a name.
    pub networks: Arc<ProtectedNetworks>,
    /// The app that the component is part of; set once the app is complete. Weak, because the app owns the component.
    pub app: Arc<OnceLock<Weak<dyn AppCalls>>>,
}

/// The call whose guest sends a request.
#[derive(Clone)]
pub struct GuestCall {
    /// The client's request, on whose behalf the call is.
    pub context: Arc<RequestContext>,
    /// The worker that all of the call happens on.
    pub worker: WorkerId,
    /// When the call must have ended.
    pub deadline: Instant,
    /// How many calls from component to component led here.
    pub depth: u32,
}

/// What answers requests that guests send within their app.
pub trait AppCalls: Send + Sync {
    /// Answers a request that the guest of `caller` sends to the component called `id`, or without one to the app by its
    /// routes.
    fn call_within(
        self: Arc<Self>,
        caller: GuestCall,
        id: Option<String>,
        request: Request<WasiBody>,
    ) -> Answer;
}

/// The response to a call within the app, or what the calling guest is told of its failure.
pub type Answer = Pin<Box<dyn Future<Output = Result<Response<WasiBody>, Error>> + Send>>;

impl Outbound {
    /// Whether the component may connect to `address`, which is one that the host of `target` has.
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
