//! Many threads at once. A deadlock shows as a test that does not end.

use std::num::NonZeroUsize;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{CacheGroup, Purge, PurgeMode, Store, StoreConfig, key, response};

const ROUNDS: usize = 300;
const KEYS: usize = 50;

fn all_kinds() -> [Purge; 4] {
    let group = CacheGroup::new("g");
    [
        Purge::Url(key("/1")),
        Purge::Prefix("http://a.example/2".into()),
        Purge::Group {
            origin: None,
            group,
        },
        Purge::All,
    ]
}

fn use_it(store: &Store, seed: usize) {
    for round in 0..ROUNDS * 10 {
        let key = key(&format!("/{}", (seed + round * 7) % KEYS));
        if store.get(&key).is_none() {
            let since = store.generation();
            store.put(&key, &response(2000, &["g"]), since);
        }
        store.reweigh(&key);
    }
}

fn purge_it(store: &Store) {
    for _ in 0..ROUNDS {
        for what in all_kinds() {
            store.purge(&what, PurgeMode::Soft);
            store.purge(&what, PurgeMode::Hard);
        }
        assert!(store.statistics().stored_bytes <= 64 * 1024);
    }
}

#[test]
fn users_and_purges_do_not_wait_for_each_other_forever() {
    let store = Store::new(StoreConfig {
        shards: NonZeroUsize::new(4).unwrap(),
        ..StoreConfig::new(64 * 1024, NonZeroUsize::MIN)
    });
    std::thread::scope(|scope| {
        for seed in 0..3 {
            let store = &store;
            scope.spawn(move || use_it(store, seed));
        }
        scope.spawn(|| purge_it(&store));
    });
    store.purge(&Purge::All, PurgeMode::Hard);
    let statistics = store.statistics();
    assert_eq!((statistics.entries, statistics.stored_bytes), (0, 0));
}

/// A response carries the version of the origin that it was made from. Once an unsafe request has changed the origin
/// and purged, nobody may find an older version.
#[test]
fn older_version_is_never_found_after_its_purge() {
    let store = Store::new(StoreConfig::new(1 << 20, NonZeroUsize::MIN));
    let version = AtomicUsize::new(0);
    let key = key("/");
    let start = Barrier::new(3);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                start.wait();
                for _ in 0..ROUNDS * 10 {
                    let since = store.generation();
                    let response = response(version.load(Ordering::SeqCst), &["g"]);
                    store.put(&key, &response, since);
                }
            });
        }
        start.wait();
        for (round, what) in all_kinds().into_iter().cycle().take(ROUNDS).enumerate() {
            let is_meant = matches!(what, Purge::Group { .. } | Purge::All);
            let changed = version.fetch_add(1, Ordering::SeqCst) + 1;
            let what = if is_meant {
                what
            } else {
                Purge::Url(key.clone())
            };
            store.purge(&what, PurgeMode::Hard);
            let found = store.get(&key).and_then(|found| found[0].complete_length());
            let found = found.map_or(changed, |length| usize::try_from(length).unwrap());
            assert!(found >= changed, "{found} in round {round}");
        }
    });
}
