//! The table of forwards under way. The first request for a key is the leader and forwards; the next ones are followers and
//! wait. Which requests may collapse is for `service::forward_collapsed` to say.
//!
//! A leader ends in one of three ways: it shares a response, it has none that others may use, or it is dropped.
//! A follower waits until then, so its caller has to bound the wait.

use std::collections::hash_map::{Entry, RandomState};
use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasher;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

use crate::limits::COLLAPSE_SHARDS;
use crate::rules::key::CacheKey;

/// The forwards under way, by key. `T` is what a leader shares.
#[derive(Debug)]
pub(crate) struct Collapser<T> {
    shards: Box<[Shard<T>]>,
    hasher: RandomState,
}

type Shard<T> = Mutex<HashMap<CacheKey, Arc<Collapse<T>>>>;

/// One forward, and those who wait for it.
#[derive(Debug)]
struct Collapse<T> {
    state: Mutex<CollapseState<T>>,
}

#[derive(Debug)]
enum CollapseState<T> {
    UnderWay(Waiting),
    Ended(CollapseEnd<T>),
}

/// The followers that wait now. One that leaves is removed, so a long forward does not collect them.
#[derive(Debug, Default)]
struct Waiting {
    joined: u64,
    wakers: BTreeMap<u64, Waker>,
}

/// How a wait ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CollapseEnd<T> {
    /// The leader's outcome, which may serve others.
    Shared(T),
    /// The leader's outcome is for its own client only: each follower forwards.
    NotShared,
    /// The leader was dropped: one of its followers is the next.
    LeaderLost,
}

/// What a request does about a key.
pub(crate) enum Role<T> {
    /// It forwards.
    Leader(Leader<T>),
    /// It waits.
    Follower(Follower<T>),
}

/// Held by the request that forwards. Its followers wait until it ends or is dropped.
pub(crate) struct Leader<T> {
    collapser: Arc<Collapser<T>>,
    key: CacheKey,
    collapse: Option<Arc<Collapse<T>>>,
}

/// Resolves when the leader has ended.
pub(crate) struct Follower<T> {
    collapse: Arc<Collapse<T>>,
    /// Its number among the waiting, once it was polled.
    number: Option<u64>,
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
            Entry::Occupied(collapse) => Role::Follower(Follower {
                collapse: Arc::clone(collapse.get()),
                number: None,
            }),
            Entry::Vacant(place) => {
                let collapse = Arc::new(Collapse {
                    state: Mutex::new(CollapseState::UnderWay(Waiting::default())),
                });
                place.insert(Arc::clone(&collapse));
                Role::Leader(Leader {
                    collapser: Arc::clone(self),
                    key: key.clone(),
                    collapse: Some(collapse),
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
    /// Ends the collapse with an outcome; requests that come later start anew.
    pub(crate) fn end(mut self, end: CollapseEnd<T>) {
        self.close(end);
    }
}

impl<T> Leader<T> {
    fn close(&mut self, end: CollapseEnd<T>) {
        let Some(collapse) = self.collapse.take() else {
            return;
        };
        self.collapser.shard(&self.key).lock().remove(&self.key);
        let previous = std::mem::replace(&mut *collapse.state.lock(), CollapseState::Ended(end));
        if let CollapseState::UnderWay(waiting) = previous {
            waiting.wakers.into_values().for_each(Waker::wake);
        }
    }
}

impl<T> Drop for Leader<T> {
    fn drop(&mut self) {
        self.close(CollapseEnd::LeaderLost);
    }
}

impl<T: Clone> Future for Follower<T> {
    type Output = CollapseEnd<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<CollapseEnd<T>> {
        let collapse = Arc::clone(&self.collapse);
        let mut state = collapse.state.lock();
        match &mut *state {
            CollapseState::Ended(end) => Poll::Ready(end.clone()),
            CollapseState::UnderWay(waiting) => {
                let number = *self.number.get_or_insert_with(|| {
                    waiting.joined += 1;
                    waiting.joined
                });
                waiting.wakers.insert(number, context.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl<T> Drop for Follower<T> {
    fn drop(&mut self) {
        let Some(number) = self.number else { return };
        if let CollapseState::UnderWay(waiting) = &mut *self.collapse.state.lock() {
            waiting.wakers.remove(&number);
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

    fn poll(follower: Pin<&mut Follower<u8>>) -> Poll<CollapseEnd<u8>> {
        follower.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn followers_get_what_the_leader_shares() {
        let collapser = Collapser::new();
        let leader = leader(&collapser);
        let mut first = pin!(follower(&collapser));
        assert_eq!(poll(first.as_mut()), Poll::Pending);
        let mut second = pin!(follower(&collapser));
        leader.end(CollapseEnd::Shared(7));
        assert_eq!(poll(first), Poll::Ready(CollapseEnd::Shared(7)));
        assert_eq!(poll(second.as_mut()), Poll::Ready(CollapseEnd::Shared(7)));
    }

    #[test]
    fn a_leader_that_is_dropped_makes_room_for_the_next() {
        let collapser = Collapser::new();
        let lost = leader(&collapser);
        let mut waiting = pin!(follower(&collapser));
        assert_eq!(poll(waiting.as_mut()), Poll::Pending);
        drop(lost);
        assert_eq!(poll(waiting), Poll::Ready(CollapseEnd::LeaderLost));
        drop(leader(&collapser));
    }

    #[test]
    fn many_different_urls_leave_nothing_behind() {
        let collapser = Collapser::<u8>::new();
        for number in 0..100_000_u32 {
            let key = CacheKey::new(&format!("http://a/{number}").parse().unwrap()).unwrap();
            drop(collapser.join(&key));
        }
        let room = collapser.shards.iter().map(|shard| shard.lock().capacity());
        assert!(room.sum::<usize>() <= COLLAPSE_SHARDS * 8);
    }

    #[test]
    fn followers_that_leave_a_long_forward_take_no_memory() {
        let collapser = Collapser::new();
        let leader = leader(&collapser);
        for _ in 0..1_000 {
            assert_eq!(poll(pin!(follower(&collapser))), Poll::Pending);
        }
        match &*follower(&collapser).collapse.state.lock() {
            CollapseState::UnderWay(waiting) => assert!(waiting.wakers.is_empty()),
            CollapseState::Ended(_) => panic!("the leader is under way"),
        }
        drop(leader);
    }

    #[test]
    fn requests_after_the_end_start_anew() {
        let collapser = Collapser::new();
        leader(&collapser).end(CollapseEnd::NotShared);
        drop(leader(&collapser));
    }
}
