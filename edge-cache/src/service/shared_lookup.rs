//! When the shared level is used: looked up before a forward, given each stored response, and followed for the purges of
//! other caches.

use std::sync::Arc;
use std::time::Duration;

use super::Cache;
use super::answer::Answer;
use super::forwarding::Forwarding;
use super::hit::Decision;
use super::second_level::{LevelLookup, LevelPut, SecondLevel, Told};
use crate::rules::cache_status::CacheStatus;
use crate::rules::{reuse, selection, storing};
use crate::statistics::SharedOutcome;
use crate::store::{Generation, SharedLookup};
use crate::stored_response::StoredResponse;

impl Cache {
    /// Answers with a response of the shared level. `Err` if the request is to be forwarded.
    pub(super) async fn lookup_in_level<B>(
        &self,
        level: &SecondLevel,
        mut forwarding: Forwarding,
    ) -> Result<Answer<B>, Forwarding> {
        let keyed = &forwarding.keyed;
        if keyed.directives.no_store || self.bypass_memory.contains(&keyed.key, self.clock.now()) {
            return Err(forwarding);
        }
        let lookup = level.get(&keyed.key).await;
        let now = self.clock.now();
        let since = forwarding.since;
        forwarding.since = self.store.generation();
        (forwarding.request_time, forwarding.response_time) = (now, now);
        let Some(lookup) = lookup else {
            self.counters.count_shared(SharedOutcome::Failed);
            forwarding.level = LevelLookup::Failed;
            return Err(forwarding);
        };
        forwarding.level = LevelLookup::Miss(lookup.generation);
        let Some(found) = self.select_shared(&lookup, &forwarding, since) else {
            self.counters.count_shared(SharedOutcome::Miss);
            return Err(forwarding);
        };
        self.counters.count_shared(SharedOutcome::Hit);
        self.store.put(&forwarding.keyed.key, &found, since);
        match Decision::about(found, &forwarding.keyed, now) {
            Decision::Hit { stored, validate } => {
                forwarding.share_if_fresh(&stored);
                let status = CacheStatus::hit(reuse::time_to_live(&stored, now));
                let status = status.detail(level.name());
                Ok(self.hit_with_status(forwarding.keyed, stored, validate, status, now))
            }
            Decision::Forward { stale, reason } => {
                (forwarding.stale, forwarding.reason) = (stale, reason);
                Err(forwarding)
            }
        }
    }

    /// The response that a request selects, if it is newer than the one in memory and was not invalidated during the
    /// lookup.
    fn select_shared(
        &self,
        lookup: &SharedLookup,
        forwarding: &Forwarding,
        since: Generation,
    ) -> Option<Arc<StoredResponse>> {
        let Forwarding {
            keyed,
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
        let selected = selection::select(&decoded, &keyed.head.headers)?;
        let is_newer = stale
            .as_ref()
            .is_none_or(|stale| selected.response_time.wall > stale.response_time.wall);
        let groups = &selected.groups;
        let is_valid = !self.store.was_invalidated(&keyed.key, groups, since, *now);
        (is_newer && is_valid).then(|| Arc::clone(selected))
    }

    /// Puts a stored response into the shared level.
    pub(super) async fn put_in_level(&self, level_put: LevelPut) {
        let Some(level) = &self.second_level else {
            return;
        };
        let response = &level_put.response;
        let fresh = reuse::time_to_live(response, self.clock.now());
        let fresh = Duration::from_secs(u64::try_from(fresh).unwrap_or(0));
        let policy = &response.policy;
        let stale = [policy.stale_while_revalidate, policy.stale_if_error];
        let stale = stale.into_iter().flatten().max().unwrap_or_default();
        let keep_for = fresh.saturating_add(stale.max(self.config.stale_when_disconnected));
        if level.put(&level_put, keep_for).await {
            self.counters.count_shared(SharedOutcome::Failed);
        }
    }

    /// Purges from memory what other caches purge, and tells the level what it has missed, for as long as it is polled; to be
    /// spawned once. Without it, a response that another cache purges is served here until it is stale.
    pub async fn follow_shared_level(&self) {
        let Some(level) = &self.second_level else {
            return;
        };
        let mut seen = Generation::after(0);
        loop {
            let following = level.purges_after(seen);
            match futures::join!(following, self.tell_shared_level()).0 {
                Ok(purged) => {
                    // The purges of this cache are among them, and find nothing.
                    for (what, mode) in &purged.purges {
                        self.store.purge(what, *mode);
                    }
                    seen = purged.generation;
                }
                Err(_) => {
                    self.counters.count_shared(SharedOutcome::Failed);
                    level.pause().await;
                }
            }
        }
    }

    /// Whether a response in memory that is fresh may be served as such: what other caches purged is known.
    pub(super) fn is_memory_current(&self) -> bool {
        let level = self.second_level.as_ref();
        level.is_none_or(SecondLevel::is_followed)
    }

    /// Tells the shared level, if there is one, about the purges of this cache. To be awaited before a purge is answered. If the
    /// level does not confirm in time, it is told again before its next use. `None` if there never was anything to tell.
    pub async fn tell_shared_level(&self) -> Option<Told> {
        let told = self.second_level.as_ref()?.catch_up().await;
        if told == Some(Told::Unconfirmed) {
            self.counters.count_shared(SharedOutcome::Failed);
        }
        told
    }
}
