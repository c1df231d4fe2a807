//! What the service manager that has started this process passes to it, and what it is told: that requests are answered, by the
//! protocol of sd_notify(3).

use std::os::unix::net::UnixDatagram;

use super::error::CommandError;
use crate::environment;
use crate::server::PassedSockets;

/// The variable with the path of the socket, which a service manager sets.
const SOCKET: &str = "NOTIFY_SOCKET";

/// The listening sockets that it keeps for this process.
///
/// # Errors
/// If they are no sockets of a server.
pub(super) fn sockets() -> Result<PassedSockets, CommandError> {
    let sockets = PassedSockets::from_environment();
    sockets.map_err(|error| CommandError::Failed(error.to_string().into()))
}

/// Tells it, if there is one. A service manager that does not listen lets its own timeout pass and says so.
pub(super) fn tell_ready() {
    let Some(socket) = environment::variable(SOCKET).filter(|path| path.starts_with('/')) else {
        return;
    };
    let told = UnixDatagram::unbound().and_then(|own| own.send_to(b"READY=1\n", &socket));
    if let Err(error) = told {
        tracing::warn!(
            "the service manager at {socket} cannot be told that this server is ready: {error}"
        );
    }
}
