//! Owns the connections to one server: those that take a request, those that are being made, and the requests that wait.
//!
//! A request that finds no connection waits for the first that is made or given back. There are never more attempts to connect
//! than requests that wait, and one at a time for HTTP/2. Making a connection is left to `handshake`.

mod held;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use http::Uri;
use hyper::client::conn::{http1, http2};
use parking_lot::Mutex;
use rustls::ClientConfig;
use tokio::sync::oneshot;
use tokio::time::{sleep_until, timeout};

use super::connection::Connection;
use super::handshake;
use super::sending::SendingBody;
use super::{ClientError, Connector, Content, Protocols};
use crate::clock;
use crate::limits::{MAX_IDLE_CONNECTIONS_PER_HOST, MAX_OUTBOUND_STREAMS, OUTBOUND_IDLE_TIMEOUT};

pub(super) use held::Held;

/// The connections to one server.
pub(super) struct Pool<B: Send + 'static> {
    connector: Connector,
    /// A URI of the server.
    server: Uri,
    protocols: Protocols,
    tls: Arc<ClientConfig>,
    state: Mutex<State<B>>,
}

struct State<B: Send + 'static> {
    /// HTTP/1.1 connections without a request, the one that was used last at the end.
    idle: VecDeque<Idle<B>>,
    /// HTTP/2 connections.
    shared: Vec<SharedConnection<B>>,
    /// The requests that wait, the oldest first.
    waiting: VecDeque<oneshot::Sender<Result<Held<B>, ClientError>>>,
    /// Connections that are being made.
    attempts: usize,
    /// Whether the server speaks HTTP/2, as far as is known.
    is_http2: bool,
    is_swept: bool,
}

struct Idle<B> {
    sender: http1::SendRequest<SendingBody<B>>,
    since: Instant,
}

struct SharedConnection<B> {
    sender: http2::SendRequest<SendingBody<B>>,
    streams: Arc<()>,
    is_used: bool,
    /// When it last had a stream more or less.
    since: Instant,
}

impl<B> SharedConnection<B> {
    fn streams(&self) -> usize {
        Arc::strong_count(&self.streams) - 1
    }

    fn has_room(&self) -> bool {
        !self.sender.is_closed() && self.streams() < MAX_OUTBOUND_STREAMS as usize
    }
}

impl<B: Send + 'static> State<B> {
    /// A connection for a request, and whether it had one before.
    fn take(&mut self, now: Instant) -> Option<(Connection<B>, bool)> {
        // The newest one first, so that old ones end.
        let mut shared = self.shared.iter_mut().rev();
        if let Some(shared) = shared.find(|shared| shared.has_room()) {
            shared.since = now;
            let is_used = std::mem::replace(&mut shared.is_used, true);
            let connection = Connection::Http2(shared.sender.clone(), Arc::clone(&shared.streams));
            return Some((connection, is_used));
        }
        while let Some(Idle { sender, since }) = self.idle.pop_back() {
            // The other side closes its end about now.
            let is_fresh = now.saturating_duration_since(since) < OUTBOUND_IDLE_TIMEOUT;
            if is_fresh && sender.is_ready() {
                return Some((Connection::Http1(sender), true));
            }
        }
        None
    }

    /// Closes what nobody has used for long. When the next is due.
    fn sweep(&mut self, now: Instant) -> Option<Instant> {
        let due = |since: Instant| since + OUTBOUND_IDLE_TIMEOUT;
        self.idle
            .retain(|idle| due(idle.since) > now && !idle.sender.is_closed());
        self.shared.retain(|shared| {
            !shared.sender.is_closed() && (shared.streams() > 0 || due(shared.since) > now)
        });
        let idle = self.idle.iter().map(|idle| idle.since);
        // One with streams is looked at again later.
        let shared = self.shared.iter();
        let shared = shared.map(|shared| {
            if shared.streams() > 0 {
                now
            } else {
                shared.since
            }
        });
        idle.chain(shared).min().map(due)
    }
}

impl<B: Send + 'static> Pool<B> {
    /// The connections to the server of a URI. There are none yet.
    pub(super) fn new(
        connector: Connector,
        server: Uri,
        protocols: Protocols,
        tls: Arc<ClientConfig>,
    ) -> Arc<Self> {
        Arc::new(Self {
            connector,
            server,
            protocols,
            tls,
            state: Mutex::new(State {
                idle: VecDeque::new(),
                shared: Vec::new(),
                waiting: VecDeque::new(),
                attempts: 0,
                is_http2: protocols == Protocols::Http2,
                is_swept: false,
            }),
        })
    }

    /// Whether it has no connection, and nobody wants one.
    pub(super) fn is_unused(self: &Arc<Self>) -> bool {
        let state = self.state.lock();
        Arc::strong_count(self) == 1 && state.idle.is_empty() && state.shared.is_empty()
    }

    /// Takes a connection back from a request.
    pub(super) fn take_back(self: &Arc<Self>, connection: Connection<B>) {
        match connection {
            Connection::Http1(sender) if sender.is_ready() => self.hand_over(sender, true),
            Connection::Http1(sender) if sender.is_closed() => {}
            Connection::Http1(mut sender) => {
                // The request's own end, or the last bytes of the response, are still on their way.
                let pool = Arc::downgrade(self);
                tokio::spawn(async move {
                    let ready = timeout(OUTBOUND_IDLE_TIMEOUT, sender.ready()).await;
                    if let (Ok(Ok(())), Some(pool)) = (ready, pool.upgrade()) {
                        pool.hand_over(sender, true);
                    }
                });
            }
            Connection::Http2(_, streams) => {
                self.note_use(&streams);
                drop(streams);
                self.hand_out_streams();
            }
        }
    }

    /// Gives an HTTP/1.1 connection to the request that waits longest, or keeps it for the next one.
    fn hand_over(self: &Arc<Self>, mut sender: http1::SendRequest<SendingBody<B>>, is_used: bool) {
        loop {
            let mut state = self.state.lock();
            let Some(waiting) = state.waiting.pop_front() else {
                let since = clock::now();
                state.idle.push_back(Idle { sender, since });
                if state.idle.len() > MAX_IDLE_CONNECTIONS_PER_HOST {
                    state.idle.pop_front();
                }
                self.sweep_later(&mut state);
                return;
            };
            drop(state);
            let held = Held::new(Connection::Http1(sender), is_used, self);
            // A request that is gone leaves the connection to the next one.
            match waiting.send(Ok(held)).map_err(Result::ok) {
                Err(Some(held)) => match held.into_connection() {
                    Some(Connection::Http1(returned)) => sender = returned,
                    _ => return,
                },
                Ok(()) | Err(None) => return,
            }
        }
    }

    /// Gives streams of HTTP/2 connections to requests that wait, as long as there are both.
    fn hand_out_streams(self: &Arc<Self>) {
        loop {
            let mut state = self.state.lock();
            if state.waiting.is_empty() {
                return;
            }
            let Some((connection, is_used)) = state.take(clock::now()) else {
                return;
            };
            let waiting = state.waiting.pop_front();
            drop(state);
            // If the request is gone, dropping the stream comes back here.
            let held = Held::new(connection, is_used, self);
            waiting.map(|waiting| waiting.send(Ok(held)));
        }
    }

    fn note_use(&self, streams: &Arc<()>) {
        let mut state = self.state.lock();
        let mut shared = state.shared.iter_mut();
        if let Some(shared) = shared.find(|shared| Arc::ptr_eq(&shared.streams, streams)) {
            shared.since = clock::now();
        }
    }

    /// Sees to it that unused connections close in time.
    fn sweep_later(self: &Arc<Self>, state: &mut State<B>) {
        if std::mem::replace(&mut state.is_swept, true) {
            return;
        }
        let pool = Arc::downgrade(self);
        tokio::spawn(async move {
            while let Some(due) = pool.upgrade().and_then(|pool| pool.sweep(clock::now())) {
                sleep_until(due.into()).await;
            }
        });
    }

    /// Closes connections that were not used for long before `now`. When the next is due.
    pub(super) fn sweep(&self, now: Instant) -> Option<Instant> {
        let mut state = self.state.lock();
        let due = state.sweep(now);
        state.is_swept = due.is_some();
        due
    }
}

impl<B: Content> Pool<B> {
    /// Waits for a connection; for a `new` one after one that was kept has failed.
    ///
    /// # Errors
    /// Why a connection could not be made.
    pub(super) async fn acquire(self: &Arc<Self>, new: bool) -> Result<Held<B>, ClientError> {
        let receiver = {
            let mut state = self.state.lock();
            let taken = if new { None } else { state.take(clock::now()) };
            if let Some((connection, is_used)) = taken {
                return Ok(Held::new(connection, is_used, self));
            }
            let (sender, receiver) = oneshot::channel();
            state.waiting.push_back(sender);
            receiver
        };
        self.connect();
        let acquired = receiver.await;
        acquired.expect("a pool answers each request that waits, and the request holds the pool")
    }

    /// Makes as many attempts to connect as requests wait for.
    fn connect(self: &Arc<Self>) {
        let mut state = self.state.lock();
        state.waiting.retain(|waiting| !waiting.is_closed());
        let most = if state.is_http2 { 1 } else { usize::MAX };
        let wanted = state.waiting.len().min(most);
        while state.attempts < wanted {
            state.attempts += 1;
            tokio::spawn(Arc::clone(self).attempt());
        }
    }

    async fn attempt(self: Arc<Self>) {
        let (connector, server) = (self.connector.clone(), self.server.clone());
        let tls = Arc::clone(&self.tls);
        let connected = handshake::connect(connector, server, self.protocols, tls).await;
        let is_http2 = {
            let mut state = self.state.lock();
            state.attempts -= 1;
            if let Ok(connection) = &connected {
                state.is_http2 = matches!(connection, Connection::Http2(..));
            }
            state.is_http2
        };
        match connected {
            Ok(Connection::Http1(sender)) => self.hand_over(sender, false),
            Ok(Connection::Http2(sender, streams)) => self.share(sender, streams),
            Err(error) => self.fail(error, is_http2),
        }
        self.connect();
    }

    fn share(self: &Arc<Self>, sender: http2::SendRequest<SendingBody<B>>, streams: Arc<()>) {
        let mut state = self.state.lock();
        state.shared.retain(|shared| !shared.sender.is_closed());
        state.shared.push(SharedConnection {
            sender,
            streams,
            is_used: false,
            since: clock::now(),
        });
        self.sweep_later(&mut state);
        drop(state);
        self.hand_out_streams();
    }

    /// Tells the request that waits longest, or `all` that wait for the same attempt.
    fn fail(&self, error: ClientError, all: bool) {
        let mut state = self.state.lock();
        let mut waiting = std::mem::take(&mut state.waiting);
        waiting.retain(|waiting| !waiting.is_closed());
        let told = if all {
            waiting.len()
        } else {
            1.min(waiting.len())
        };
        let rest = waiting.split_off(told);
        state.waiting = rest;
        drop(state);
        for waiting in waiting {
            // It may have gone just now.
            let _ = waiting.send(Err(error));
        }
    }
}
