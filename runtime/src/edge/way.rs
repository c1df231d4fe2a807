//! Owns how origins are reached: the protocol, and the authorities that sign their certificates.

use std::time::Duration;

use super::endpoint::Endpoint;
use crate::certificates::Authorities;
use crate::http_client::{Client, Connector, Content, Protocols};
use crate::settings::{Edge, OriginProtocol};

/// How origins are reached.
#[derive(Clone)]
pub(super) struct Way {
    authorities: Option<Authorities>,
    protocols: Protocols,
}

impl Way {
    pub(super) fn of(edge: &Edge) -> Self {
        Self {
            authorities: edge.origin_ca.clone(),
            protocols: match edge.origin_protocol {
                OriginProtocol::Http1 => Protocols::Http1,
                OriginProtocol::Http2 => Protocols::Http2,
            },
        }
    }

    /// The same with HTTP/1.1, if it speaks something else.
    pub(super) fn with_http1(&self) -> Option<Self> {
        (self.protocols != Protocols::Http1).then(|| Self {
            protocols: Protocols::Http1,
            ..self.clone()
        })
    }

    /// New connections to an origin, each of which is made within `patience`.
    pub(super) fn client<B: Content>(&self, endpoint: &Endpoint, patience: Duration) -> Client<B> {
        let connector = Connector::new(patience).at(endpoint.address());
        let connector = connector.trusting(self.authorities.clone());
        Client::new(connector, self.protocols)
    }
}
