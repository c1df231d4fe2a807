//! Owns how long a connection may go on: ends waits that take too long, and lets it finish when the server drains.
//! The state of the connection is left to `state`.

use std::future::Future;
use std::pin::{Pin, pin};

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, Sleep, sleep_until};

use super::socket::Socket;
use super::state::{Phase, State};
use crate::clock;
use crate::server::drain::DrainSignal;
use crate::server::limits::{DRAIN_FIRST_BYTE_TIMEOUT, DRAIN_IDLE_TIMEOUT, DRAIN_PROXY_TIMEOUT};
use crate::settings::ServerLimits;

/// How a connection ended.
pub(super) enum End {
    /// Hyper is done with it. Whatever error it met, the exchange or the socket knows of it.
    Finished,
    /// A head was not completed in time.
    HeaderTimeout,
    /// It was not used in time.
    Unused,
}

/// Decides how long a connection may go on.
pub(super) struct Timeouts<'a> {
    pub(super) state: &'a State,
    pub(super) limits: &'a ServerLimits,
    pub(super) drain: &'a DrainSignal,
    /// Whether the client is a trusted proxy.
    pub(super) is_of_proxy: bool,
}

impl Timeouts<'_> {
    /// Drives a connection to its end.
    pub(super) async fn watch<C: HyperConnection>(&self, connection: &mut C) -> End {
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

    /// A request that has arrived is still served, and hyper closes the connection after it. Any other connection hyper would
    /// close at once, even if a request is on its way, so it gets a shorter timeout instead.
    fn begin_drain<C: HyperConnection>(&self, connection: Pin<&mut C>, timer: Pin<&mut Sleep>) {
        let has_time = self.is_of_proxy || self.drain.has_successor();
        let patience = match self.state.phase() {
            Phase::Silent | Phase::Idle if has_time => DRAIN_PROXY_TIMEOUT,
            Phase::Silent => DRAIN_FIRST_BYTE_TIMEOUT,
            Phase::Idle => DRAIN_IDLE_TIMEOUT,
            Phase::Exchange => return connection.graceful_shutdown(),
            Phase::Head => return,
        };
        timer.reset(Instant::from_std(clock::now() + patience));
    }

    /// How the connection ends if it has waited for too long.
    fn overdue(&self, draining: bool) -> Option<End> {
        let phase = self.state.phase();
        let deadline = self.state.deadline(self.limits)?;
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
        let shortest = clock::now() + State::shortest_wait(self.limits);
        let deadline = self.state.deadline(self.limits);
        Instant::from_std(deadline.map_or(shortest, |deadline| deadline.min(shortest)))
    }
}

/// A connection of hyper, whose service has a type without a name.
pub(super) trait HyperConnection: Future<Output = hyper::Result<()>> + Unpin {
    fn graceful_shutdown(self: Pin<&mut Self>);
}

impl<S, B> HyperConnection for http1::Connection<TokioIo<Socket>, S>
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
