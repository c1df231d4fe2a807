//! The way to a level that several caches share: asked before a forward, given what was stored, told what was purged.
//!
//! Each step has a deadline, and one that fails costs a request the wait and nothing else. What was purged is told before
//! anything else, so that nothing comes back from there, or gets there, that was purged here.

use std::collections::VecDeque;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::{Either, select};
use futures::lock::Mutex as AsyncMutex;
use parking_lot::Mutex;

use super::forward::Forwarding;
use super::lookup::Found;
use super::read::Verdict;
use super::{Answer, Cache};
use crate::rules::cache_status::CacheStatus;
use crate::rules::key::CacheKey;
use crate::rules::{reuse, selection, storing};
use crate::statistics::SharedOutcome;
use crate::store::{
    Generation, Purge, PurgeMode, SharedLevel, SharedLevelError, SharedLookup, SharedResponse,
};
use crate::stored_response::StoredResponse;

/// Resolves when a shared level has been waited for long enough.
pub type Deadline = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Purges that a level has still to be told of. Beyond it, it is told to forget everything.
const MAX_UNTOLD_PURGES: usize = 256;

/// Responses on their way to a level at one time. Beyond it, further ones are not sent there.
const MAX_PUTS_UNDER_WAY: usize = 64;

/// In `Cache-Status`: the response comes from the shared level.
const FOUND: &str = "shared-level";

/// In `Cache-Status`: the shared level failed, or took too long.
const FAILED: &str = "shared-level-failed";

/// What came of asking the shared level before a forward.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum LevelAsked {
    /// It was not asked.
    #[default]
    No,
    Failed,
    /// It had nothing better; what is stored now may be put there if nothing invalidates it after this.
    At(Generation),
}

impl LevelAsked {
    /// What is to be put into the level.
    pub(super) fn sharing(
        self,
        key: &CacheKey,
        response: &Arc<StoredResponse>,
    ) -> Option<Box<Sharing>> {
        let Self::At(since) = self else { return None };
        Some(Box::new(Sharing {
            key: key.clone(),
            response: Arc::clone(response),
            since,
        }))
    }
}

/// A response that is stored and is to be put into the shared level.
pub(super) struct Sharing {
    pub(super) key: CacheKey,
    pub(super) response: Arc<StoredResponse>,
    /// As the level said before the request was forwarded.
    pub(super) since: Generation,
}

/// A shared level, and what this cache still owes it.
pub(super) struct SecondLevel {
    level: Box<dyn SharedLevel>,
    deadline: Box<dyn Fn() -> Deadline + Send + Sync>,
    untold: Mutex<Untold>,
    /// Held while the level is told, so that nobody tells it the same.
    telling: AsyncMutex<()>,
    puts: AtomicUsize,
}

/// Purges that the level has not confirmed, in order and numbered.
#[derive(Default)]
struct Untold {
    purges: VecDeque<(u64, Purge, PurgeMode)>,
    noted: u64,
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

    fn confirm(&mut self, number: u64) {
        if self.purges.front().is_some_and(|first| first.0 == number) {
            self.purges.pop_front();
        }
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

    /// Has the level told of a purge before it is used again.
    pub(super) fn note(&self, what: &Purge, mode: PurgeMode) {
        self.untold.lock().note(what.clone(), mode);
    }

    async fn get(&self, key: &CacheKey) -> Option<SharedLookup> {
        let get = async {
            self.tell().await?;
            self.level.get(key).await
        };
        self.in_time(get).await
    }

    /// Returns whether it was told in time of all that it is to know.
    async fn catch_up(&self) -> bool {
        self.in_time(self.tell()).await.is_some()
    }

    /// Puts a response there, unless too many are on their way. Returns whether the level failed.
    async fn put(&self, sharing: &Sharing, keep_for: Duration) -> bool {
        let under_way = UnderWay::begin(&self.puts);
        if under_way.before >= MAX_PUTS_UNDER_WAY {
            return false;
        }
        let Sharing {
            key,
            response,
            since,
        } = sharing;
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

    /// Tells the level what was purged, in order.
    async fn tell(&self) -> Result<(), SharedLevelError> {
        if self.untold.lock().purges.is_empty() {
            return Ok(());
        }
        let _telling = self.telling.lock().await;
        loop {
            let first = self.untold.lock().purges.front().cloned();
            let Some((number, what, mode)) = first else {
                return Ok(());
            };
            self.level.purge(&what, mode).await?;
            self.untold.lock().confirm(number);
        }
    }

    /// What comes of asking the level; `None` if it fails or takes too long.
    async fn in_time<T>(
        &self,
        asking: impl Future<Output = Result<T, SharedLevelError>>,
    ) -> Option<T> {
        match select(pin!(asking), (self.deadline)()).await {
            Either::Left((answer, _)) => answer.ok(),
            Either::Right(_) => None,
        }
    }
}

/// Counts what is under way.
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

impl Forwarding {
    /// How the cache takes part in the answer to a request that is forwarded.
    pub(super) fn status(&self) -> CacheStatus {
        let status = CacheStatus::forwarded(self.reason);
        match self.level {
            LevelAsked::Failed => status.detail(FAILED),
            LevelAsked::No | LevelAsked::At(_) => status,
        }
    }
}

impl Cache {
    /// Answers with what the shared level has. `Err` if the request is to be forwarded.
    pub(super) async fn answer_from_level<B>(
        &self,
        level: &SecondLevel,
        mut forwarding: Forwarding,
    ) -> Result<Answer<B>, Forwarding> {
        let asking = &forwarding.asking;
        if asking.directives.no_store || self.uncacheable.contains(&asking.key, self.clock.now()) {
            return Err(forwarding);
        }
        let lookup = level.get(&asking.key).await;
        let now = self.clock.now();
        let since = forwarding.since;
        forwarding.since = self.store.generation();
        (forwarding.request_time, forwarding.response_time) = (now, now);
        let Some(lookup) = lookup else {
            self.counters.count_shared(SharedOutcome::Failed);
            forwarding.level = LevelAsked::Failed;
            return Err(forwarding);
        };
        forwarding.level = LevelAsked::At(lookup.generation);
        let Some(found) = self.select_shared(&lookup, &forwarding, since) else {
            self.counters.count_shared(SharedOutcome::Miss);
            return Err(forwarding);
        };
        self.counters.count_shared(SharedOutcome::Hit);
        self.store.put(&forwarding.asking.key, &found, since);
        match Self::verdict(Found::Stored(found), &forwarding.asking, now) {
            Verdict::Respond { stored, validate } => {
                forwarding.share_if_fresh(&stored);
                let status = CacheStatus::hit(reuse::time_to_live(&stored, now)).detail(FOUND);
                Ok(self.respond_at_once(forwarding.asking, stored, validate, status, now))
            }
            Verdict::Forward { stale, reason } => {
                (forwarding.stale, forwarding.reason) = (stale, reason);
                Err(forwarding)
            }
        }
    }

    /// The response of a shared level that a request selects, if it is newer than the one in memory and nothing has
    /// invalidated it since the level was asked.
    fn select_shared(
        &self,
        lookup: &SharedLookup,
        forwarding: &Forwarding,
        since: Generation,
    ) -> Option<Arc<StoredResponse>> {
        let Forwarding {
            asking,
            stale,
            since: now,
            request_time,
            ..
        } = forwarding;
        let decoded = lookup.responses.iter().filter_map(|shared| {
            let decoded = shared.decode(*request_time, |head| {
                storing::policy(head, &self.config.storing, *request_time)
            });
            decoded.ok().map(Arc::new)
        });
        let decoded: Vec<_> = decoded.collect();
        let selected = selection::select(&decoded, &asking.head.headers)?;
        let is_newer = stale
            .as_ref()
            .is_none_or(|stale| selected.response_time.wall > stale.response_time.wall);
        let groups = &selected.groups;
        let is_valid = !self.store.was_invalidated(&asking.key, groups, since, *now);
        (is_newer && is_valid).then(|| Arc::clone(selected))
    }

    /// Puts a response that is stored into the shared level.
    pub(super) async fn share(&self, sharing: Sharing) {
        let Some(level) = &self.second_level else {
            return;
        };
        let response = &sharing.response;
        let fresh = reuse::time_to_live(response, self.clock.now());
        let fresh = Duration::from_secs(u64::try_from(fresh).unwrap_or(0));
        let policy = &response.policy;
        let stale = [policy.stale_while_revalidate, policy.stale_if_error];
        let stale = stale.into_iter().flatten().max().unwrap_or_default();
        let keep_for = fresh.saturating_add(stale.max(self.config.stale_when_disconnected));
        if level.put(&sharing, keep_for).await {
            self.counters.count_shared(SharedOutcome::Failed);
        }
    }

    /// Purges from memory what other caches purge, for as long as it is polled; to be spawned once. Without it, what they
    /// purge may be served here until it is stale.
    pub async fn follow_shared_level(&self) {
        let Some(level) = &self.second_level else {
            return;
        };
        let mut seen = Generation::after(0);
        loop {
            match level.level.purges_after(seen).await {
                Ok(purged) => {
                    // Its own come back as well, and cost no more than a miss.
                    for (what, mode) in &purged.purges {
                        self.store.purge(what, *mode);
                    }
                    seen = purged.generation;
                }
                Err(_) => {
                    self.counters.count_shared(SharedOutcome::Failed);
                    (level.deadline)().await;
                }
            }
        }
    }

    /// Tells the shared level, if there is one, what was purged here. To be waited for before whoever purged is answered;
    /// if the level does not take it in time, it is told again before anything else is taken from it or put there.
    pub async fn tell_shared_level(&self) {
        if let Some(level) = &self.second_level
            && !level.catch_up().await
        {
            self.counters.count_shared(SharedOutcome::Failed);
        }
    }
}
