//! Owns the rate limits of clients: which limits a request has, and whether there is room for it. Each client has buckets of its own, in
//! this process and, for a cluster, on Redis. The failure that a refused client gets is left to `failure`.

mod buckets;
mod fields;
pub mod limits;
mod shared;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use http::{HeaderName, HeaderValue};
use ipnet::IpNet;
use storage::rate;

use crate::failure::Failure;
use crate::observe::{Metrics, RateFigures};
use crate::router::{RESERVED_PREFIX, Router};
use crate::server::SERVER_WIDE;
use crate::settings::{Quota, Rates};
use buckets::Buckets;
use fields::Fields;
use shared::Shared;

/// The part of an IPv6 address that a client cannot choose: what providers give to one customer, in bits.
const IPV6_NETWORK_BITS: u32 = 64;

/// The rate limits of a server.
pub(crate) struct RateLimits {
    limits: Vec<Limit>,
    client: Option<usize>,
    /// The routes with a limit, each with its index.
    routes: Router,
    components: BTreeMap<String, usize>,
    /// Proxies, whose own requests are checks, and no client's.
    exempt: Vec<IpNet>,
    local: Buckets,
    shared: Option<Shared>,
    refused: [AtomicU64; KINDS.len()],
}

/// One limit, for each client.
struct Limit {
    kind: usize,
    /// Tells its buckets on Redis from those of others.
    name: String,
    quota: Quota,
}

/// The kinds of limits, as fields and metrics name them.
const KINDS: [&str; 3] = ["client", "route", "component"];
const CLIENT: usize = 0;
const ROUTE: usize = 1;
const COMPONENT: usize = 2;

/// What the limits make of a request.
pub(crate) struct Admission {
    /// The fields of the response.
    pub(crate) fields: [(HeaderName, HeaderValue); 2],
    /// Why there is no room for it, if there is none.
    pub(crate) refused: Option<Failure>,
}

impl RateLimits {
    /// The limits of the settings; `None` if there are none. `shared` buckets are those of an `owner`, who has the same limits on each
    /// node. Requests of `exempt` proxies themselves have no limit.
    pub(crate) fn new(
        rates: &Rates,
        exempt: Vec<IpNet>,
        shared: Option<(rate::Buckets, &str)>,
        now: Instant,
    ) -> Option<Self> {
        if rates.is_empty() {
            return None;
        }
        let mut limits = Vec::new();
        let mut add = |kind: usize, name: &str, quota: Quota| {
            let name = format!("{} {name}", KINDS[kind]);
            limits.push(Limit { kind, name, quota });
            limits.len() - 1
        };
        let client = rates.client.map(|quota| add(CLIENT, "", quota));
        let routes = rates.routes.iter();
        let routes = routes.map(|(route, quota)| (add(ROUTE, route.raw(), *quota), route));
        let routes = Router::new(routes.collect::<Vec<_>>());
        let components = rates.components.iter();
        let components = components.map(|(id, quota, _)| (id.clone(), add(COMPONENT, id, *quota)));
        let components = components.collect();
        Some(Self {
            limits,
            client,
            routes,
            components,
            exempt,
            local: Buckets::new(now),
            shared: shared.map(|(buckets, owner)| Shared::new(buckets, owner, now)),
            refused: Default::default(),
        })
    }

    /// Counts a request of a client; `None` if it has no limit. The component of its path is asked for if one has a limit.
    pub(crate) async fn admit<C: AsRef<str>>(
        &self,
        path: &str,
        client: IpAddr,
        component: impl FnOnce() -> Option<C>,
        now: Instant,
    ) -> Option<Admission> {
        // The pages and the target of checks.
        if path.starts_with(RESERVED_PREFIX) || path == SERVER_WIDE {
            return None;
        }
        let client = client.to_canonical();
        if self.exempt.iter().any(|network| network.contains(&client)) {
            return None;
        }
        let limits = self.of(path, component).into_iter().flatten();
        let client = network(client);
        let (mut fields, mut refused, mut is_limited) = (Fields::default(), None, false);
        for index in limits {
            let Limit { kind, name, quota } = &self.limits[index];
            let mut taken = self.local.take((index, client), *quota, now);
            // What is too much for one process is too much for all.
            if taken.is_allowed
                && let Some(shared) = &self.shared
            {
                // On the heap, because the future of the connection moves with each request.
                let counted = Box::pin(shared.take(name, client, *quota, now)).await;
                taken = counted.unwrap_or(taken);
            }
            is_limited = true;
            fields.add(KINDS[*kind], *quota, taken);
            if !taken.is_allowed {
                self.refused[*kind].fetch_add(1, Ordering::Relaxed);
                let seconds = fields::seconds(*quota, taken);
                refused = Some(Failure::RateLimited { seconds });
                break;
            }
        }
        is_limited.then(|| Admission {
            fields: fields.values(),
            refused,
        })
    }

    /// The limits of a request, by their indices.
    fn of<C: AsRef<str>>(
        &self,
        path: &str,
        component: impl FnOnce() -> Option<C>,
    ) -> [Option<usize>; KINDS.len()] {
        let route = self.routes.find(path).map(|route| route.trigger());
        let component = (!self.components.is_empty()).then(component).flatten();
        let component = component.and_then(|id| self.components.get(id.as_ref()).copied());
        [self.client, route, component]
    }

    /// Adds its figures to the metrics.
    pub(crate) fn tell(self: &Arc<Self>, metrics: &Metrics) {
        let limits = Arc::clone(self);
        metrics.read_rates(move || limits.figures());
    }

    /// The figures for metrics and pages.
    pub(crate) fn figures(&self) -> RateFigures {
        let refused = KINDS.iter().zip(&self.refused);
        RateFigures {
            refused: refused
                .map(|(kind, count)| (*kind, count.load(Ordering::Relaxed)))
                .collect(),
            buckets: self.local.len(),
            shared_out: self.shared.as_ref().map(Shared::is_out),
        }
    }
}

/// What counts as one client.
fn network(client: IpAddr) -> IpAddr {
    match client {
        IpAddr::V4(_) => client,
        IpAddr::V6(address) => {
            let own = u128::from(u64::MAX) << IPV6_NETWORK_BITS;
            IpAddr::V6(Ipv6Addr::from(u128::from(address) & own))
        }
    }
}

#[cfg(test)]
mod tests;
