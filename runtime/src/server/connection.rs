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
use super::limits::{DEFAULT_MAX_HEADER_COUNT, DRAIN_FIRST_BYTE_TIMEOUT, ServerLimits};
use super::phase::{ConnectionPhase, Phase};
use super::refusal;
use super::socket::Socket;
use super::stack::{Arrival, InnerService, Stack};
use crate::clock;
use crate::failure::Failure;
use crate::observe::Observer;

/// The buffer for one head and for content on its way. Hyper demands 8 KiB at least, and refuses heads that do
/// not fit.
const MIN_BUFFER_BYTES: usize = 64 * 1024;

/// How a connection ended.
enum End {
    /// Hyper is done with it.
    Finished(hyper::Result<()>),
    /// A head was not completed in time.
    HeaderTimeout,
    /// It was not used in time.
    Unused,
}

/// Hyper's settings for the public listener.
pub(crate) fn protocol(limits: &ServerLimits) -> http1::Builder {
    let mut protocol = http1::Builder::new();
    protocol
        .max_buf_size(limits.max_header_bytes.max(MIN_BUFFER_BYTES))
        .max_header_size(limits.max_header_bytes)
        // The waits of a connection are ended by its keeper, without a timer per request.
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
    let phase = Rc::new(ConnectionPhase::new(clock::now()));
    let socket = Socket::new(
        stream,
        Rc::clone(&phase),
        config.limits.write_progress_timeout,
    );
    let peer_is_trusted = config.trusted_proxies.contains(peer.ip());
    let arrival = Arrival {
        peer,
        peer_is_trusted,
        phase: Rc::clone(&phase),
    };
    let service = service_fn(move |request: Request<Incoming>| {
        Rc::clone(&stack).serve(request, arrival.clone())
    });
    let mut connection = protocol.serve_connection(TokioIo::new(socket), service);
    let keeper = Keeper {
        phase: &phase,
        limits: &config.limits,
        drain: &drain,
    };
    let end = keeper.keep(&mut connection).await;
    let socket = connection.into_parts().io.into_inner();
    socket.close(&last_words(&end, peer, &observer)).await;
}

/// Decides how long a connection may go on.
struct Keeper<'a> {
    phase: &'a ConnectionPhase,
    limits: &'a ServerLimits,
    drain: &'a DrainSignal,
}

impl Keeper<'_> {
    async fn keep<C: Serving>(&self, connection: &mut C) -> End {
        let mut timer = pin!(sleep_until(self.next_look()));
        let mut drained = pin!(self.drain.begun());
        let mut draining = false;
        loop {
            tokio::select! {
                biased;
                result = &mut *connection => return End::Finished(result),
                () = &mut timer => match self.overdue(draining) {
                    Some(end) => return end,
                    None => timer.as_mut().reset(self.next_look()),
                },
                () = &mut drained, if !draining => {
                    draining = true;
                    self.begin_drain(Pin::new(connection), timer.as_mut());
                }
            }
        }
    }

    /// Requests that have arrived are still served, with `Connection: close`; hyper closes an idle connection
    /// at once. One that has been silent so far may have its first request on the way.
    fn begin_drain<C: Serving>(&self, connection: Pin<&mut C>, timer: Pin<&mut Sleep>) {
        connection.graceful_shutdown();
        if self.phase.get() == Phase::Silent {
            timer.reset(Instant::from_std(clock::now() + DRAIN_FIRST_BYTE_TIMEOUT));
        }
    }

    /// How the connection ends if what it is waiting for is overdue.
    fn overdue(&self, draining: bool) -> Option<End> {
        let phase = self.phase.get();
        let deadline = self.phase.deadline(self.limits)?;
        if deadline > clock::now() && !(draining && phase == Phase::Silent) {
            return None;
        }
        Some(if phase == Phase::Head {
            End::HeaderTimeout
        } else {
            End::Unused
        })
    }

    fn next_look(&self) -> Instant {
        let shortest = || clock::now() + ConnectionPhase::shortest_wait(self.limits);
        Instant::from_std(self.phase.deadline(self.limits).unwrap_or_else(shortest))
    }
}

/// What the keeper needs of hyper's connection, whose service has a type that cannot be written down.
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

/// Records a request that never reached the stack, and says what to tell its client.
fn last_words(end: &End, peer: SocketAddr, observer: &Observer) -> Vec<u8> {
    match end {
        End::HeaderTimeout => {
            observer.refuse(peer, &Failure::RequestTimeout);
            refusal::to_bytes(&Failure::RequestTimeout)
        }
        // Hyper has told the client already.
        End::Finished(Err(error)) if error.is_parse() => {
            observer.refuse(peer, &unreadable(error));
            Vec::new()
        }
        End::Finished(_) | End::Unused => Vec::new(),
    }
}

fn unreadable(error: &hyper::Error) -> Failure {
    if error.is_parse_too_large() {
        Failure::HeadersTooLarge
    } else {
        Failure::BadRequest {
            detail: "the head cannot be read",
        }
    }
}
