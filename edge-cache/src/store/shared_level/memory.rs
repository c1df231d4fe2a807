//! A shared level in memory for tests, which can fail and hang.

use std::collections::HashMap;
use std::future::{pending, poll_fn, ready};
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

use futures::FutureExt;
use parking_lot::Mutex;

use super::{
    LogPosition, SharedFuture, SharedLevel, SharedLevelError, SharedLookup, SharedPurges,
    SharedResponse,
};
use crate::rules::groups::Groups;
use crate::rules::key::CacheKey;
use crate::store::{Generation, Purge, PurgeMode};
use crate::yielding::yield_to_others;

/// What a level does when it is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mood {
    #[default]
    Answers,
    Fails,
    Hangs,
}

/// Keeps everything for ever. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct MemoryLevel(Arc<Mutex<Kept>>);

/// A response with its groups.
type Member = (SharedResponse, Groups);

#[derive(Default)]
struct Kept {
    responses: HashMap<CacheKey, Vec<Member>>,
    purges: Vec<(Purge, PurgeMode)>,
    followers: Vec<Waker>,
    mood: Mood,
    is_unheard: bool,
}

impl MemoryLevel {
    /// Whether the purges of others do not arrive.
    pub(crate) fn is_unheard(&self, is_unheard: bool) {
        self.0.lock().is_unheard = is_unheard;
    }

    pub(crate) fn is_in(&self, mood: Mood) {
        self.0.lock().mood = mood;
    }

    /// What it does, as its mood is.
    fn answer<T: Send + 'static>(
        &self,
        answer: impl FnOnce(&mut Kept) -> T,
    ) -> SharedFuture<'_, T> {
        let mut kept = self.0.lock();
        match kept.mood {
            Mood::Answers => {
                let answer = answer(&mut kept);
                Box::pin(yield_to_others(1).map(|()| Ok(answer)))
            }
            Mood::Fails => Box::pin(ready(Err(SharedLevelError("it is told to".into())))),
            Mood::Hangs => Box::pin(pending()),
        }
    }
}

impl SharedLevel for MemoryLevel {
    fn get<'a>(&'a self, key: &'a CacheKey) -> SharedFuture<'a, SharedLookup> {
        self.answer(|kept| {
            let responses = kept.responses.get(key).into_iter().flatten();
            let newest_first = responses.rev();
            SharedLookup {
                generation: Generation::after(kept.purges.len() as u64),
                responses: newest_first.map(|(response, _)| response.clone()).collect(),
            }
        })
    }

    fn put<'a>(
        &'a self,
        key: &'a CacheKey,
        groups: &'a Groups,
        response: SharedResponse,
        _: Duration,
        since: Generation,
    ) -> SharedFuture<'a, bool> {
        self.answer(|kept| {
            let since = usize::try_from(since.invalidations()).unwrap();
            let mut purges = kept.purges[since..].iter();
            let is_valid = !purges.any(|(purge, _)| purge.means(key, groups));
            if is_valid {
                let variants = kept.responses.entry(key.clone()).or_default();
                variants.retain(|(stored, _)| stored.variant != response.variant);
                variants.push((response, groups.clone()));
            }
            is_valid
        })
    }

    fn purges_after(&self, generation: Generation) -> SharedFuture<'_, SharedPurges> {
        let after = usize::try_from(generation.invalidations()).unwrap();
        Box::pin(poll_fn(move |context| {
            let mut kept = self.0.lock();
            if kept.purges.len() <= after {
                kept.followers.push(context.waker().clone());
                return Poll::Pending;
            }
            Poll::Ready(Ok(SharedPurges {
                generation: Generation::after(kept.purges.len() as u64),
                purges: kept.purges[after..].to_vec(),
            }))
        }))
    }

    fn is_followed(&self) -> bool {
        !self.0.lock().is_unheard
    }

    fn purge<'a>(&'a self, purges: &'a [(Purge, PurgeMode)]) -> SharedFuture<'a, LogPosition> {
        self.answer(|kept| {
            for (what, mode) in purges {
                kept.purge(what, *mode);
            }
            kept.followers.drain(..).for_each(Waker::wake);
            LogPosition {
                log: "memory".into(),
                number: kept.purges.len() as u64,
            }
        })
    }
}

impl Kept {
    fn purge(&mut self, what: &Purge, mode: PurgeMode) {
        self.purges.push((what.clone(), mode));
        for (key, variants) in &mut self.responses {
            let meant = |(_, groups): &&mut Member| what.means(key, groups);
            for (response, _) in variants.iter_mut().filter(meant) {
                response.is_marked_stale = true;
            }
            variants.retain(|(_, groups)| mode == PurgeMode::Soft || !what.means(key, groups));
        }
    }
}
