//! Owns the connections of one worker to the origins.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use http::Request;

use super::endpoint::Endpoint;
use super::origins::Origins;
use crate::http_client::Client;
use crate::request::{RequestBody, WebSocketWanted};
use crate::settings::Edge;

/// The connections of a worker.
pub(super) struct Connections {
    origins: Arc<Origins>,
    connect_timeout: Duration,
    by_endpoint: RefCell<Vec<(Arc<Endpoint>, Clients)>>,
}

/// The connections to one origin.
struct Clients {
    all: Client<RequestBody>,
    /// A request to switch protocols needs HTTP/1.1 (RFC 9110 §7.8).
    switching: Client<RequestBody>,
}

impl Connections {
    pub(super) fn new(origins: Arc<Origins>, edge: &Edge) -> Self {
        Self {
            origins,
            connect_timeout: edge.connect_timeout,
            by_endpoint: RefCell::default(),
        }
    }

    /// The connections to an origin that a request may use.
    pub(super) fn to<B>(
        &self,
        endpoint: &Arc<Endpoint>,
        request: &Request<B>,
    ) -> Client<RequestBody> {
        let may_switch = request.extensions().get::<WebSocketWanted>().is_some();
        let of = |clients: &Clients| {
            let client = if may_switch {
                &clients.switching
            } else {
                &clients.all
            };
            client.clone()
        };
        let mut known = self.by_endpoint.borrow_mut();
        if let Some((_, clients)) = known.iter().find(|(of, _)| Arc::ptr_eq(of, endpoint)) {
            return of(clients);
        }
        // Where one is new, others may be gone.
        let listed = self.origins.endpoints();
        known.retain(|(known, _)| listed.iter().any(|one| Arc::ptr_eq(known, one)));
        let way = &self.origins.way;
        let all = way.client(endpoint, self.connect_timeout);
        let switching = match way.with_http1() {
            None => all.clone(),
            Some(way) => way.client(endpoint, self.connect_timeout),
        };
        let clients = Clients { all, switching };
        let client = of(&clients);
        known.push((Arc::clone(endpoint), clients));
        client
    }
}
