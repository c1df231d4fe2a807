//! The level of the cache on disk, which keeps what does not fit into memory, also over a restart: turns responses and purges into
//! entries and tags. How they are kept is left to `storage`.

use std::time::Duration;

use edge_cache::rules::groups::Groups;
use edge_cache::rules::key::CacheKey;
use edge_cache::store::{
    Generation, LogPosition, Purge, PurgeMode, SharedFuture, SharedLevel, SharedLookup,
    SharedPurges, SharedResponse,
};
use storage::disk::{Disk, Entry, Purged};
use storage::shared;
use tokio::time::sleep;

use super::shared::{entry, group_tag, response, tag, tags_of};

/// The name of its log, which nobody else reads.
const LOG: &str = "disk";

/// The time between two questions for the purges of others, of which there are none.
const NO_NEWS: Duration = Duration::from_secs(1);

/// The level on disk. Clones are the same.
#[derive(Clone)]
pub(crate) struct DiskLevel(Disk);

impl DiskLevel {
    pub(crate) fn new(disk: Disk) -> Self {
        Self(disk)
    }

    /// Names the app or the origins whose responses it keeps, by a digest.
    pub(super) fn set_owner(&self, owner: &str) {
        self.0.set_owner(owner);
    }
}

impl SharedLevel for DiskLevel {
    fn name(&self) -> &'static str {
        "disk"
    }

    fn get<'a>(&'a self, key: &'a CacheKey) -> SharedFuture<'a, SharedLookup> {
        Box::pin(async move {
            let found = self.0.get(key.as_str()).await;
            let entries = found.entries.into_iter();
            let responses = entries.filter_map(|Entry { variant, value, .. }| {
                response(shared::Entry { variant, value })
            });
            Ok(SharedLookup {
                generation: Generation::after(found.generation),
                responses: responses.collect(),
            })
        })
    }

    fn put<'a>(
        &'a self,
        key: &'a CacheKey,
        groups: &'a Groups,
        response: SharedResponse,
        keep_for: Duration,
        since: Generation,
    ) -> SharedFuture<'a, bool> {
        Box::pin(async move {
            let shared::Entry { variant, value } = entry(&response);
            let groups = groups.iter().map(group_tag);
            let tags = tags_of(key).into_iter().chain(groups).collect();
            let entry = Entry {
                variant,
                tags,
                value,
            };
            let since = since.invalidations();
            Ok(self.0.put(key.as_str(), entry, keep_for, since))
        })
    }

    fn purges_after(&self, generation: Generation) -> SharedFuture<'_, SharedPurges> {
        Box::pin(async move {
            sleep(NO_NEWS).await;
            Ok(SharedPurges {
                generation,
                purges: Vec::new(),
            })
        })
    }

    fn is_followed(&self) -> bool {
        true
    }

    fn purge<'a>(&'a self, purges: &'a [(Purge, PurgeMode)]) -> SharedFuture<'a, LogPosition> {
        Box::pin(async move {
            let purges = purges.iter().map(|(what, _)| match what {
                Purge::All => Purged::All,
                Purge::Prefix(prefix) => Purged::Prefix(prefix.to_string()),
                Purge::Url(_) | Purge::Path(_) | Purge::Group { .. } => Purged::Tag(tag(what)),
            });
            let purges: Vec<Purged> = purges.collect();
            let number = self.0.purge(&purges).await;
            let log = LOG.into();
            Ok(LogPosition { log, number })
        })
    }
}
