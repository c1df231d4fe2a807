//! Which hosts a component may reach: the entries of `allowed_outbound_hosts`.
//! Nothing is allowed that no entry names. Connecting belongs to the clients that ask here first.

use std::net::IpAddr;

mod parse;
#[cfg(test)]
mod tests;

use std::ops::Range;

use ipnet::IpNet;

use crate::fault::Reason;

/// The domain under which the components of an app reach each other.
pub const INTERNAL_DOMAIN: &str = "spin.internal";

/// The domain under which the queues of an app receive messages.
pub const QUEUE_DOMAIN: &str = "queue.internal";

/// One entry of `allowed_outbound_hosts`: a scheme, a host and ports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    scheme: Scheme,
    host: Host,
    ports: Ports,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Scheme {
    Any,
    Only(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Host {
    Any,
    /// A name or an address, in lower case.
    Only(String),
    /// What the host must end in, with its leading dot.
    Below(String),
    Network(IpNet),
    /// The app itself.
    OwnApp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Ports {
    Any,
    /// From the first to before the last: `u32`, so that 65535 can be within.
    Within(Range<u32>),
}

impl Grant {
    /// Reads one entry, in which templates are already resolved.
    ///
    /// # Errors
    /// Says which part is wrong and how it is written.
    pub fn parse(text: &str) -> Result<Self, Reason> {
        parse::grant(text)
    }

    /// The component that the entry names, as in `http://api.spin.internal`.
    pub fn component(&self) -> Option<&str> {
        match &self.host {
            Host::Only(host) => host.strip_suffix(INTERNAL_DOMAIN)?.strip_suffix('.'),
            _ => None,
        }
    }

    /// The queue that the entry names, as in `http://mail.queue.internal`.
    pub fn queue(&self) -> Option<&str> {
        match &self.host {
            Host::Only(host) => host.strip_suffix(QUEUE_DOMAIN)?.strip_suffix('.'),
            _ => None,
        }
    }

    fn allows(&self, target: &Target<'_>) -> bool {
        self.allows_scheme(target.scheme)
            && self.allows_host(target)
            && self.allows_port(target.port)
    }

    fn allows_scheme(&self, scheme: &str) -> bool {
        match &self.scheme {
            Scheme::Any => true,
            Scheme::Only(only) => only.eq_ignore_ascii_case(scheme),
        }
    }

    fn allows_host(&self, target: &Target<'_>) -> bool {
        match &self.host {
            Host::Any => true,
            Host::Only(only) => *only == target.host,
            Host::Below(suffix) => {
                target.host.len() > suffix.len() && target.host.ends_with(suffix)
            }
            Host::Network(network) => target.address.is_some_and(|ip| network.contains(&ip)),
            Host::OwnApp => false,
        }
    }

    fn allows_port(&self, port: Option<u16>) -> bool {
        match (&self.ports, port) {
            (Ports::Any, _) => true,
            (Ports::Within(ports), Some(port)) => ports.contains(&port.into()),
            (Ports::Within(_), None) => false,
        }
    }
}

/// Where a component wants to go.
struct Target<'t> {
    scheme: &'t str,
    host: String,
    port: Option<u16>,
    address: Option<IpAddr>,
}

/// All that a component may reach.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AllowedHosts {
    grants: Vec<Grant>,
}

impl AllowedHosts {
    /// Reads the entries of a component, in which templates are already resolved. An empty entry and
    /// a bare `http://` or `https://` grant nothing: so a variable can switch a grant off.
    ///
    /// # Errors
    /// The first entry that is wrong.
    pub fn parse<S: AsRef<str>>(entries: &[S]) -> Result<Self, Reason> {
        let entries = entries.iter().map(|entry| entry.as_ref().trim());
        let given = entries.filter(|entry| !matches!(*entry, "" | "http://" | "https://"));
        let grants = given.map(Grant::parse).collect::<Result<_, _>>()?;
        Ok(Self { grants })
    }

    /// Whether a component may connect to a host. A missing port means the scheme's own port;
    /// `resolved` is the address that will be connected to, where it is known, and lets a
    /// network (`10.0.0.0/8`) allow a name.
    pub fn allows(
        &self,
        scheme: &str,
        host: &str,
        port: Option<u16>,
        resolved: Option<IpAddr>,
    ) -> bool {
        let host = bare(host).to_ascii_lowercase();
        let address = resolved.or_else(|| host.parse().ok());
        let target = Target {
            scheme,
            port: port.or_else(|| well_known_port(scheme)),
            // An IPv4 address in IPv6 clothes is judged as what it is.
            address: address.map(|ip| ip.to_canonical()),
            host,
        };
        self.grants.iter().any(|grant| grant.allows(&target))
    }

    /// Whether a component may connect to a host, if the host has an address in a network that is granted.
    pub fn may_allow(&self, scheme: &str, host: &str, port: Option<u16>) -> bool {
        let is_address = bare(host).parse::<IpAddr>().is_ok();
        let port_of_scheme = port.or_else(|| well_known_port(scheme));
        self.allows(scheme, host, port, None)
            || self.grants.iter().any(|grant| {
                !is_address
                    && matches!(grant.host, Host::Network(_))
                    && grant.allows_scheme(scheme)
                    && grant.allows_port(port_of_scheme)
            })
    }

    /// Whether an entry names this very address, and not a network, a name or a wildcard that it is in.
    pub fn names_address(&self, scheme: &str, address: IpAddr, port: u16) -> bool {
        let address = address.to_canonical();
        self.grants.iter().any(|grant| {
            matches!(&grant.host, Host::Network(network) if *network == IpNet::from(address))
                && grant.allows_scheme(scheme)
                && grant.allows_port(Some(port))
        })
    }

    /// Whether a component may call its own app by a relative URL or by `self.alt`.
    pub fn allows_self(&self, scheme: &str) -> bool {
        let own = |grant: &Grant| matches!(grant.host, Host::OwnApp | Host::Any);
        self.grants
            .iter()
            .any(|grant| own(grant) && grant.allows_scheme(scheme))
    }
}

/// A host without the brackets of an IPv6 address.
fn bare(host: &str) -> &str {
    host.strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host)
}

/// The port of a scheme that has one of its own.
pub fn well_known_port(scheme: &str) -> Option<u16> {
    const PORTS: [(&str, u16); 6] = [
        ("http", 80),
        ("https", 443),
        ("postgres", 5432),
        ("mysql", 3306),
        ("redis", 6379),
        ("mqtt", 1883),
    ];
    let known = PORTS
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(scheme))?;
    Some(known.1)
}
