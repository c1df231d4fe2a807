//! Owns the public listeners of HTTP/1.1 and HTTP/2: threads, connections, and the stages of a request that concern its client.
//! The order of all stages, and answering a request, is left to a [`Pipeline`].

mod acceptor;
mod addresses;
mod admin;
pub(crate) mod answers;
mod background;
mod connection;
mod drain;
mod exchange;
mod facts;
mod handover;
mod head;
pub mod limits;
mod passed;
mod refusal;
mod sanitise;
mod signals;
mod stages;
mod tls;
mod tunnel;
mod worker;
mod workers;
mod write_timeout;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use http::Response;
use tokio::sync::watch;

pub use addresses::{Addresses, Purpose};
pub(crate) use admin::READY_PATH;
pub use admin::{Admin, AdminConfig, AdminPage, AdminThread};
pub use background::Background;
pub use connection::Arrival;
pub use drain::{Ending, Readiness};
pub use exchange::{Exchange, ExchangeBody};
pub use handover::{Handover, HandoverError, Inheritance};
pub(crate) use head::SERVER_WIDE;
pub(crate) use passed::VARIABLES as SOCKET_VARIABLES;
pub use passed::{PassedError, PassedSockets};
pub use sanitise::TrustedProxies;
pub(crate) use sanitise::remove_hop_by_hop;
pub use signals::Signals;
pub use stages::ServerStages;
pub use tls::{Tls, certificates_page};
pub(crate) use tunnel::Tunnel;
pub use worker::PipelineParts;

use crate::observe::Observer;
use crate::settings::ServerLimits;
use acceptor::Acceptor;
use limits::CUT_TIMEOUT;
use worker::WorkerParts;
use workers::Workers;

/// The configuration of a server.
#[derive(Debug)]
pub struct ServerConfig {
    /// Where to listen without TLS; port 0 takes a free one.
    pub address: SocketAddr,
    /// The listener for `https`, if there is one.
    pub tls: Option<Tls>,
    /// Whether a client without TLS may begin with HTTP/2 (RFC 9113 §3.3).
    pub h2c: bool,
    /// Whether each connection begins with a header of the PROXY protocol, from one of the trusted proxies.
    pub proxy_protocol: bool,
    /// How many threads serve requests.
    pub workers: NonZeroUsize,
    /// The limits on clients.
    pub limits: ServerLimits,
    /// The proxies whose forwarding fields are believed.
    pub trusted_proxies: TrustedProxies,
}

/// The stages of a request, from its arrival to its response, on one worker thread. `serving/pipeline.rs` has those of
/// `terrace up` and of `terrace edge`.
///
/// Neither a pipeline nor its futures leave their thread, so they need not be `Send`. When the client is gone, the future is
/// dropped; that cancels the guest.
pub trait Pipeline: 'static {
    /// Answers one request. It takes `&self`, so that no request waits for another one to begin.
    fn answer(&self, arrival: Arrival) -> impl Future<Output = Response<ExchangeBody>>;
}

/// Listeners that are bound and do not accept yet.
#[derive(Debug)]
pub struct Server {
    config: Arc<ServerConfig>,
    http: Bound,
    https: Option<Bound>,
    observer: Arc<Observer>,
    readiness: Readiness,
}

/// A listening socket that does not block.
#[derive(Debug)]
pub(crate) struct Bound {
    listener: TcpListener,
    address: SocketAddr,
}

/// Why a server cannot listen.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {}", explain(.source))]
pub struct BindError {
    /// The address that was asked for.
    pub address: SocketAddr,
    /// What the operating system says.
    pub source: io::Error,
}

/// Why a server cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A worker thread could not be started, for lack of memory, threads or file descriptors.
    #[error("cannot start a worker thread: {0}; raise the limits of the process (`ulimit -a`)")]
    Worker(#[source] io::Error),
    /// The pipeline of a worker could not be made.
    #[error("a worker thread ended while it made its pipeline")]
    Factory,
    /// Requests were still unanswered at the end of the drain timeout, or at the second signal.
    #[error(
        "requests were cut: they were unanswered when `drain_timeout` had passed, or at the second signal"
    )]
    Drain,
    /// The listening socket cannot be watched.
    #[error("cannot wait for connections: {0}")]
    Listener(#[source] io::Error),
}

impl Server {
    /// Takes the addresses, or the sockets of a service manager or a predecessor that have them, so that everything that can be wrong with it shows
    /// before anything else starts.
    ///
    /// # Errors
    ///
    /// When an address is taken, not allowed or not of this machine.
    pub fn bind(
        config: ServerConfig,
        inheritance: &mut Inheritance,
        observer: Arc<Observer>,
        readiness: Readiness,
    ) -> Result<Self, BindError> {
        let http = bind(config.address, inheritance)?;
        let https = config.tls.as_ref();
        let https = https.map(|tls| bind(tls.address, inheritance));
        Ok(Self {
            https: https.transpose()?,
            config: Arc::new(config),
            http,
            observer,
            readiness,
        })
    }

    /// The address that was taken for `http`.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.http.address
    }

    /// The address that was taken for `https`.
    #[must_use]
    pub fn https_addr(&self) -> Option<SocketAddr> {
        self.https.as_ref().map(|bound| bound.address)
    }

    /// What hands the sockets of this server and of its admin listener over to a successor that asks at `path`. The sockets that
    /// were inherited and not taken are closed.
    ///
    /// # Errors
    ///
    /// For lack of file descriptors.
    pub fn handover(
        &self,
        admin: Option<&Admin>,
        path: PathBuf,
        inheritance: Inheritance,
    ) -> io::Result<Handover> {
        let own = std::iter::once(&self.http).chain(&self.https);
        let sockets = own.map(|bound| &bound.listener);
        let sockets = sockets.chain(admin.map(Admin::listener));
        let sockets = sockets.map(TcpListener::try_clone);
        let sockets = sockets.collect::<io::Result<_>>()?;
        Ok(Handover::new(path, sockets, inheritance.predecessor()))
    }

    /// Serves until it is told to end, with one pipeline per worker thread, made on that thread by `factory`. What
    /// pipelines spawn in the background is waited for like a request.
    ///
    /// `ready` is called once requests are answered. `next_signal` is awaited twice. At the first signal the server ends as that
    /// says: it accepts nothing more and answers what it has accepted. At the drain timeout or at the second signal it cuts what
    /// is left, and returns within [`CUT_TIMEOUT`]. Threads that a system call blocks then still exist, and end with the
    /// process.
    ///
    /// # Errors
    ///
    /// When the threads or the listener cannot be set up, or the drain did not finish.
    pub async fn run<F, P>(
        self,
        factory: F,
        ready: impl FnOnce(),
        mut next_signal: impl AsyncFnMut() -> Ending,
    ) -> Result<(), ServeError>
    where
        F: Fn(PipelineParts) -> P + Send + Sync + 'static,
        P: Pipeline,
    {
        let (ending, watched) = watch::channel(Ending::default());
        let parts = WorkerParts {
            config: Arc::clone(&self.config),
            observer: Arc::clone(&self.observer),
            ending: watched,
        };
        let workers = Workers::start(self.config.workers, factory, parts).await?;
        let metrics = Arc::clone(self.observer.metrics());
        let mut acceptor = Acceptor::new(
            self.http,
            self.https,
            workers,
            Arc::clone(&self.config),
            self.observer,
            self.readiness,
        )
        .map_err(ServeError::Listener)?;
        ready();
        let renew = async {
            match &self.config.tls {
                Some(tls) => tls.watch(&metrics).await,
                None => std::future::pending().await,
            }
        };
        let asked = tokio::select! {
            () = acceptor.accept() => Ending::Drain,
            () = renew => Ending::Drain,
            asked = next_signal() => asked,
        };
        // Nobody listens when all workers have ended already.
        let _ = ending.send(asked);
        let mut threads = acceptor.finish();
        let drained = tokio::select! {
            () = threads.ended() => true,
            () = tokio::time::sleep(self.config.limits.drain_timeout) => false,
            _ = next_signal() => false,
        };
        if drained {
            return Ok(());
        }
        let _ = ending.send(Ending::Cut);
        threads.ended_within(CUT_TIMEOUT).await;
        Err(ServeError::Drain)
    }
}

/// Takes an address, or the socket that has it: of the service manager or of the predecessor.
fn bind(address: SocketAddr, inheritance: &mut Inheritance) -> Result<Bound, BindError> {
    // No SO_REUSEPORT: with it a second server would share the port instead of being told that it is taken.
    let listener = match inheritance.take(address) {
        Some(listener) => Ok(listener),
        None => TcpListener::bind(address),
    };
    let bound = listener.and_then(|listener| {
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok(Bound { listener, address })
    });
    bound.map_err(|source| BindError { address, source })
}

/// Why a bind failed, and what to do about it.
fn explain(error: &io::Error) -> String {
    let advice = match error.kind() {
        io::ErrorKind::AddrInUse => {
            "the address is in use by another program; stop it or choose another port"
        }
        io::ErrorKind::AddrNotAvailable => "no network interface of this machine has this address",
        io::ErrorKind::PermissionDenied => "ports below 1024 need privileges; choose a higher one",
        _ => return error.to_string(),
    };
    advice.to_owned()
}

#[cfg(test)]
mod tests;
