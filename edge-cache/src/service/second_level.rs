//! The connection to a level that several caches share: lookups, puts and purges. When they happen is for `shared_lookup`
//! to say.
//!
//! Each call has a deadline, and a call that fails costs a request only the wait. Before any other call the level is told
//! about the purges that it has not confirmed, so a purged response neither comes back from it nor gets into it.

use std::collections::VecDeque;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::{Either, select};
use futures::lock::Mutex as AsyncMutex;
use parking_lot::Mutex;

use crate::limits::{MAX_PUTS_UNDER_WAY, MAX_UNTOLD_PURGES};
use crate::rules::key::CacheKey;
use crate::store::{
    Generation, LogPosition, Purge, PurgeMode, SharedLevel, SharedLevelError, SharedLookup,
    SharedPurges, SharedResponse,
};
use crate::stored_response::StoredResponse;

/// Resolves when a call to the shared level has taken too long.
pub type Deadline = Pin<Box<dyn Future<Output = ()> + Send>>;

/// In `Cache-Status`: the shared level failed, or took too long.
pub(super) const FAILED: &str = "shared-level-failed";

/// The outcome of a lookup in the shared level that gave no answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum LevelLookup {
    /// There was no lookup.
    #[default]
    None,
    /// It failed, or took too long.
    Failed,
    /// It had no newer response. What is stored after the forward is put there, unless it is invalidated after this.
    Miss(Generation),
}

impl LevelLookup {
    /// The put for a response that is stored now, if there was a lookup.
    pub(super) fn put_for(
        self,
        key: &CacheKey,
        response: &Arc<StoredResponse>,
    ) -> Option<Box<LevelPut>> {
        let Self::Miss(since) = self else { return None };
        Some(Box::new(LevelPut {
            key: key.clone(),
            response: Arc::clone(response),
            since,
        }))
    }
}

/// A stored response that is to be put into the shared level.
pub(super) struct LevelPut {
    pub(super) key: CacheKey,
    pub(super) response: Arc<StoredResponse>,
    /// The generation of the level before the forward.
    pub(super) since: Generation,
}

/// A shared level, with the purges that it has not confirmed.
pub(super) struct SecondLevel {
    level: Box<dyn SharedLevel>,
    deadline: Box<dyn Fn() -> Deadline + Send + Sync>,
    untold: Mutex<Untold>,
    /// Held while purges are sent, so that each is sent once.
    telling: AsyncMutex<()>,
    puts: AtomicUsize,
}

/// Purges that the level has not confirmed, in order and numbered.
#[derive(Default)]
struct Untold {
    purges: VecDeque<(u64, Purge, PurgeMode)>,
    noted: u64,
    /// The place of the last one that it has confirmed.
    confirmed: Option<LogPosition>,
}

/// What a shared level said about the purges of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// They are in its log, at this place or before.
    Confirmed(LogPosition),
    /// It failed, or took too long. It is told again.
    Unconfirmed,
}

impl Untold {
    fn note(&mut self, what: Purge, mode: PurgeMode) {
        self.noted += 1;
        let (what, mode) = if self.purges.len() < MAX_UNTOLD_PURGES {
            (what, mode)
        } else {
            self.purges.clear();
            (Purge::All, PurgeMode::Hard)
        };
        self.purges.push_back((self.noted, what, mode));
    }

    /// Forgets those up to a number, which are in the log.
    fn confirm(&mut self, number: u64, position: LogPosition) {
        self.confirmed = Some(position);
        while self
            .purges
            .pop_front_if(|first| first.0 <= number)
            .is_some()
        {}
    }
}

impl SecondLevel {
    pub(super) fn new(
        level: impl SharedLevel,
        deadline: impl Fn() -> Deadline + Send + Sync + 'static,
    ) -> Self {
        Self {
            level: Box::new(level),
            deadline: Box::new(deadline),
            untold: Mutex::default(),
            telling: AsyncMutex::new(()),
            puts: AtomicUsize::new(0),
        }
    }

    /// Notes a purge that the level is told before its next use.
    pub(super) fn note(&self, what: &Purge, mode: PurgeMode) {
        self.untold.lock().note(what.clone(), mode);
    }

    pub(super) async fn get(&self, key: &CacheKey) -> Option<SharedLookup> {
        let get = async {
            self.tell().await?;
            self.level.get(key).await
        };
        self.in_time(get).await
    }

    /// Sends the purges that the level has not confirmed. `None` if there never were any.
    pub(super) async fn catch_up(&self) -> Option<Told> {
        match self.in_time(self.tell()).await {
            Some(()) => self.untold.lock().confirmed.clone().map(Told::Confirmed),
            None => Some(Told::Unconfirmed),
        }
    }

    /// Puts a response there, unless too many are on their way. Returns whether the level failed.
    pub(super) async fn put(&self, level_put: &LevelPut, keep_for: Duration) -> bool {
        let under_way = UnderWay::begin(&self.puts);
        if under_way.before >= MAX_PUTS_UNDER_WAY {
            return false;
        }
        let LevelPut {
            key,
            response,
            since,
        } = level_put;
        let Some(encoded) = SharedResponse::encode(response) else {
            return false;
        };
        let put = async {
            self.tell().await?;
            let kept = self
                .level
                .put(key, &response.groups, encoded, keep_for, *since);
            kept.await
        };
        self.in_time(put).await.is_none()
    }

    /// Its word in `Cache-Status`.
    pub(super) fn name(&self) -> &'static str {
        self.level.name()
    }

    /// Whether the purges of other caches are known.
    pub(super) fn is_followed(&self) -> bool {
        self.level.is_followed()
    }

    /// Waits for the purges of other caches after this generation.
    pub(super) async fn purges_after(
        &self,
        seen: Generation,
    ) -> Result<SharedPurges, SharedLevelError> {
        self.level.purges_after(seen).await
    }

    /// Waits for the time that a call may take.
    pub(super) async fn pause(&self) {
        (self.deadline)().await;
    }

    /// Sends the purges in order.
    async fn tell(&self) -> Result<(), SharedLevelError> {
        if self.untold.lock().purges.is_empty() {
            return Ok(());
        }
        let _telling = self.telling.lock().await;
        loop {
            let (mut purges, mut last) = (Vec::new(), 0);
            for (number, what, mode) in &self.untold.lock().purges {
                last = *number;
                purges.push((what.clone(), *mode));
            }
            if purges.is_empty() {
                return Ok(());
            }
            let position = self.level.purge(&purges).await?;
            self.untold.lock().confirm(last, position);
        }
    }

    /// The outcome of a call; `None` if it fails or takes too long.
    async fn in_time<T>(
        &self,
        call: impl Future<Output = Result<T, SharedLevelError>>,
    ) -> Option<T> {
        match select(pin!(call), (self.deadline)()).await {
            Either::Left((answer, _)) => answer.ok(),
            Either::Right(_) => None,
        }
    }
}

/// Counts puts under way.
struct UnderWay<'a> {
    count: &'a AtomicUsize,
    /// How many there were before it.
    before: usize,
}

impl<'a> UnderWay<'a> {
    fn begin(count: &'a AtomicUsize) -> Self {
        let before = count.fetch_add(1, Ordering::Relaxed);
        Self { count, before }
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_untold_purges_take_no_more_memory_than_a_few() {
        let mut untold = Untold::default();
        let long = "x".repeat(8_000);
        for number in 0..1_000_000_u32 {
            // Every tenth thousand as long as a URL may be.
            let path = if number % 10_000 == 0 {
                long.as_str()
            } else {
                ""
            };
            let what = Purge::Prefix(format!("http://a/{number}{path}").into());
            untold.note(what, PurgeMode::Hard);
        }
        assert!(untold.purges.len() <= MAX_UNTOLD_PURGES);
        assert!(untold.purges.capacity() <= 2 * MAX_UNTOLD_PURGES);
    }
}
