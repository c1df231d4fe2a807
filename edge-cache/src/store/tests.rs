//! The contract of the store.

mod encoding;
mod many;
mod model;
mod purges;
mod room;
mod shared;
mod threads;

use std::num::NonZeroUsize;
use std::sync::Arc;

use bytes::Bytes;

use super::{Purge, PurgeMode, Put, Store, StoreConfig};
use crate::rules::groups::{self, CacheGroup, Groups};
use crate::rules::key::CacheKey;
use crate::rules::testing::{headers, moment, stored};
use crate::rules::vary::VaryKey;
use crate::{Content, Representation, StoredResponse};

fn store(capacity_bytes: u64) -> Store {
    Store::new(StoreConfig::new(capacity_bytes, NonZeroUsize::MIN))
}

fn key(path: &str) -> CacheKey {
    key_at("http://a.example", path)
}

fn key_at(origin: &str, path: &str) -> CacheKey {
    let uri = format!("{origin}{path}").parse().unwrap();
    CacheKey::new(&uri).unwrap()
}

/// A response of so many bytes in these groups.
fn response(content: usize, groups: &[&str]) -> Arc<StoredResponse> {
    Arc::new(plain(content, groups))
}

fn plain(content: usize, groups: &[&str]) -> StoredResponse {
    let mut stored = stored(&[], moment(0));
    stored.groups = groups::groups(&headers(&[("cache-tag", &groups.join(","))]));
    stored.representation = Representation::Whole(Content::whole(Bytes::from(vec![0; content])));
    stored
}

/// A variant for a language.
fn in_language(language: &str, groups: &[&str]) -> Arc<StoredResponse> {
    let request = headers(&[("x-language", language)]);
    let vary = VaryKey::new(&request, &headers(&[("vary", "x-language")])).unwrap();
    Arc::new(StoredResponse {
        vary,
        ..plain(1, groups)
    })
}

fn put(store: &Store, key: &CacheKey, response: &Arc<StoredResponse>) {
    assert_eq!(store.put(key, response, store.generation()), Put::Stored);
}

/// Whether a response is what is stored, alone or among others.
fn has(store: &Store, key: &CacheKey, response: &Arc<StoredResponse>) -> bool {
    let variants = store.get(key);
    let mut variants = variants.iter().flat_map(|variants| variants.iter());
    variants.any(|stored| Arc::ptr_eq(stored, response))
}

#[test]
fn what_was_put_is_got() {
    let store = store(1 << 20);
    put(&store, &key("/"), &response(10, &[]));
    assert_eq!(store.get(&key("/")).unwrap().len(), 1);
    assert!(store.get(&key("/other")).is_none());
}

#[test]
fn response_replaces_the_variant_with_an_equal_vary_key() {
    let store = store(1 << 20);
    let (old, other) = (in_language("en", &[]), in_language("de", &[]));
    let new = in_language("en", &[]);
    for variant in [&old, &other, &new] {
        put(&store, &key("/"), variant);
    }
    let variants = store.get(&key("/")).unwrap();
    assert_eq!(variants.len(), 2);
    assert!(Arc::ptr_eq(&variants[0], &new) && Arc::ptr_eq(&variants[1], &other));
}

#[test]
fn oldest_variant_leaves_when_there_are_too_many() {
    let config = StoreConfig::new(1 << 20, NonZeroUsize::MIN);
    let store = Store::new(StoreConfig {
        max_variants: NonZeroUsize::new(2).unwrap(),
        ..config
    });
    let variants = ["en", "de", "fr"].map(|language| in_language(language, &[]));
    for variant in &variants {
        put(&store, &key("/"), variant);
    }
    let kept = variants.map(|variant| has(&store, &key("/"), &variant));
    assert_eq!(kept, [false, true, true]);
}

#[test]
fn validated_response_takes_the_place_of_the_one_it_freshens() {
    let store = store(1 << 20);
    let (old, other) = (in_language("en", &[]), in_language("de", &[]));
    let new = in_language("en", &[]);
    put(&store, &key("/"), &old);
    put(&store, &key("/"), &other);
    let since = store.generation();
    assert_eq!(store.replace(&key("/"), &old, &new, since), Put::Stored);
    assert!(has(&store, &key("/"), &new) && has(&store, &key("/"), &other));
    assert!(!has(&store, &key("/"), &old));
}

#[test]
fn nothing_takes_the_place_of_what_has_left() {
    let store = store(1 << 20);
    let (old, new) = (response(1, &[]), response(1, &[]));
    let since = store.generation();
    assert_eq!(store.replace(&key("/"), &old, &new, since), Put::Absent);
    put(&store, &key("/"), &response(1, &[]));
    assert_eq!(store.replace(&key("/"), &old, &new, since), Put::Absent);
    assert!(!has(&store, &key("/"), &new));
}

#[test]
fn removed_response_is_gone_and_its_variants_stay() {
    let store = store(1 << 20);
    let (english, german) = (in_language("en", &[]), in_language("de", &[]));
    put(&store, &key("/"), &english);
    put(&store, &key("/"), &german);
    assert!(store.remove(&key("/"), &english));
    assert!(!store.remove(&key("/"), &english));
    assert!(!has(&store, &key("/"), &english) && has(&store, &key("/"), &german));
}
