//! The contract of the store.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use super::{Put, Store, StoreConfig};
use crate::rules::Policy;
use crate::rules::groups::CacheGroup;
use crate::rules::key::CacheKey;
use crate::rules::vary::VaryKey;
use crate::{Content, Moment, Representation, StoredResponse};

fn store(capacity_bytes: u64) -> Store {
    Store::new(StoreConfig::new(capacity_bytes, NonZeroUsize::MIN))
}

fn key(path: &str) -> CacheKey {
    let uri = format!("http://a.example{path}").parse().unwrap();
    CacheKey::new(&uri).unwrap()
}

fn response(content: usize, groups: &[&str]) -> Arc<StoredResponse> {
    let now = Moment {
        wall: SystemTime::UNIX_EPOCH,
        monotonic: Duration::ZERO,
    };
    Arc::new(StoredResponse {
        status: StatusCode::OK,
        headers: HeaderMap::new(),
        vary: VaryKey,
        policy: Policy {
            freshness_lifetime: Duration::ZERO,
        },
        request_time: now,
        response_time: now,
        corrected_initial_age: Duration::ZERO,
        groups: groups.iter().map(|name| CacheGroup::new(name)).collect(),
        representation: Representation::Whole(Content::whole(Bytes::from(vec![0; content]))),
        purged: AtomicBool::new(false),
    })
}

#[test]
fn what_was_put_is_got() {
    let store = store(1 << 20);
    let put = store.put(&key("/"), &response(10, &[]), store.generation());
    assert_eq!(put, Put::Stored);
    assert_eq!(store.get(&key("/")).unwrap().len(), 1);
    assert!(store.get(&key("/other")).is_none());
}
