//! Owns the listening sockets: accepts connections for the workers, and refuses those beyond the limit.
//! Choosing the worker is left to `workers`, serving the connection to the worker.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::connection::close;
use super::drain::Readiness;
use super::limits::{ACCEPT_PAUSE, MAX_REFUSALS_IN_FLIGHT, WORKER_RESTART_PAUSE};
use super::refusal::Refusal;
use super::workers::{Threads, Workers};
use super::{Bound, ServerConfig};
use crate::failure::Failure;
use crate::observe::Observer;

/// Accepts connections for all workers.
#[derive(Debug)]
pub(crate) struct Acceptor {
    http: TcpListener,
    https: Option<TcpListener>,
    admission: Admission,
    readiness: Readiness,
}

/// Decides what becomes of an accepted connection.
#[derive(Debug)]
struct Admission {
    workers: Workers,
    config: Arc<ServerConfig>,
    observer: Arc<Observer>,
    refusals: Arc<Semaphore>,
}

impl Acceptor {
    pub(crate) fn new(
        http: Bound,
        https: Option<Bound>,
        workers: Workers,
        config: Arc<ServerConfig>,
        observer: Arc<Observer>,
        readiness: Readiness,
    ) -> io::Result<Self> {
        let refusals = Arc::new(Semaphore::new(MAX_REFUSALS_IN_FLIGHT));
        let http = TcpListener::from_std(http.listener)?;
        let https = https.map(|bound| TcpListener::from_std(bound.listener));
        let https = https.transpose()?;
        readiness.set(true);
        Ok(Self {
            http,
            https,
            admission: Admission {
                workers,
                config,
                observer,
                refusals,
            },
            readiness,
        })
    }

    /// Accepts connections for ever, and keeps the workers alive meanwhile. The server is ready for as long as one of them
    /// lives. May be dropped at any await without losing a connection.
    pub(crate) async fn accept(&mut self) {
        loop {
            let workers = &mut self.admission.workers;
            let any_lost = workers.any_lost();
            tokio::select! {
                (accepted, has_tls) = next(&self.http, self.https.as_ref()) => match accepted.and_then(into_std) {
                    Ok((stream, peer)) => self.admission.admit(stream, peer, has_tls),
                    Err(error) if is_of_one_connection(&error) => {}
                    Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
                },
                () = workers.lose() => self.readiness.set(workers.any_lives()),
                () = tokio::time::sleep(WORKER_RESTART_PAUSE), if any_lost => {
                    workers.replace_lost().await;
                    self.readiness.set(workers.any_lives());
                }
            }
        }
    }

    /// Closes the ports and drains the workers, after handing over the connections that the kernel has already
    /// established: their clients believe them accepted.
    pub(crate) fn finish(self) -> Threads {
        let Self {
            http,
            https,
            admission,
            readiness,
        } = self;
        readiness.set(false);
        let https = https.map(|listener| (listener, true));
        for (listener, has_tls) in std::iter::once((http, false)).chain(https) {
            let Ok(listener) = listener.into_std() else {
                continue;
            };
            while let Ok((stream, peer)) = listener.accept() {
                admission.admit(stream, peer, has_tls);
            }
        }
        admission.workers.drain()
    }
}

impl Admission {
    fn admit(&self, stream: TcpStream, peer: SocketAddr, has_tls: bool) {
        // A response is mostly one write; waiting for more to send with it (Nagle) only delays it. A socket on
        // which this fails is closed already.
        if stream
            .set_nonblocking(true)
            .and_then(|()| stream.set_nodelay(true))
            .is_err()
        {
            return;
        }
        if self.workers.load() >= self.config.limits.max_connections {
            return self.refuse(stream, peer, has_tls);
        }
        if let Err(stream) = self.workers.accept(stream, peer, has_tls) {
            self.refuse(stream, peer, has_tls);
        }
    }

    fn refuse(&self, stream: TcpStream, peer: SocketAddr, has_tls: bool) {
        self.observer.metrics().connections_refused().inc();
        let refusal = Refusal::new(Failure::ConnectionLimit);
        self.observer
            .refuse(peer, refusal.id.as_str(), &refusal.failure);
        // A client of `https` would understand it only after a handshake, which costs more than its request.
        if has_tls {
            return;
        }
        let Ok(permit) = Arc::clone(&self.refusals).try_acquire_owned() else {
            return;
        };
        let Ok(stream) = tokio::net::TcpStream::from_std(stream) else {
            return;
        };
        tokio::spawn(async move {
            close(stream, &refusal.to_bytes()).await;
            drop(permit);
        });
    }
}

/// The next connection of either socket, and whether it begins with a handshake of TLS.
async fn next(
    http: &TcpListener,
    https: Option<&TcpListener>,
) -> (io::Result<(tokio::net::TcpStream, SocketAddr)>, bool) {
    let with_tls = async {
        match https {
            Some(https) => https.accept().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        accepted = http.accept() => (accepted, false),
        accepted = with_tls => (accepted, true),
    }
}

fn into_std(
    (stream, peer): (tokio::net::TcpStream, SocketAddr),
) -> io::Result<(TcpStream, SocketAddr)> {
    Ok((stream.into_std()?, peer))
}

/// Errors of `accept` that say something about the connection and nothing about the listener (accept(2)).
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted
    )
}
