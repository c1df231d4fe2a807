//! wasmtime calls these hooks when a guest sends a request. They check the grant and choose the destination.
//! [`super::send`] sends requests to other servers.

use std::sync::Arc;

use http::Request;
use http::uri::Scheme;
use http_body::Body;
use wasmtime_wasi_http::{
    DEFAULT_FORBIDDEN_HEADERS, Error, ForbiddenHeaderFilter, RequestOptions, WasiBody,
    WasiHttpHooks,
};

use super::{GuestCall, OWN_HOST, Outbound, send};
use crate::grants::{INTERNAL_DOMAIN, QUEUE_DOMAIN};

type Sent = wasmtime_wasi_http::Result<(http::Response<WasiBody>, IoResult)>;
type IoResult = Box<dyn Future<Output = wasmtime_wasi_http::Result<()>> + Send>;

/// The hooks of one instance.
pub struct OutboundHooks {
    outbound: Arc<Outbound>,
    caller: Option<GuestCall>,
}

/// The destination of a request.
enum Destination {
    /// Another component of the app.
    Component(String),
    /// The app itself, by its routes.
    OwnApp,
    /// A queue of the app.
    Queue(String),
    /// Another server.
    Elsewhere,
}

impl OutboundHooks {
    pub(crate) fn new(outbound: Arc<Outbound>) -> Self {
        Self {
            outbound,
            caller: None,
        }
    }

    pub(crate) fn begin_request(&mut self, caller: GuestCall) {
        self.caller = Some(caller);
    }

    /// The destination of the request, if the component may send to it.
    fn destination(&self, request: &Request<WasiBody>) -> wasmtime_wasi_http::Result<Destination> {
        let scheme = request.uri().scheme_str().unwrap_or("http");
        let Some(authority) = request.uri().authority() else {
            return self.own_app(scheme);
        };
        // The second name is Spin's; the first is the one in grants.
        if ["self", OWN_HOST]
            .iter()
            .any(|own| authority.host().eq_ignore_ascii_case(own))
        {
            return self.own_app(scheme);
        }
        let allowed = &self.outbound.allowed_hosts;
        // If the grants name addresses only, the name is judged again when it is resolved.
        if !allowed.may_allow(scheme, authority.host(), authority.port_u16()) {
            tracing::warn!(
                "a request to {scheme}://{authority} was denied; \
                 add it to the component's allowed_outbound_hosts in spin.toml"
            );
            return Err(Error::HttpRequestDenied);
        }
        let host = authority.host().to_ascii_lowercase();
        if let Some(queue) = below(&host, QUEUE_DOMAIN) {
            return Ok(Destination::Queue(queue.to_owned()));
        }
        let component = below(&host, INTERNAL_DOMAIN).map(str::to_owned);
        Ok(component.map_or(Destination::Elsewhere, Destination::Component))
    }

    fn own_app(&self, scheme: &str) -> wasmtime_wasi_http::Result<Destination> {
        if self.outbound.allowed_hosts.allows_self(scheme) {
            Ok(Destination::OwnApp)
        } else {
            Err(Error::HttpRequestDenied)
        }
    }
}

/// The name in front of a domain of the app.
fn below<'h>(host: &'h str, domain: &str) -> Option<&'h str> {
    host.strip_suffix(domain)?.strip_suffix('.')
}

/// Sends events to a queue of the app.
async fn enqueue(
    outbound: Arc<Outbound>,
    caller: Option<GuestCall>,
    queue: String,
    request: Request<WasiBody>,
) -> Sent {
    let caller = caller.ok_or(Error::DestinationUnavailable)?;
    let accepting = outbound
        .queues
        .accept(&queue, request, &caller.context, caller.deadline);
    Ok((accepting.await, Box::new(async { Ok(()) })))
}

/// Sends a request within the app, on this worker.
async fn send_within(
    outbound: Arc<Outbound>,
    caller: Option<GuestCall>,
    destination: Option<String>,
    request: Request<WasiBody>,
) -> Sent {
    let app = outbound.app.get().and_then(std::sync::Weak::upgrade);
    let (Some(app), Some(caller)) = (app, caller) else {
        return Err(Error::DestinationUnavailable);
    };
    let response = app.call_within(caller, destination, request).await?;
    Ok((response, Box::new(async { Ok(()) })))
}

impl WasiHttpHooks for OutboundHooks {
    // The default creates a new filter for each field.
    fn is_forbidden_header(&mut self, name: &http::HeaderName) -> bool {
        DEFAULT_FORBIDDEN_HEADERS.contains(name)
    }

    fn forbidden_header_filter(&mut self) -> ForbiddenHeaderFilter {
        Arc::new(|name| DEFAULT_FORBIDDEN_HEADERS.contains(name))
    }

    // Within its app a guest may leave out the scheme. For all other targets https is the safer guess.
    fn default_scheme(&mut self) -> Option<Scheme> {
        Some(Scheme::HTTPS)
    }

    fn send_request(
        &mut self,
        mut request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _processed: IoResult,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        let outbound = Arc::clone(&self.outbound);
        let caller = self.caller.clone();
        if let Some(caller) = &caller {
            caller.context.trace.continue_in(request.headers_mut());
            if let Some(queries) = &caller.queries {
                // Of content without a length, all that the guest has may be sent.
                let upper = request.body().size_hint().upper();
                queries.hand_on(upper.unwrap_or(u64::MAX));
            }
        }
        match self.destination(&request) {
            Err(error) => Box::new(async { Err(error) }),
            Ok(Destination::Elsewhere) => Box::new(send::send(outbound, request, options)),
            Ok(Destination::Queue(name)) => Box::new(enqueue(outbound, caller, name, request)),
            Ok(Destination::OwnApp) => Box::new(send_within(outbound, caller, None, request)),
            Ok(Destination::Component(id)) => {
                Box::new(send_within(outbound, caller, Some(id), request))
            }
        }
    }
}

#[cfg(test)]
mod tests;
