//! The servers of a database: which is the primary, which of the others are replicas, and which of these have what a read must see.
//! Running the read is left to [`super::replicas`].
//!
//! The primary is the server that takes writes on the newest timeline. A promotion begins a new one, so an old primary that comes
//! back is told from the new one. Each server is looked at again and again, by a task of its own.

mod history;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use futures::future::join_all;
use tokio::time::sleep;

use super::failures::Failed;
use super::job::Stop;
use super::pool::Pool;
use super::server::{Answer, PLACE_OF_WRITE, Seen, Server, ServerFigures, ServerState};
use crate::breaker::jittered;
use crate::clock;
use crate::sql::limits::{
    IDLE_REPLICA_LOOK_INTERVAL, MAX_FARTHER, MIN_ASK_PAUSE, REPLICA_LOOK_INTERVAL,
};
use crate::sql::position::{Needs, Place, Positions};

use history::History;

/// The servers of a database.
#[derive(Debug)]
pub(super) struct Servers {
    /// The identifier of their data.
    system: u64,
    all: Vec<Server>,
    /// The index of the primary.
    primary: AtomicUsize,
    state: Mutex<State>,
    /// The number of reads so far, by which they take turns.
    turn: AtomicUsize,
    /// Whether a read came since the last look.
    is_used: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    history: History,
    /// The place of the newest write of this process.
    written: Place,
    /// When there was a write of which nobody knows where it is, until the primary is seen after it.
    unplaced: Option<Instant>,
    /// The places at which replicas were found, and when, by their indices.
    found: Vec<Option<(Place, Instant)>>,
}

impl Servers {
    /// Servers with the same data, of which one is the primary.
    pub(super) fn new(system: u64, all: Vec<Server>, primary: usize) -> Self {
        let state = State {
            found: vec![None; all.len()],
            ..State::default()
        };
        Self {
            system,
            all,
            primary: AtomicUsize::new(primary),
            state: Mutex::new(state),
            turn: AtomicUsize::new(0),
            is_used: AtomicBool::new(false),
        }
    }

    /// The identifier of the data, if there are replicas.
    pub(super) fn system(&self) -> Option<u64> {
        (self.all.len() > 1).then_some(self.system)
    }

    /// The indices of the servers that are looked at: all, if there are several.
    pub(super) fn watched(&self) -> std::ops::Range<usize> {
        0..self.system().map_or(0, |_| self.all.len())
    }

    pub(super) fn primary(&self) -> &Arc<Pool> {
        &self.all[self.primary.load(Ordering::Acquire)].pool
    }

    pub(super) fn pools(&self) -> impl Iterator<Item = &Arc<Pool>> {
        self.all.iter().map(|server| &server.pool)
    }

    /// The question for the place of a write, which is sent after its commit; empty if no read depends on it.
    pub(super) fn ask(&self) -> &'static str {
        match self.system() {
            Some(_) => PLACE_OF_WRITE,
            None => "",
        }
    }

    /// Notes the place of what was committed, if it was or may have been.
    pub(super) fn note_commit(&self, committed: &Result<(), Failed>, place: Option<Place>) {
        match committed {
            Ok(()) => self.note_write(place),
            Err(Failed::Lost(_)) => self.note_write(None),
            Err(_) => {}
        }
    }

    /// Notes the place of a write; `None` if nobody knows it.
    pub(super) fn note_write(&self, place: Option<Place>) {
        if self.system().is_none() {
            return;
        }
        let mut state = self.state();
        match place {
            Some(place) => state.written = state.written.max(place),
            None => state.unplaced = Some(clock::now()),
        }
    }

    /// The position of the newest write of this process.
    pub(super) fn written(&self) -> Positions {
        let mut positions = Positions::default();
        let state = self.state();
        if state.unplaced.is_some() {
            return Positions::beyond();
        }
        if state.written > Place::default() {
            positions.add(self.system, state.written);
        }
        positions
    }

    /// Whether the primary does not answer.
    pub(super) fn is_primary_out(&self) -> bool {
        let primary = &self.all[self.primary.load(Ordering::Acquire)];
        primary.pool.is_out() || *primary.seen.borrow() == Seen::Out
    }

    /// The place that a replica must have reached for a read, with a schema of this version; `None` if none is far enough.
    ///
    /// While the primary is out, nothing new is written, and replicas answer what they can.
    pub(super) fn need(&self, needs: &Needs, version: i64) -> Option<Place> {
        self.is_used.store(true, Ordering::Relaxed);
        let own = needs.of(self.system)?;
        let now = clock::now();
        let least = match self.is_primary_out() {
            true => Some(Place::default()),
            false => self.state().history.least(now),
        };
        let schema = self.state().history.of_schema(version, now);
        Some(own.max(least?).max(schema?))
    }

    /// The next replica that may have reached a place, of those that are near. While the primary is out, each is near enough.
    pub(super) fn replica(&self, need: Place) -> Option<usize> {
        let (count, now) = (self.all.len(), clock::now());
        let far = match self.is_primary_out() {
            true => Duration::MAX,
            false => self.nearest() + MAX_FARTHER,
        };
        let primary = self.primary.load(Ordering::Acquire);
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let state = self.state();
        let mut turns = (0..count).map(|at| turn.wrapping_add(at) % count);
        turns.find(|&at| {
            let is_replica = matches!(*self.all[at].seen.borrow(), Seen::Replica(_));
            let was_behind = state.found[at]
                .is_some_and(|(found, when)| found < need && now < when + MIN_ASK_PAUSE);
            at != primary && is_replica && !was_behind && self.all[at].distance() <= far
        })
    }

    /// The distance of the nearest server that answers.
    fn nearest(&self) -> Duration {
        let answers = |server: &&Server| *server.seen.borrow() != Seen::Out;
        let distances = self.all.iter().filter(answers).map(Server::distance);
        distances.min().unwrap_or_default()
    }

    pub(super) fn server(&self, at: usize) -> &Server {
        &self.all[at]
    }

    /// Whether a server has the data of the others.
    pub(super) fn has(&self, answer: &Answer) -> bool {
        answer.system == self.system
    }

    /// Notes where a replica was found.
    pub(super) fn note_found(&self, at: usize, place: Place) {
        self.state().found[at] = Some((place, clock::now()));
    }

    /// Looks at all servers, after one refused a write. Whether there is a primary.
    pub(super) async fn look_again(&self, stop: &mut Stop<'_>) -> bool {
        self.primary().forget_idle();
        if self.system().is_none() {
            return false;
        }
        tokio::select! {
            _ = join_all((0..self.all.len()).map(|at| self.look(at))) => {}
            () = stop.reached() => return false,
        }
        let primary = &self.all[self.primary.load(Ordering::Acquire)];
        let seen = *primary.seen.borrow();
        matches!(seen, Seen::Primary(_))
    }

    /// Looks at a server, and decides anew which is the primary.
    async fn look(&self, at: usize) {
        let (server, asked) = (&self.all[at], clock::now());
        let (seen, reason) = match server.look().await {
            Ok(answer) if !self.has(&answer) => (Seen::Foreign, String::new()),
            Ok(answer) if answer.is_replica => (Seen::Replica(answer.place), String::new()),
            Ok(answer) => (Seen::Primary(answer.place), String::new()),
            Err(message) => (Seen::Out, message),
        };
        let mut state = self.state();
        let was = server.seen.send_replace(seen);
        tell(server, was, seen, &reason);
        self.decide(&state);
        if let Seen::Primary(place) = seen
            && at == self.primary.load(Ordering::Acquire)
        {
            state.history.note(place, asked);
            if state.unplaced.is_some_and(|since| since < asked) {
                state.unplaced = None;
                state.written = state.written.max(place);
            }
        }
    }

    /// Has the server be the primary that takes writes on the newest timeline, unless the last one does so too.
    fn decide(&self, state: &State) {
        let timeline = |at: usize| match *self.all[at].seen.borrow() {
            Seen::Primary(place) => Some(place.timeline),
            _ => None,
        };
        let current = self.primary.load(Ordering::Acquire);
        let best = (0..self.all.len()).max_by_key(|&at| (timeline(at), at == current));
        let best = best.unwrap_or(current);
        // A server on an older timeline than the last primary was left by the others.
        let is_newest = timeline(best) >= Some(state.history.newest().timeline);
        if best != current && is_newest {
            let (old, new) = (&self.all[current].shown, &self.all[best].shown);
            tracing::warn!("the primary of a database is {new} now, and no longer {old}");
            self.primary.store(best, Ordering::Release);
        }
    }

    /// What the servers tell about themselves, if there are several.
    pub(super) fn figures(&self) -> Vec<ServerFigures> {
        if self.system().is_none() {
            return Vec::new();
        }
        let (primary, now) = (self.primary.load(Ordering::Acquire), clock::now());
        let state = self.state();
        let figures = self.all.iter().enumerate().map(|(at, server)| {
            let (state, lag) = match *server.seen.borrow() {
                Seen::Primary(_) if at == primary => (ServerState::Primary, None),
                Seen::Replica(place) => {
                    let lag = state.history.lag(place, now);
                    (ServerState::Replica, Some(lag))
                }
                Seen::Primary(_) | Seen::Foreign => (ServerState::Apart, None),
                Seen::NotYet | Seen::Out => (ServerState::Out, None),
            };
            ServerFigures {
                server: server.shown.clone(),
                state,
                reads: server.reads.get(),
                lag,
            }
        });
        figures.collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks at a server again and again, until the database is closed.
pub(super) async fn watch(servers: Weak<Servers>, at: usize) {
    while let Some(servers) = servers.upgrade() {
        servers.look(at).await;
        let pause = match servers.is_used.load(Ordering::Relaxed) {
            true => REPLICA_LOOK_INTERVAL,
            false => IDLE_REPLICA_LOOK_INTERVAL,
        };
        servers.is_used.store(false, Ordering::Relaxed);
        drop(servers);
        sleep(jittered(pause)).await;
    }
}

/// Says in the log what became of a server.
fn tell(server: &Server, was: Seen, seen: Seen, reason: &str) {
    let shown = &server.shown;
    match (was, seen) {
        (Seen::Out, Seen::Out) | (Seen::Foreign, Seen::Foreign) => {}
        (_, Seen::Out) => tracing::warn!("the database server {shown} is out: {reason}"),
        (_, Seen::Foreign) => {
            tracing::error!("the database server {shown} is not used: it has other data");
        }
        (Seen::Out | Seen::Foreign, _) => {
            tracing::info!("the database server {shown} answers again");
        }
        _ => {}
    }
}
