//! The level that the caches of several servers share, on Redis: turns responses and purges into entries, tags and messages, and says
//! in the log whether the level answers. Where they are kept, and when they are out of date, is left to `storage`.

mod message;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use edge_cache::Told;
use edge_cache::rules::groups::Groups;
use edge_cache::rules::key::CacheKey;
use edge_cache::store::{
    Generation, LogPosition, Purge, PurgeMode, SharedFuture, SharedLevel, SharedLevelError,
    SharedLookup, SharedPurges, SharedResponse,
};
use parking_lot::Mutex;
use storage::EngineFailure;
use storage::shared::{Entry, Level, Position};
use storage::sql::{MAX_REPLICA_LAG, Positions};

use super::bookmark::{Bookmark, Secret};
use crate::clock;
use crate::limits::{BOOKMARK_WAIT, SHARED_CACHE_TIMEOUT};
use crate::state::State;

/// The level of this server. Clones are the same.
#[derive(Clone)]
pub(crate) struct SharedCache(Arc<Inner>);

struct Inner {
    level: Level,
    /// Whether it did not answer when the purges of others were asked for last.
    is_out: AtomicBool,
    /// Whether the responses come from servers that may lag behind the log, as this one does.
    is_before_caches: AtomicBool,
    /// Requests whose bookmark this server had reached, at once or after a moment.
    reached: AtomicU64,
    /// Requests that went past the cache because of their bookmark.
    behind: AtomicU64,
    /// The databases of this server.
    state: Arc<State>,
    floor: Mutex<Floor>,
}

/// Where the writes that led to the purges so far are in the databases with replicas. Responses that are stored must see them.
struct Floor {
    positions: Positions,
    /// When there last may have been purges whose positions are not known.
    unknown: Instant,
}

/// The tag of all responses, for purges that no other tag means.
const EVERYTHING: &str = "*";

impl SharedCache {
    pub(crate) fn new(level: Level, state: Arc<State>) -> Self {
        Self(Arc::new(Inner {
            level,
            state,
            floor: Mutex::new(Floor {
                positions: Positions::default(),
                unknown: clock::now(),
            }),
            is_out: AtomicBool::new(false),
            is_before_caches: AtomicBool::new(false),
            reached: AtomicU64::new(0),
            behind: AtomicU64::new(0),
        }))
    }

    /// Names the app whose responses it keeps, by a digest.
    pub(crate) fn set_owner(&self, owner: &str) {
        self.0.level.set_owner(owner);
    }

    /// Names the origins whose responses it keeps, by a digest.
    pub(crate) fn set_origins(&self, origins: &str) {
        self.set_owner(origins);
        self.0.is_before_caches.store(true, Ordering::Relaxed);
    }

    /// Requests by what their bookmarks did: those that the cache might answer, and those that went past it.
    pub(crate) fn bookmarks(&self) -> (u64, u64) {
        let Inner {
            reached, behind, ..
        } = &*self.0;
        (
            reached.load(Ordering::Relaxed),
            behind.load(Ordering::Relaxed),
        )
    }

    /// The key of the bookmarks; `None` while it is not known.
    pub(super) fn secret(&self) -> Option<Secret> {
        self.0.level.secret()
    }

    /// The positions in databases that a response must see which is stored from now on.
    pub(super) fn floor(&self) -> Positions {
        let floor = self.0.floor.lock();
        // No replica that lags behind for longer is read from.
        match clock::now() < floor.unknown + MAX_REPLICA_LAG {
            true => Positions::beyond(),
            false => floor.positions.clone(),
        }
    }

    /// Notes the positions of purges; `None` if some are not known.
    fn note_positions(&self, positions: Option<Positions>) {
        let mut floor = self.0.floor.lock();
        match positions {
            Some(positions) => floor.positions = floor.positions.clone().and(&positions),
            None => floor.unknown = clock::now(),
        }
    }

    /// Waits until this server knows of the write that a bookmark is for; returns whether it does.
    pub(super) async fn reaches(&self, bookmark: &Bookmark) -> bool {
        let deadline = clock::now() + BOOKMARK_WAIT;
        let has_reached = match bookmark.position() {
            Some(place) => {
                self.0
                    .level
                    .reaches(&in_storage(place.clone()), deadline)
                    .await
            }
            None => false,
        };
        let count = match has_reached {
            true => &self.0.reached,
            false => &self.0.behind,
        };
        count.fetch_add(1, Ordering::Relaxed);
        has_reached
    }

    /// The bookmark of all that this server knows. Responses of origins that are `stored` must also see what the databases have.
    pub(super) fn own_bookmark(&self, is_stored: bool) -> Option<Bookmark> {
        let position = self.0.level.position().map(from_storage)?;
        let positions = match is_stored {
            true => self.floor(),
            false => Positions::default(),
        };
        Some(Bookmark::of(Told::Confirmed(position), positions))
    }

    /// Whether this server knows what the others purge.
    pub(crate) fn is_followed(&self) -> bool {
        self.0.level.is_followed()
    }

    /// Says in the log when the level stops answering, and when it answers again.
    fn note(&self, failure: Option<&EngineFailure>) {
        let was_out = self.0.is_out.swap(failure.is_some(), Ordering::Relaxed);
        match failure {
            Some(failure) if !was_out => tracing::warn!(
                "the shared level of the cache does not answer, so no stored response counts as fresh: {failure}"
            ),
            None if was_out => tracing::info!("the shared level of the cache answers again"),
            _ => {}
        }
    }
}

impl SharedLevel for SharedCache {
    fn get<'a>(&'a self, key: &'a CacheKey) -> SharedFuture<'a, SharedLookup> {
        Box::pin(async move {
            let tags = tags_of(key);
            let found = self.0.level.get(key.as_str(), &tags, deadline()).await;
            let found = found.map_err(failed)?;
            let responses = found.entries.into_iter().filter_map(response);
            let mut generation = found.generation;
            if self.0.is_before_caches.load(Ordering::Relaxed) {
                // The origin knows of no more than it is told, which is what this server knows.
                generation = generation.min(self.0.level.generation());
            }
            Ok(SharedLookup {
                generation: Generation::after(generation),
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
            let groups: Vec<_> = groups.iter().map(group_tag).collect();
            let tags = (&tags_of(key)[..], &groups[..]);
            let (entry, since) = (entry(&response), since.invalidations());
            let level = &self.0.level;
            let put = level.put(key.as_str(), tags, &entry, keep_for, since, deadline());
            put.await.map_err(failed)
        })
    }

    fn purges_after(&self, generation: Generation) -> SharedFuture<'_, SharedPurges> {
        Box::pin(async move {
            let news = self.0.level.follow(generation.invalidations()).await;
            self.note(news.as_ref().err());
            let news = news.map_err(failed)?;
            let purges = match news.messages {
                Some(messages) => {
                    let positions = messages.iter().map(|text| message::written(text));
                    positions.for_each(|positions| self.note_positions(positions));
                    messages.iter().map(|text| message::purge(text)).collect()
                }
                None => {
                    self.note_positions(None);
                    vec![(Purge::All, PurgeMode::Hard)]
                }
            };
            Ok(SharedPurges {
                generation: Generation::after(news.generation),
                purges,
            })
        })
    }

    fn is_followed(&self) -> bool {
        self.0.level.is_followed()
    }

    fn purge<'a>(&'a self, purges: &'a [(Purge, PurgeMode)]) -> SharedFuture<'a, LogPosition> {
        Box::pin(async move {
            let (purges, written) = (purges.iter(), self.0.state.written());
            let purges: Vec<_> = purges
                .map(|(what, mode)| (tag(what), message::of(what, *mode, &written)))
                .collect();
            let purged = self.0.level.purge(&purges, deadline()).await;
            purged.map(from_storage).map_err(failed)
        })
    }
}

fn deadline() -> Instant {
    clock::now() + SHARED_CACHE_TIMEOUT
}

fn from_storage(Position { run, number }: Position) -> LogPosition {
    LogPosition { log: run, number }
}

fn in_storage(LogPosition { log, number }: LogPosition) -> Position {
    Position { run: log, number }
}

fn failed(failure: EngineFailure) -> SharedLevelError {
    SharedLevelError(Box::new(failure))
}

/// The tags of each response under a key.
pub(super) fn tags_of(key: &CacheKey) -> [String; 2] {
    [EVERYTHING.to_owned(), path_tag(key.path_and_query())]
}

/// The tag whose responses a purge puts out of date: those that it means, and with most kinds some more.
pub(super) fn tag(what: &Purge) -> String {
    match what {
        Purge::Url(key) => path_tag(key.path_and_query()),
        Purge::Path(path) => path_tag(path),
        Purge::Group { group, .. } => group_tag(group.as_str()),
        Purge::Prefix(_) | Purge::All => EVERYTHING.to_owned(),
    }
}

fn path_tag(path: &str) -> String {
    format!("p{path}")
}

pub(super) fn group_tag(name: &str) -> String {
    format!("g{name}")
}

/// A response as an entry: whether it is marked stale, and its bytes.
pub(super) fn entry(response: &SharedResponse) -> Entry {
    let mut value = Vec::with_capacity(1 + response.encoded.len());
    value.push(response.is_marked_stale.into());
    value.extend(&response.encoded);
    Entry {
        variant: response.variant.to_vec(),
        value,
    }
}

/// `None` for an entry of another version.
pub(super) fn response(entry: Entry) -> Option<SharedResponse> {
    let mut encoded = Bytes::from(entry.value);
    if encoded.is_empty() {
        return None;
    }
    let mark = encoded.split_to(1);
    Some(SharedResponse {
        variant: entry.variant.into(),
        encoded,
        is_marked_stale: mark[0] != 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn response_under_a_key_has_the_tag_of_each_purge_that_means_it() {
        let key = CacheKey::parse("http://a/b?c=d").unwrap();
        let tags = tags_of(&key);
        for what in [
            Purge::Url(key.clone()),
            Purge::path_of(&key),
            Purge::Prefix("http://a/".into()),
            Purge::All,
        ] {
            assert!(tags.contains(&tag(&what)), "{what:?}");
        }
    }
}
