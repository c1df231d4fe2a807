//! Owns what the listening sockets of a server are for, and where each is to listen. Taking the addresses is the parent's.

use std::fmt;
use std::net::SocketAddr;

/// How many sockets a server has at most.
pub(super) const LISTENERS: usize = 3;

/// What a listening socket is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Clients without TLS.
    Http,
    /// Clients with TLS.
    Https,
    /// Metrics, health and administration.
    Admin,
}

/// Where a server is to listen.
#[derive(Clone, Copy, Debug)]
pub struct Addresses {
    /// For clients without TLS.
    pub http: SocketAddr,
    /// For clients with TLS, if it serves them.
    pub https: Option<SocketAddr>,
    /// For metrics and health, if it serves them.
    pub admin: Option<SocketAddr>,
}

impl Purpose {
    const ALL: [Self; LISTENERS] = [Self::Http, Self::Https, Self::Admin];

    /// The purpose with this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.name() == name)
    }

    /// As [listen] of the settings has it.
    fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl Addresses {
    /// What the socket on this address is for.
    pub(super) fn purpose(&self, address: SocketAddr) -> Option<Purpose> {
        let is_there = |purpose: &Purpose| self.of(*purpose) == Some(address);
        Purpose::ALL.into_iter().find(is_there)
    }

    /// Puts another address in the place of the one for this purpose. Whether there is one.
    pub(super) fn replace(&mut self, purpose: Purpose, address: SocketAddr) -> bool {
        let is_asked = self.of(purpose).is_some();
        match purpose {
            _ if !is_asked => {}
            Purpose::Http => self.http = address,
            Purpose::Https => self.https = Some(address),
            Purpose::Admin => self.admin = Some(address),
        }
        is_asked
    }

    fn of(&self, purpose: Purpose) -> Option<SocketAddr> {
        match purpose {
            Purpose::Http => Some(self.http),
            Purpose::Https => self.https,
            Purpose::Admin => self.admin,
        }
    }
}
