//! Requests that leave the process, and those that guests send to other components of the app and to the app itself.

pub(crate) mod client;
pub mod grants;
mod hooks;
mod send;

pub use hooks::OutboundHooks;

use std::sync::{Arc, OnceLock, Weak};

use crate::deployment::Deployment;
use grants::AllowedHosts;

/// The host by which an app calls itself.
pub(crate) const OWN_HOST: &str = "self.alt";

/// What one component may reach, and the way to the rest of its app.
pub struct Outbound {
    /// The hosts that the manifest grants.
    pub allowed_hosts: AllowedHosts,
    /// The app that the component is part of; set once the app is complete. Weak, because the app owns the component.
    pub app: Arc<OnceLock<Weak<Deployment>>>,
}
