//! Owns the listening socket: accepts connections and hands each to the worker with the fewest.
//! Reading from a connection is left to its worker.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::ServerConfig;
use super::limits::{ACCEPT_PAUSE, MAX_REFUSALS_IN_FLIGHT};
use super::refusal::Refusal;
use super::socket::close;
use super::worker::Worker;
use crate::failure::Failure;
use crate::observe::Observer;

/// Accepts connections for all workers. Dropping it closes the port and drains the workers.
#[derive(Debug)]
pub(crate) struct Acceptor {
    listener: TcpListener,
    admission: Admission,
}

/// Decides what becomes of an accepted connection.
#[derive(Debug)]
struct Admission {
    workers: Vec<Worker>,
    config: Arc<ServerConfig>,
    observer: Arc<Observer>,
    refusals: Arc<Semaphore>,
}

impl Acceptor {
    pub(crate) fn new(
        listener: std::net::TcpListener,
        workers: Vec<Worker>,
        config: Arc<ServerConfig>,
        observer: Arc<Observer>,
    ) -> io::Result<Self> {
        let refusals = Arc::new(Semaphore::new(MAX_REFUSALS_IN_FLIGHT));
        let listener = TcpListener::from_std(listener)?;
        Ok(Self {
            listener,
            admission: Admission {
                workers,
                config,
                observer,
                refusals,
            },
        })
    }

    /// Accepts connections for ever. May be dropped at any await without losing one.
    pub(crate) async fn accept(&self) {
        loop {
            let accepted = self.listener.accept().await;
            match accepted.and_then(|(stream, peer)| Ok((stream.into_std()?, peer))) {
                Ok((stream, peer)) => self.admission.admit(stream, peer),
                Err(error) if is_of_one_connection(&error) => {}
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            }
        }
    }

    /// Closes the port and drains the workers, after handing over the connections that the kernel has already
    /// established: their clients believe them accepted.
    pub(crate) fn finish(self) {
        let Self {
            listener,
            admission,
        } = self;
        let Ok(listener) = listener.into_std() else {
            return;
        };
        while let Ok((stream, peer)) = listener.accept() {
            admission.admit(stream, peer);
        }
    }
}

impl Admission {
    fn admit(&self, stream: TcpStream, peer: SocketAddr) {
        // A response is mostly one write; waiting for more to send with it (Nagle) only delays it. A socket on
        // which this fails is closed already.
        if stream
            .set_nonblocking(true)
            .and_then(|()| stream.set_nodelay(true))
            .is_err()
        {
            return;
        }
        let open: usize = self.workers.iter().map(Worker::load).sum();
        if open >= self.config.limits.max_connections {
            return self.refuse(stream, peer);
        }
        if let Some(worker) = self.workers.iter().min_by_key(|worker| worker.load()) {
            worker.accept(stream, peer);
        }
    }

    fn refuse(&self, stream: TcpStream, peer: SocketAddr) {
        self.observer.metrics().connections_refused().inc();
        let refusal = Refusal::new(Failure::ConnectionLimit);
        self.observer
            .refuse(peer, refusal.id.as_str(), &refusal.failure);
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

/// Errors of `accept` that say something about the connection and nothing about the listener (accept(2)).
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted
    )
}
