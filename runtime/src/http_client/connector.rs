//! Connects to other servers: resolves the name once, judges each address, and connects to the allowed ones.
//! There is no second look-up, so a name cannot change its address after the judgement. [`Judge`] is the callers'.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use http::uri::Scheme;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower_service::Service;

use crate::certificates::Authorities;

/// Finds the addresses of a host.
pub(crate) type Lookup = fn(String, u16) -> Looked;

/// The addresses of a host, when they are found.
pub(crate) type Looked = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;

/// Decides whether a connection to an address of the URI's host is allowed.
pub(crate) type Judge = Arc<dyn Fn(&Uri, SocketAddr) -> Result<(), ConnectError> + Send + Sync>;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why the client did not try to connect.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    /// The host has no address.
    #[error("the name cannot be resolved")]
    Unresolved(#[source] io::Error),
    /// The look-up took too long.
    #[error("resolving the name took too long")]
    ResolvingTimeout,
    /// Nothing grants the address.
    #[error("the address is not granted")]
    Denied,
    /// The address is in a protected network, which grants do not change.
    #[error("the address is in a protected network")]
    Prohibited,
}

/// Connects to servers.
#[derive(Clone)]
pub(crate) struct Connector {
    /// The limit of the look-up, and of the connection after it.
    pub(crate) timeout: Duration,
    pub(crate) lookup: Lookup,
    /// The address to connect to, for a caller that has looked it up.
    pub(crate) address: Option<SocketAddr>,
    /// Without a judge, all addresses are allowed.
    pub(crate) judge: Option<Judge>,
    /// Those that sign the certificates of servers, instead of the authorities that browsers trust.
    pub(crate) authorities: Option<Authorities>,
}

impl Connector {
    /// Connects to any server that the system's resolver finds.
    pub(crate) fn new(timeout: Duration) -> Self {
        Self {
            timeout,
            lookup: system_lookup,
            address: None,
            judge: None,
            authorities: None,
        }
    }

    /// The same for servers at this address only, if there is one.
    pub(crate) fn at(self, address: Option<SocketAddr>) -> Self {
        Self { address, ..self }
    }

    /// The same for servers whose certificates these authorities sign, if there are some.
    pub(crate) fn trusting(self, authorities: Option<Authorities>) -> Self {
        Self {
            authorities,
            ..self
        }
    }

    async fn connect(self, target: Uri) -> Result<TokioIo<TcpStream>, BoxError> {
        let addresses = self.allowed(&target).await?;
        let mut http = HttpConnector::new_with_resolver(Found(addresses));
        http.set_connect_timeout(Some(self.timeout));
        http.set_nodelay(true);
        http.enforce_http(false);
        Ok(http.call(target).await?)
    }

    /// The allowed addresses of the target's host.
    async fn allowed(&self, target: &Uri) -> Result<Vec<SocketAddr>, ConnectError> {
        let mut refused = None;
        let mut addresses = self.look_up(target).await?;
        addresses.retain(|address| match &self.judge {
            Some(judge) => judge(target, *address)
                .map_err(|error| refused = Some(error))
                .is_ok(),
            None => true,
        });
        match refused {
            Some(error) if addresses.is_empty() => Err(error),
            _ => Ok(addresses),
        }
    }

    /// The addresses of the target's host, judged by nobody.
    pub(crate) async fn look_up(&self, target: &Uri) -> Result<Vec<SocketAddr>, ConnectError> {
        if let Some(address) = self.address {
            return Ok(vec![address]);
        }
        let host = target.host().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let is_https = target.scheme() == Some(&Scheme::HTTPS);
        let port = target.port_u16().unwrap_or(if is_https { 443 } else { 80 });
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        let found = (self.lookup)(host.to_owned(), port);
        let found = tokio::time::timeout(self.timeout, found).await;
        let found = found.map_err(|_| ConnectError::ResolvingTimeout)?;
        let found = found.map_err(ConnectError::Unresolved)?;
        if found.is_empty() {
            let nothing = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
            return Err(ConnectError::Unresolved(nothing));
        }
        Ok(found)
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<TcpStream>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, target: Uri) -> Self::Future {
        Box::pin(self.clone().connect(target))
    }
}

/// The system's resolver.
pub(crate) fn system_lookup(host: String, port: u16) -> Looked {
    Box::pin(async move { Ok(tokio::net::lookup_host((host, port)).await?.collect()) })
}

/// A resolver that returns known addresses.
#[derive(Clone)]
struct Found(Vec<SocketAddr>);

impl Service<Name> for Found {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Name) -> Self::Future {
        ready(Ok(self.0.clone().into_iter()))
    }
}
