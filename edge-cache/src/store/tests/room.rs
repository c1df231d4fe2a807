//! What finds room, and what leaves for it.

use std::sync::Arc;

use bytes::Bytes;

use super::{CacheGroup, Purge, PurgeMode, Put, Store, has, key, plain, put, response, store};
use crate::{Content, ContentWriter, Representation, StoredResponse};

const CAPACITY: u64 = 1 << 20;

fn growing() -> (ContentWriter, Arc<StoredResponse>) {
    let (writer, content) = Content::growing(u64::MAX);
    let representation = Representation::Whole(content);
    let stored = StoredResponse {
        representation,
        ..plain(0, &[])
    };
    (writer, Arc::new(stored))
}

/// What one entry like [`response`] with a short key takes.
fn weight(content: usize) -> u64 {
    let store = store(CAPACITY);
    put(&store, &key("/0000"), &response(content, &["g"]));
    store.statistics().stored_bytes
}

fn fill(store: &Store, numbers: std::ops::Range<usize>) {
    for number in numbers {
        let key = key(&format!("/{number:04}"));
        store.put(&key, &response(1000, &["g"]), store.generation());
    }
}

#[test]
fn stored_bytes_never_exceed_the_capacity_and_come_near_it() {
    let store = store(CAPACITY);
    fill(&store, 0..2000);
    let statistics = store.statistics();
    assert!(statistics.stored_bytes <= CAPACITY);
    assert!(statistics.stored_bytes + weight(1000) > CAPACITY);
    assert_eq!(statistics.entries, CAPACITY / weight(1000));
    assert_eq!(statistics.insertions, 2000);
    assert_eq!(
        statistics.refused + statistics.evictions + statistics.entries,
        2000
    );
}

#[test]
fn what_leaves_is_no_longer_found_by_purges() {
    let store = store(CAPACITY);
    fill(&store, 0..2000);
    let entries = store.statistics().entries;
    let group = CacheGroup::new("g");
    let what = Purge::Group {
        origin: None,
        group,
    };
    assert_eq!(store.purge(&what, PurgeMode::Soft), entries);
    assert_eq!(
        store.purge(&Purge::Prefix("".into()), PurgeMode::Hard),
        entries
    );
    assert_eq!(store.statistics().stored_bytes, 0);
}

#[test]
fn scan_leaves_what_is_used() {
    let store = store(CAPACITY);
    let used = 200;
    fill(&store, 0..used);
    let hits = |store: &Store| {
        let paths = (0..used).map(|number| format!("/{number:04}"));
        paths.filter(|path| store.get(&key(path)).is_some()).count()
    };
    hits(&store);
    fill(&store, 1000..9000);
    assert_eq!(hits(&store), used);
}

#[test]
fn what_comes_back_soon_after_it_left_is_kept() {
    let store = store(CAPACITY);
    fill(&store, 0..1000);
    let was_refused = (0..1000).rev().map(|number| key(&format!("/{number:04}")));
    let back = was_refused
        .skip(40)
        .find(|key| store.get(key).is_none())
        .unwrap();
    put(&store, &back, &response(1000, &[]));
    fill(&store, 2000..2200);
    assert!(store.get(&back).is_some());
}

#[test]
fn response_larger_than_its_share_is_refused() {
    let store = store(CAPACITY);
    let largest = store.max_content_bytes();
    let too_large = response(usize::try_from(largest).unwrap(), &[]);
    let put = store.put(&key("/"), &too_large, store.generation());
    assert_eq!(put, Put::TooLarge);
    assert!(store.get(&key("/")).is_none());
}

#[test]
fn first_sight_of_something_large_pushes_nothing_out() {
    let store = store(CAPACITY);
    fill(&store, 0..2000);
    let entries = store.statistics().entries;
    let large = response(100_000, &[]);
    let put = || store.put(&key("/large"), &large, store.generation());
    assert_eq!(put(), Put::NotAdmitted);
    assert_eq!(store.statistics().entries, entries);
    assert_eq!(put(), Put::Stored);
    assert!(has(&store, &key("/large"), &large));
}

#[test]
fn content_that_grows_is_counted_when_it_is_weighed_again() {
    let store = store(CAPACITY);
    let (mut writer, response) = growing();
    put(&store, &key("/"), &response);
    let before = store.statistics().stored_bytes;
    writer.push(Bytes::from(vec![0; 10_000]));
    store.reweigh(&key("/"));
    assert_eq!(store.statistics().stored_bytes, before + 10_000);
    writer.finish();
    store.reweigh(&key("/"));
    assert!(store.statistics().stored_bytes < before + 10_100);
}

#[test]
fn others_leave_for_content_that_grows() {
    let store = store(CAPACITY);
    let (mut writer, growing) = growing();
    put(&store, &key("/growing"), &growing);
    assert!(store.get(&key("/growing")).is_some());
    fill(&store, 0..2000);
    writer.push(Bytes::from(vec![0; 100_000]));
    store.reweigh(&key("/growing"));
    assert!(has(&store, &key("/growing"), &growing));
    assert!(store.statistics().stored_bytes <= CAPACITY);
}

#[test]
fn content_that_grows_beyond_its_share_leaves() {
    let store = store(CAPACITY);
    let (mut writer, response) = growing();
    put(&store, &key("/"), &response);
    writer.push(Bytes::from(vec![0; 300_000]));
    store.reweigh(&key("/"));
    assert!(store.get(&key("/")).is_none());
    assert_eq!(store.statistics().stored_bytes, 0);
}

#[test]
fn content_that_breaks_leaves_when_it_is_weighed_again() {
    let store = store(CAPACITY);
    let (writer, response) = growing();
    put(&store, &key("/"), &response);
    drop(writer);
    store.reweigh(&key("/"));
    assert!(store.get(&key("/")).is_none());
    assert_eq!(store.statistics().stored_bytes, 0);
}
