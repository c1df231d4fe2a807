//! Identical requests that are under way at once are made one: the leader forwards, its followers wait for the outcome.
//!
//! A wait ends in one of three ways, each a variant: the leader has an outcome to share, it has one that is of no use to
//! others, or it is lost, which means that it was dropped without an outcome. The wait of a follower is bounded by the
//! leader's own, whose forward has a deadline.

use std::collections::HashMap;
use std::collections::hash_map::{Entry, RandomState};
use std::hash::BuildHasher;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

use crate::rules::key::CacheKey;

/// Locks that the requests under way are spread over, so that workers rarely meet at one: some times the cores of a
/// large machine.
const COLLAPSE_SHARDS: usize = 64;

/// The forwards under way, by key. `T` is what a leader shares.
#[derive(Debug)]
pub(crate) struct Collapser<T> {
    shards: Box<[Shard<T>]>,
    hasher: RandomState,
}

type Shard<T> = Mutex<HashMap<CacheKey, Arc<Flight<T>>>>;

/// One forward, and those who wait for it.
#[derive(Debug)]
struct Flight<T> {
    state: Mutex<FlightState<T>>,
}

#[derive(Debug)]
enum FlightState<T> {
    UnderWay(Vec<Option<Waker>>),
    Ended(FlightEnd<T>),
}

/// How a wait ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FlightEnd<T> {
    /// The leader's outcome, which may serve others.
    Shared(T),
    /// The leader's outcome is for its own client only: each follower forwards.
    NotShared,
    /// The leader was dropped: one of its followers is the next.
    LeaderLost,
}

/// What a request is among its like.
pub(crate) enum Role<T> {
    /// It forwards.
    Leader(Leader<T>),
    /// It waits.
    Follower(Follower<T>),
}

/// Held by the request that forwards. Dropped without an outcome, it frees its followers.
pub(crate) struct Leader<T> {
    collapser: Arc<Collapser<T>>,
    key: CacheKey,
    flight: Option<Arc<Flight<T>>>,
}

/// Resolves when the leader has ended.
pub(crate) struct Follower<T> {
    flight: Arc<Flight<T>>,
    slot: Option<usize>,
}

impl<T: Clone> Collapser<T> {
    pub(crate) fn new() -> Arc<Self> {
        let shards = (0..COLLAPSE_SHARDS).map(|_| Mutex::default()).collect();
        Arc::new(Self {
            shards,
            hasher: RandomState::new(),
        })
    }

    /// Makes the caller the leader of `key`, or a follower of the leader that there is.
    pub(crate) fn join(self: &Arc<Self>, key: &CacheKey) -> Role<T> {
        match self.shard(key).lock().entry(key.clone()) {
            Entry::Occupied(flight) => Role::Follower(Follower {
                flight: Arc::clone(flight.get()),
                slot: None,
            }),
            Entry::Vacant(place) => {
                let flight = Arc::new(Flight {
                    state: Mutex::new(FlightState::UnderWay(Vec::new())),
                });
                place.insert(Arc::clone(&flight));
                Role::Leader(Leader {
                    collapser: Arc::clone(self),
                    key: key.clone(),
                    flight: Some(flight),
                })
            }
        }
    }
}

impl<T> Collapser<T> {
    fn shard(&self, key: &CacheKey) -> &Shard<T> {
        let hash = self.hasher.hash_one(key);
        let count = self.shards.len() as u64;
        &self.shards[usize::try_from(hash % count).expect("it is less than a usize")]
    }
}

impl<T: Clone> Leader<T> {
    /// Ends the flight with an outcome; requests that come later start anew.
    pub(crate) fn end(mut self, end: FlightEnd<T>) {
        self.close(end);
    }
}

impl<T> Leader<T> {
    fn close(&mut self, end: FlightEnd<T>) {
        let Some(flight) = self.flight.take() else {
            return;
        };
        self.collapser.shard(&self.key).lock().remove(&self.key);
        let previous = std::mem::replace(&mut *flight.state.lock(), FlightState::Ended(end));
        if let FlightState::UnderWay(wakers) = previous {
            wakers.into_iter().flatten().for_each(Waker::wake);
        }
    }
}

impl<T> Drop for Leader<T> {
    fn drop(&mut self) {
        self.close(FlightEnd::LeaderLost);
    }
}

impl<T: Clone> Future for Follower<T> {
    type Output = FlightEnd<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<FlightEnd<T>> {
        let flight = Arc::clone(&self.flight);
        let mut state = flight.state.lock();
        match &mut *state {
            FlightState::Ended(end) => Poll::Ready(end.clone()),
            FlightState::UnderWay(wakers) => {
                let slot = *self.slot.get_or_insert_with(|| {
                    wakers.push(None);
                    wakers.len() - 1
                });
                wakers[slot] = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl<T> Drop for Follower<T> {
    fn drop(&mut self) {
        let Some(slot) = self.slot else { return };
        if let FlightState::UnderWay(wakers) = &mut *self.flight.state.lock() {
            wakers[slot] = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;

    fn key() -> CacheKey {
        CacheKey::new(&"http://a/b".parse().unwrap()).unwrap()
    }

    fn leader(collapser: &Arc<Collapser<u8>>) -> Leader<u8> {
        match collapser.join(&key()) {
            Role::Leader(leader) => leader,
            Role::Follower(_) => panic!("there is a leader already"),
        }
    }

    fn follower(collapser: &Arc<Collapser<u8>>) -> Follower<u8> {
        match collapser.join(&key()) {
            Role::Leader(_) => panic!("there is no leader"),
            Role::Follower(follower) => follower,
        }
    }

    fn poll(follower: Pin<&mut Follower<u8>>) -> Poll<FlightEnd<u8>> {
        follower.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn followers_get_what_the_leader_shares() {
        let collapser = Collapser::new();
        let leader = leader(&collapser);
        let mut first = pin!(follower(&collapser));
        assert_eq!(poll(first.as_mut()), Poll::Pending);
        let mut second = pin!(follower(&collapser));
        leader.end(FlightEnd::Shared(7));
        assert_eq!(poll(first), Poll::Ready(FlightEnd::Shared(7)));
        assert_eq!(poll(second.as_mut()), Poll::Ready(FlightEnd::Shared(7)));
    }

    #[test]
    fn a_leader_that_is_dropped_makes_room_for_the_next() {
        let collapser = Collapser::new();
        let lost = leader(&collapser);
        let mut waiting = pin!(follower(&collapser));
        assert_eq!(poll(waiting.as_mut()), Poll::Pending);
        drop(lost);
        assert_eq!(poll(waiting), Poll::Ready(FlightEnd::LeaderLost));
        drop(leader(&collapser));
    }

    #[test]
    fn requests_after_the_end_start_anew() {
        let collapser = Collapser::new();
        leader(&collapser).end(FlightEnd::NotShared);
        drop(leader(&collapser));
    }
}
