//! The cache of this server: built from the settings, put in front of the app or the origin, and shown to operators. Its
//! behaviour is in the crate `edge-cache`.

mod bookmark;
mod bookmarks;
mod disk;
mod figures;
mod pages;
mod shared;
mod simplify;
mod stage;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Instant;

use edge_cache::rules::freshness::NegativeCaching;
use edge_cache::rules::storing::StoringConfig;
use edge_cache::store::StoreConfig;
use edge_cache::{CacheConfig, Clock, ContentBroken, Deadline, ForwardError, Moment};
use tokio::time::sleep;

use crate::clock;
use crate::failure::{Blame, Failure};
use crate::limits::{MIN_RESPONSES_OF_SHARD, SHARED_CACHE_TIMEOUT};
use crate::observe::Metrics;
use crate::settings;

pub(crate) use disk::DiskLevel;
pub(crate) use figures::CacheStatistics;
pub(crate) use pages::{CachePages, PURGE_PATH, PurgeRequest, Purged, STATISTICS_PATH};
pub(crate) use shared::SharedCache;
pub(crate) use stage::{CacheStage, GroupScope, Lookup, NextStage};

/// The name in `Cache-Status` (RFC 9211 §2).
pub(crate) const NAME: &str = "terrace";

/// The cache of one process, which all its workers share.
#[derive(Clone)]
pub(crate) struct EdgeCache(
    Arc<edge_cache::Cache>,
    Option<SharedCache>,
    Arc<settings::KeyRules>,
    Option<DiskLevel>,
);

/// The level behind the memory of a cache.
pub(crate) enum SecondLevel {
    None,
    /// Several servers share it.
    Shared(SharedCache),
    Disk(DiskLevel),
}

impl EdgeCache {
    /// The cache that the settings ask for, over a second level, if there is one; `None` if it is off.
    pub(crate) fn new(
        settings: &settings::Cache,
        workers: NonZeroUsize,
        level: SecondLevel,
    ) -> Option<Self> {
        let capacity = settings.memory?;
        let config = CacheConfig {
            name: NAME,
            storing: StoringConfig {
                target_list: settings.targeted_fields.clone(),
                negative_caching: NegativeCaching(settings.negative.clone()),
                set_cookie: settings.set_cookie,
            },
            stale_when_disconnected: settings.stale_if_unreachable,
            compression: settings.compression,
            store: store_config(capacity, settings.max_response, workers),
        };
        let clock = ServerClock {
            begun: clock::now(),
        };
        let deadline = || Box::pin(sleep(SHARED_CACHE_TIMEOUT)) as Deadline;
        let rules = Arc::new(settings.key_rules.clone());
        Some(match level {
            SecondLevel::None => Self(edge_cache::Cache::new(config, clock), None, rules, None),
            SecondLevel::Shared(level) => {
                let cache =
                    edge_cache::Cache::with_shared_level(config, clock, level.clone(), deadline);
                Self(cache, Some(level), rules, None)
            }
            SecondLevel::Disk(level) => {
                let cache =
                    edge_cache::Cache::with_shared_level(config, clock, level.clone(), deadline);
                Self(cache, None, rules, Some(level))
            }
        })
    }

    /// Names the app whose responses it keeps, by a digest: others share nothing with it.
    pub(crate) fn set_owner(&self, owner: &str) {
        self.1.iter().for_each(|shared| shared.set_owner(owner));
        self.3.iter().for_each(|disk| disk.set_owner(owner));
    }

    /// Names the origins whose responses it keeps, by a digest. They may have caches of their own.
    pub(crate) fn set_origins(&self, origins: &str) {
        self.1.iter().for_each(|shared| shared.set_origins(origins));
        self.3.iter().for_each(|disk| disk.set_owner(origins));
    }

    /// Follows the purges of other servers, for as long as the runtime of the caller runs. Without a shared level, there is nothing
    /// to do.
    pub(crate) fn follow(&self) {
        let cache = Arc::clone(&self.0);
        tokio::spawn(async move { cache.follow_shared_level().await });
    }

    /// Adds its figures to the metrics.
    pub(crate) fn tell(&self, metrics: &Metrics) {
        let cache = self.clone();
        metrics.read_cache(move || cache.figures());
    }

    /// Removes everything from memory, as when the app is replaced.
    pub(crate) fn clear(&self) {
        self.0.clear();
    }
}

/// Each shard has room for [`MIN_RESPONSES_OF_SHARD`] responses of the largest size.
fn store_config(capacity: u64, max_response: Option<u64>, workers: NonZeroUsize) -> StoreConfig {
    let mut config = StoreConfig::new(capacity, workers);
    let Some(max_response) = max_response else {
        return config;
    };
    config.max_response_bytes = max_response;
    let most = capacity / max_response.saturating_mul(MIN_RESPONSES_OF_SHARD).max(1);
    let most = NonZeroUsize::new(usize::try_from(most).unwrap_or(usize::MAX));
    let most = most.map_or(NonZeroUsize::MIN, previous_power_of_two);
    config.shards = config.shards.min(most);
    config
}

fn previous_power_of_two(number: NonZeroUsize) -> NonZeroUsize {
    NonZeroUsize::new(1 << number.ilog2()).unwrap_or(NonZeroUsize::MIN)
}

/// Both clocks of the server.
struct ServerClock {
    begun: Instant,
}

impl Clock for ServerClock {
    fn now(&self) -> Moment {
        Moment {
            wall: clock::time_of_day(),
            monotonic: clock::now().saturating_duration_since(self.begun),
        }
    }
}

impl From<ContentBroken> for Failure {
    fn from(_: ContentBroken) -> Self {
        Self::ResponseBroken
    }
}

impl ForwardError for Failure {
    /// Every fault but the client's: the function or the origin gave no response.
    fn is_disconnected(&self) -> bool {
        self.problem().blame != Blame::Client
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::MIB;

    fn shards(capacity: u64, max_response: Option<u64>) -> usize {
        let workers = NonZeroUsize::new(16).unwrap();
        store_config(capacity, max_response, workers).shards.get()
    }

    #[test]
    fn each_part_of_the_store_has_room_for_the_largest_response() {
        assert_eq!(shards(256 * MIB, None), 64);
        assert_eq!(shards(256 * MIB, Some(MIB)), 64);
        assert_eq!(shards(256 * MIB, Some(32 * MIB)), 4);
        assert_eq!(shards(256 * MIB, Some(200 * MIB)), 1);
    }
}
