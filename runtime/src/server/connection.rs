//! Owns one connection from its acceptance to its close: runs hyper on it, ends waits that take too long, and
//! lets it finish when the server drains. What is done with each request is left to the stack.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};

use super::drain::DrainSignal;
use super::interim::InterimSource;
use super::limits::{DRAIN_FIRST_BYTE_TIMEOUT, DRAIN_IDLE_TIMEOUT, MIN_BUFFER_BYTES};
use super::phase::{ConnectionPhase, Phase};
use super::refusal::Refusal;
use super::socket::Socket;
use super::stack::{Arrival, ConnectionFacts, InnerService, Stack};
use crate::clock;
use crate::failure::Failure;
use crate::settings::ServerLimits;
use crate::settings::limits::DEFAULT_MAX_HEADER_COUNT;

/// How a connection ended.
enum End {
    /// Hyper is done with it. Whatever error it met, the exchange or the socket knows of it.
    Finished,
    /// A head was not completed in time.
    HeaderTimeout,
    /// It was not used in time.
    Unused,
}

/// Hyper's settings for the public listener.
pub(crate) fn protocol(limits: &ServerLimits) -> http1::Builder {
    let mut protocol = http1::Builder::new();
    protocol
        // The guard bounds heads; hyper only has to have room for what the guard lets through.
        .max_buf_size(limits.max_header_bytes.max(MIN_BUFFER_BYTES))
        // The waits of a connection are ended by its timeouts, without a timer per request.
        .header_read_timeout(None)
        // A client that closes is noticed only while no half-open connection is allowed; it cancels the guest.
        .half_close(false);
    // Up to its own default hyper parses fields in place; for the same number set by hand it would allocate.
    if limits.max_header_count > DEFAULT_MAX_HEADER_COUNT {
        protocol.max_headers(limits.max_header_count);
    }
    protocol
}

/// Serves `stream` until it is closed.
pub(crate) async fn serve<S>(
    stream: TcpStream,
    peer: SocketAddr,
    protocol: Rc<http1::Builder>,
    stack: Rc<Stack<S>>,
    drain: Rc<DrainSignal>,
) where
    S: InnerService,
{
    let config = Arc::clone(&stack.config);
    let observer = Arc::clone(&stack.observer);
    // A socket without an address of its own has been closed meanwhile, and no request of it needs one.
    let local = stream.local_addr().unwrap_or(config.address);
    let phase = Rc::new(ConnectionPhase::new(clock::now()));
    let interim = Rc::new(InterimSource::default());
    let socket = Socket::new(
        stream,
        Rc::clone(&phase),
        Rc::clone(&interim),
        &config.limits,
    );
    let facts = Rc::new(ConnectionFacts {
        peer,
        local,
        peer_is_trusted: config.trusted_proxies.contains(peer.ip()),
        phase: Rc::clone(&phase),
        drain: Rc::clone(&drain),
        interim,
    });
    let service = service_fn(move |request: Request<Incoming>| {
        let arrival = Arrival {
            connection: Rc::clone(&facts),
            received: clock::now(),
        };
        // Not in the future, which hyper polls only after it has tried to read what follows the request.
        facts.phase.begin_exchange(arrival.received);
        Rc::clone(&stack).serve(request, arrival)
    });
    let mut connection = protocol.serve_connection(TokioIo::new(socket), service);
    let timeouts = ConnectionTimeouts {
        phase: &phase,
        limits: &config.limits,
        drain: &drain,
    };
    let end = timeouts.watch(&mut connection).await;
    let socket = connection.into_parts().io.into_inner();
    let last_words = match failure(&end, &socket).map(Refusal::new) {
        Some(refusal) => {
            observer.refuse(peer, refusal.id.as_str(), &refusal.failure);
            refusal.to_bytes()
        }
        None => Vec::new(),
    };
    socket.close(&last_words).await;
}

/// Decides how long a connection may go on.
struct ConnectionTimeouts<'a> {
    phase: &'a ConnectionPhase,
    limits: &'a ServerLimits,
    drain: &'a DrainSignal,
}

impl ConnectionTimeouts<'_> {
    async fn watch<C: Serving>(&self, connection: &mut C) -> End {
        let mut timer = pin!(sleep_until(self.next_look()));
        let mut drained = pin!(self.drain.begun());
        let mut draining = false;
        loop {
            tokio::select! {
                biased;
                // First, so that a response that is ready now says that it is the last.
                () = &mut drained, if !draining => {
                    draining = true;
                    self.begin_drain(Pin::new(connection), timer.as_mut());
                }
                _ = &mut *connection => return End::Finished,
                () = &mut timer => match self.overdue(draining) {
                    Some(end) => return end,
                    None => timer.as_mut().reset(self.next_look()),
                },
            }
        }
    }

    /// Requests that have arrived are still served, and their responses say `Connection: close`; one whose
    /// response has begun already is the last by hyper's doing. Hyper would close any other connection at once,
    /// also one whose request is on its way.
    fn begin_drain<C: Serving>(&self, connection: Pin<&mut C>, timer: Pin<&mut Sleep>) {
        let patience = match self.phase.get() {
            Phase::Silent => DRAIN_FIRST_BYTE_TIMEOUT,
            Phase::Idle => DRAIN_IDLE_TIMEOUT,
            Phase::Exchange | Phase::Sending => return connection.graceful_shutdown(),
            Phase::Head => return,
        };
        timer.reset(Instant::from_std(clock::now() + patience));
    }

    /// How the connection ends if what it is waiting for is overdue.
    fn overdue(&self, draining: bool) -> Option<End> {
        let phase = self.phase.get();
        let deadline = self.phase.deadline(self.limits)?;
        let unwanted = draining && matches!(phase, Phase::Silent | Phase::Idle);
        if deadline > clock::now() && !unwanted {
            return None;
        }
        Some(if phase == Phase::Head {
            End::HeaderTimeout
        } else {
            End::Unused
        })
    }

    /// When to look at the phase again: at its deadline, or earlier if by then another phase can be overdue.
    fn next_look(&self) -> Instant {
        let shortest = clock::now() + ConnectionPhase::shortest_wait(self.limits);
        let deadline = self.phase.deadline(self.limits);
        Instant::from_std(deadline.map_or(shortest, |deadline| deadline.min(shortest)))
    }
}

/// What the timeouts need of hyper's connection, whose service has a type that cannot be written down.
trait Serving: Future<Output = hyper::Result<()>> + Unpin {
    fn graceful_shutdown(self: Pin<&mut Self>);
}

impl<S, B> Serving for http1::Connection<TokioIo<Socket>, S>
where
    S: hyper::service::HttpService<Incoming, ResBody = B>,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    B: http_body::Body + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    fn graceful_shutdown(self: Pin<&mut Self>) {
        Self::graceful_shutdown(self);
    }
}

/// Why a request that never reached the stack was refused.
fn failure(end: &End, socket: &Socket) -> Option<Failure> {
    match end {
        End::HeaderTimeout => Some(Failure::RequestTimeout),
        End::Finished | End::Unused => socket.refusal().cloned(),
    }
}
