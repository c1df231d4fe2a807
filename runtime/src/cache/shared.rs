//! The level that the caches of several servers share, on Redis: turns responses and purges into entries, tags and messages, and says
//! in the log whether the level answers. Where they are kept, and when they are out of date, is left to `storage`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use edge_cache::rules::groups::{CacheGroup, Groups};
use edge_cache::rules::key::CacheKey;
use edge_cache::store::{
    Generation, Purge, PurgeMode, SharedFuture, SharedLevel, SharedLevelError, SharedLookup,
    SharedPurges, SharedResponse,
};
use serde::{Deserialize, Serialize};
use storage::EngineFailure;
use storage::shared::{Entry, Level};

use crate::clock;
use crate::limits::SHARED_CACHE_TIMEOUT;

/// The level of this server. Clones are the same.
#[derive(Clone)]
pub(crate) struct SharedCache(Arc<Inner>);

struct Inner {
    level: Level,
    /// Whether it did not answer when the purges of others were asked for last.
    is_out: AtomicBool,
}

/// The tag of all responses, for purges that no other tag means.
const EVERYTHING: &str = "*";

/// A purge as it is in the log. It is read by servers of other versions as well: what they do not know, they take for one of
/// everything.
#[derive(Debug, Deserialize, Serialize)]
struct Message {
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    soft: bool,
    what: What,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum What {
    Url(String),
    Path(String),
    Prefix(String),
    Group {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        origin: Option<String>,
        name: String,
    },
    All,
}

impl SharedCache {
    pub(crate) fn new(level: Level) -> Self {
        let is_out = AtomicBool::new(false);
        Self(Arc::new(Inner { level, is_out }))
    }

    /// Names the app or the origin whose responses it keeps, by a digest.
    pub(crate) fn set_owner(&self, owner: &str) {
        self.0.level.set_owner(owner);
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
                Some(messages) => messages.iter().map(|message| purge(message)).collect(),
                None => vec![(Purge::All, PurgeMode::Hard)],
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

    fn purge<'a>(&'a self, purges: &'a [(Purge, PurgeMode)]) -> SharedFuture<'a, ()> {
        Box::pin(async move {
            let purges = purges.iter();
            let purges: Vec<_> = purges
                .map(|(what, mode)| (tag(what), message(what, *mode)))
                .collect();
            self.0
                .level
                .purge(&purges, deadline())
                .await
                .map_err(failed)
        })
    }
}

fn deadline() -> Instant {
    clock::now() + SHARED_CACHE_TIMEOUT
}

fn failed(failure: EngineFailure) -> SharedLevelError {
    SharedLevelError(Box::new(failure))
}

/// The tags of each response under a key.
fn tags_of(key: &CacheKey) -> [String; 2] {
    [EVERYTHING.to_owned(), path_tag(key.path_and_query())]
}

/// The tag whose responses a purge puts out of date: those that it means, and with most kinds some more.
fn tag(what: &Purge) -> String {
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

fn group_tag(name: &str) -> String {
    format!("g{name}")
}

/// A response as an entry: whether it is marked stale, and its bytes.
fn entry(response: &SharedResponse) -> Entry {
    let mut value = Vec::with_capacity(1 + response.encoded.len());
    value.push(response.is_marked_stale.into());
    value.extend(&response.encoded);
    Entry {
        variant: response.variant.to_vec(),
        value,
    }
}

/// `None` for an entry of another version.
fn response(entry: Entry) -> Option<SharedResponse> {
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

fn message(what: &Purge, mode: PurgeMode) -> Vec<u8> {
    let what = match what {
        Purge::Url(key) => What::Url(key.as_str().to_owned()),
        Purge::Path(path) => What::Path(path.to_string()),
        Purge::Prefix(prefix) => What::Prefix(prefix.to_string()),
        Purge::Group { origin, group } => What::Group {
            origin: origin.as_deref().map(str::to_owned),
            name: group.as_str().to_owned(),
        },
        Purge::All => What::All,
    };
    let soft = mode == PurgeMode::Soft;
    serde_json::to_vec(&Message { soft, what }).expect("texts and marks have a form in JSON")
}

/// The purge of a message; of everything if it is not known.
fn purge(message: &[u8]) -> (Purge, PurgeMode) {
    let everything = (Purge::All, PurgeMode::Hard);
    let Ok(Message { soft, what }) = serde_json::from_slice(message) else {
        return everything;
    };
    let what = match what {
        What::Url(url) => match CacheKey::parse(&url) {
            Some(key) => Purge::Url(key),
            None => return everything,
        },
        What::Path(path) => Purge::Path(path.into()),
        What::Prefix(prefix) => Purge::Prefix(prefix.into()),
        What::Group { origin, name } => Purge::Group {
            origin: origin.map(Into::into),
            group: CacheGroup::new(&name),
        },
        What::All => Purge::All,
    };
    match soft {
        true => (what, PurgeMode::Soft),
        false => (what, PurgeMode::Hard),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn purges_come_back_as_they_went_and_unknown_ones_are_of_everything() {
        let group = |origin: Option<&str>| Purge::Group {
            origin: origin.map(Into::into),
            group: CacheGroup::new("a \"b\""),
        };
        for what in [
            Purge::Url(CacheKey::parse("http://a/b?c=d").unwrap()),
            Purge::Path("/b?c=d".into()),
            Purge::Prefix("http://a/".into()),
            group(None),
            group(Some("http://a")),
            Purge::All,
        ] {
            for mode in [PurgeMode::Soft, PurgeMode::Hard] {
                let message = message(&what, mode);
                assert_eq!(purge(&message), (what.clone(), mode));
            }
        }
        for unknown in [
            "",
            "{}",
            r#"{"what":{"rhyme":"a"}}"#,
            r#"{"what":{"url":"a b"}}"#,
        ] {
            let purge = purge(unknown.as_bytes());
            assert_eq!(purge, (Purge::All, PurgeMode::Hard), "{unknown}");
        }
    }

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
