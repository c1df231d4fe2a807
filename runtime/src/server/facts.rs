//! Owns the facts that all requests of a connection share. Serving it is left to `connection`.

use std::net::SocketAddr;

/// The facts that all requests of one connection share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Connection {
    pub(super) peer: SocketAddr,
    /// The address that the client has connected to.
    pub(super) local: SocketAddr,
    /// Whether the peer is a trusted proxy: decided once per connection.
    pub(super) peer_is_trusted: bool,
    /// Whether the connection has TLS, so that its scheme is `https`.
    pub(super) has_tls: bool,
}

#[cfg(test)]
impl Connection {
    /// A connection from `peer` without TLS.
    pub(super) fn plain(peer: SocketAddr, peer_is_trusted: bool) -> Self {
        Self {
            peer,
            local: SocketAddr::from(([192, 0, 2, 1], 3000)),
            peer_is_trusted,
            has_tls: false,
        }
    }
}
