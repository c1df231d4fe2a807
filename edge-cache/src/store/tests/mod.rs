//! The contract of the store.

use std::num::NonZeroUsize;
use std::sync::Arc;

use bytes::Bytes;

use super::{Put, Store, StoreConfig};
use crate::rules::groups::CacheGroup;
use crate::rules::key::CacheKey;
use crate::rules::testing::{moment, stored};
use crate::{Content, Representation, StoredResponse};

fn store(capacity_bytes: u64) -> Store {
    Store::new(StoreConfig::new(capacity_bytes, NonZeroUsize::MIN))
}

fn key(path: &str) -> CacheKey {
    let uri = format!("http://a.example{path}").parse().unwrap();
    CacheKey::new(&uri).unwrap()
}

fn response(content: usize, groups: &[&str]) -> Arc<StoredResponse> {
    let mut stored = stored(&[], moment(0));
    stored.groups = groups.iter().map(|name| CacheGroup::new(name)).collect();
    stored.representation = Representation::Whole(Content::whole(Bytes::from(vec![0; content])));
    Arc::new(stored)
}

#[test]
fn what_was_put_is_got() {
    let store = store(1 << 20);
    let put = store.put(&key("/"), &response(10, &[]), store.generation());
    assert_eq!(put, Put::Stored);
    assert_eq!(store.get(&key("/")).unwrap().len(), 1);
    assert!(store.get(&key("/other")).is_none());
}
