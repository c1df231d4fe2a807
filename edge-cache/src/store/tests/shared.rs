//! Two stores above a shared level.

use std::sync::Arc;
use std::time::Duration;

use super::{CacheGroup, CacheKey, Purge, PurgeMode, Store, key, plain, put, response, store};
use crate::StoredResponse;
use crate::rules::storing::{self, StoringConfig};
use crate::rules::testing::moment;
use crate::store::{Generation, MemoryLevel, SharedFuture, SharedLevel, SharedResponse};

fn now<T>(future: SharedFuture<'_, T>) -> T {
    pollster::block_on(future).unwrap()
}

/// What a cache does after a miss in memory: asks the shared level, and keeps what is there.
fn look_up(store: &Store, level: &MemoryLevel, key: &CacheKey) -> (Generation, usize) {
    let since = store.generation();
    let lookup = now(level.get(key));
    // The oldest first, so that the newest ends up in front.
    for shared in lookup.responses.iter().rev() {
        let judged = shared.decode(moment(1), |head| {
            storing::policy(head, &StoringConfig::default(), moment(1))
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
    now(level.purge(&[(what.clone(), PurgeMode::Soft)]));
    assert_eq!(look_up(&one, &level, &key("/")).1, 1);
    assert!(one.get(&key("/")).unwrap()[0].is_marked_stale());
    assert!(!share(&level, &key("/"), &member(), since));
    now(level.purge(&[(what, PurgeMode::Hard)]));
    assert_eq!(look_up(&one, &level, &key("/")).1, 0);
}
