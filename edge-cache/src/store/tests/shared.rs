//! A shared level in memory, and two stores above it.

use std::collections::HashMap;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use parking_lot::Mutex;

use super::{CacheGroup, CacheKey, Purge, PurgeMode, Store, key, plain, put, response, store};
use crate::StoredResponse;
use crate::rules::freshness::NegativeCaching;
use crate::rules::storing;
use crate::rules::testing::moment;
use crate::store::{Generation, SharedFuture, SharedLevel, SharedLookup, SharedResponse};

/// Keeps everything for ever.
#[derive(Default)]
struct MemoryLevel(Mutex<Kept>);

/// A response with its groups.
type Member = (SharedResponse, Box<[CacheGroup]>);

#[derive(Default)]
struct Kept {
    responses: HashMap<CacheKey, Vec<Member>>,
    purges: Vec<Purge>,
}

impl SharedLevel for MemoryLevel {
    fn get<'a>(&'a self, key: &'a CacheKey) -> SharedFuture<'a, SharedLookup> {
        let kept = self.0.lock();
        let responses = kept.responses.get(key).into_iter().flatten();
        let lookup = SharedLookup {
            generation: Generation::after(kept.purges.len() as u64),
            responses: responses
                .rev()
                .map(|(response, _)| response.clone())
                .collect(),
        };
        Box::pin(async { Ok(lookup) })
    }

    fn put<'a>(
        &'a self,
        key: &'a CacheKey,
        groups: &'a [CacheGroup],
        response: SharedResponse,
        _: Duration,
        since: Generation,
    ) -> SharedFuture<'a, bool> {
        let mut kept = self.0.lock();
        let since = usize::try_from(since.invalidations()).unwrap();
        let is_valid = !kept.purges[since..]
            .iter()
            .any(|purge| purge.means(key, groups));
        if is_valid {
            let variants = kept.responses.entry(key.clone()).or_default();
            variants.retain(|(stored, _)| stored.variant != response.variant);
            variants.push((response, groups.into()));
        }
        Box::pin(async move { Ok(is_valid) })
    }

    fn purge<'a>(&'a self, what: &'a Purge, mode: PurgeMode) -> SharedFuture<'a, u64> {
        let mut kept = self.0.lock();
        kept.purges.push(what.clone());
        let mut count = 0;
        for (key, variants) in &mut kept.responses {
            for (response, _) in variants
                .iter_mut()
                .filter(|(_, groups)| what.means(key, groups))
            {
                response.is_marked_stale = true;
                count += 1;
            }
            variants.retain(|(_, groups)| mode == PurgeMode::Soft || !what.means(key, groups));
        }
        Box::pin(async move { Ok(count) })
    }
}

/// What a future that never waits is ready with.
fn now<T>(mut future: SharedFuture<'_, T>) -> T {
    match future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        Poll::Ready(answer) => answer.unwrap(),
        Poll::Pending => panic!("it waits for nothing"),
    }
}

/// What a cache does after a miss in memory: asks the shared level, and keeps what is there.
fn look_up(store: &Store, level: &MemoryLevel, key: &CacheKey) -> (Generation, usize) {
    let since = store.generation();
    let lookup = now(level.get(key));
    // The oldest first, so that the newest ends up in front.
    for shared in lookup.responses.iter().rev() {
        let judged = shared.decode(moment(1), |head| {
            storing::policy(head, &[], &NegativeCaching::default(), moment(1))
        });
        let _ = store.put(key, &Arc::new(judged.unwrap()), since);
    }
    (lookup.generation, lookup.responses.len())
}

/// What a cache does after a store in memory.
fn share(
    level: &MemoryLevel,
    key: &CacheKey,
    response: &StoredResponse,
    since: Generation,
) -> bool {
    let encoded = SharedResponse::encode(response).unwrap();
    now(level.put(
        key,
        &response.groups,
        encoded,
        Duration::from_secs(60),
        since,
    ))
}

#[test]
fn what_one_store_has_shared_another_finds() {
    let (level, one, other) = (MemoryLevel::default(), store(1 << 20), store(1 << 20));
    let (since, _) = look_up(&one, &level, &key("/"));
    let stored = response(100, &[]);
    put(&one, &key("/"), &stored);
    assert!(share(&level, &key("/"), &stored, since));
    assert_eq!(look_up(&other, &level, &key("/")).1, 1);
    let found = other.get(&key("/")).unwrap();
    assert_eq!(found[0].complete_length(), Some(100));
    assert_eq!(found[0].headers, stored.headers);
}

#[test]
fn purge_of_the_level_reaches_what_it_holds_and_what_is_under_way() {
    let (level, one) = (MemoryLevel::default(), store(1 << 20));
    let member = || {
        let headers = crate::rules::testing::headers(&[("cache-groups", "\"g\"")]);
        StoredResponse {
            headers,
            ..plain(1, &["g"])
        }
    };
    let (since, _) = look_up(&one, &level, &key("/"));
    assert!(share(&level, &key("/"), &member(), since));
    let what = Purge::Group {
        origin: None,
        group: CacheGroup::new("g"),
    };
    assert_eq!(now(level.purge(&what, PurgeMode::Soft)), 1);
    assert_eq!(look_up(&one, &level, &key("/")).1, 1);
    assert!(one.get(&key("/")).unwrap()[0].is_marked_stale());
    assert!(!share(&level, &key("/"), &member(), since));
    assert_eq!(now(level.purge(&what, PurgeMode::Hard)), 1);
    assert_eq!(look_up(&one, &level, &key("/")).1, 0);
}
