//! Addresses that guests cannot reach by a name or a wildcard: networks that the settings block, and the listeners of this
//! process. [`crate::grants`] has the manifest's side of the decision.

use std::net::{IpAddr, SocketAddr, UdpSocket};

use ipnet::IpNet;

/// Addresses that guests do not reach by a name or a wildcard.
#[derive(Debug, Default)]
pub struct ProtectedNetworks {
    blocked: Vec<IpNet>,
    own_ports: Vec<u16>,
}

impl ProtectedNetworks {
    /// Protects `blocked` networks, and the `listeners` of this process.
    #[must_use]
    pub fn new(blocked: Vec<IpNet>, listeners: impl IntoIterator<Item = SocketAddr>) -> Self {
        let own_ports = listeners.into_iter().map(|listener| listener.port());
        Self {
            blocked,
            own_ports: own_ports.collect(),
        }
    }

    /// Whether the settings block `address`. No grant changes that.
    pub(super) fn blocks(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.blocked
            .iter()
            .any(|network| network.contains(&address))
    }

    /// Whether a connection to `address` would reach a listener of this process.
    pub(super) fn is_own_listener(&self, address: SocketAddr) -> bool {
        self.own_ports.contains(&address.port()) && is_of_this_machine(address)
    }
}

/// Whether connections to `address` stay on this machine. The test is a bind: a machine can bind only its own addresses.
fn is_of_this_machine(mut address: SocketAddr) -> bool {
    let ip = address.ip().to_canonical();
    if ip.is_loopback() || ip.is_unspecified() {
        return true;
    }
    address.set_ip(ip);
    address.set_port(0);
    UdpSocket::bind(address).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_is_known_by_every_address_of_its_machine() {
        let listener = "0.0.0.0:3001".parse().unwrap();
        let networks = ProtectedNetworks::new(Vec::new(), [listener]);
        for (address, expected) in [
            ("127.0.0.1:3001", true),
            ("127.8.8.8:3001", true),
            ("0.0.0.0:3001", true),
            ("[::1]:3001", true),
            ("[::]:3001", true),
            ("[::ffff:127.0.0.1]:3001", true),
            ("[::ffff:0.0.0.0]:3001", true),
            ("127.0.0.1:3002", false),
            // RFC 5737: nobody's.
            ("192.0.2.1:3001", false),
        ] {
            let address = address.parse().unwrap();
            assert_eq!(networks.is_own_listener(address), expected, "{address}");
        }
    }

    #[test]
    fn a_blocked_network_is_known_in_both_notations() {
        let networks = ProtectedNetworks::new(vec!["10.0.0.0/8".parse().unwrap()], []);
        assert!(networks.blocks("10.1.2.3".parse().unwrap()));
        assert!(networks.blocks("::ffff:10.1.2.3".parse().unwrap()));
        assert!(!networks.blocks("11.1.2.3".parse().unwrap()));
    }
}
