//! Measures lookups and stores, with one thread and with two.

use std::hint::black_box;
use std::num::NonZeroUsize;
use std::time::Instant;

use edge_cache::rules::key::CacheKey;
use edge_cache::store::{Store, StoreConfig};

use crate::responses::{key, response};
use crate::trace::{Random, Zipf};

/// Lookups of a thread in one round.
const LOOKUPS: usize = 4_000_000;
const ROUNDS: usize = 5;

/// The target for a lookup by a single thread, in nanoseconds, if all data is in the processor's caches.
const MAX_HIT_NANOSECONDS: f64 = 150.0;

/// Looks up stored responses. Returns whether a lookup is within the target.
pub(crate) fn measure() -> bool {
    println!(
        "| lookups, Zipf 0.9 | threads | ns per lookup, median | lookups per second, all threads |"
    );
    println!("|---|---|---|---|");
    let small = hits(1_000, 1);
    let _ = hits(1_000, 2);
    let _ = hits(1_000_000, 1);
    let _ = hits(1_000_000, 2);
    stores();
    small <= MAX_HIT_NANOSECONDS
}

/// The median of some rounds, in nanoseconds per lookup.
fn hits(entries: usize, threads: usize) -> f64 {
    let store = store();
    let keys: Vec<CacheKey> = (0..entries as u64).map(key).collect();
    for key in &keys {
        store.put(key, &response("all", 64), store.generation());
    }
    let zipf = Zipf::new(entries, 0.9);
    let mut random = Random(7);
    let asked: Vec<u32> = (0..LOOKUPS)
        .map(|_| zipf.rank(&mut random) as u32)
        .collect();
    let mut rounds: Vec<f64> = (0..ROUNDS)
        .map(|_| round(&store, &keys, &asked, threads))
        .collect();
    rounds.sort_by(f64::total_cmp);
    let median = rounds[ROUNDS / 2];
    let rate = threads as f64 * 1e9 / median;
    println!("| hits among {entries} | {threads} | {median:.1} | {rate:.0} |");
    median
}

fn round(store: &Store, keys: &[CacheKey], asked: &[u32], threads: usize) -> f64 {
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                for number in asked {
                    black_box(store.get(&keys[*number as usize]));
                }
            });
        }
    });
    start.elapsed().as_nanos() as f64 / asked.len() as f64
}

fn stores() {
    let store = store();
    let entries = 1_000_000;
    let keys: Vec<CacheKey> = (0..entries).map(key).collect();
    let response = response("all", 64);
    for (name, keys) in [("new keys", &keys), ("the same again", &keys)] {
        let start = Instant::now();
        for key in keys {
            black_box(store.put(key, &response, store.generation()));
        }
        let took = start.elapsed().as_nanos() as f64 / keys.len() as f64;
        println!(
            "| stores of {entries}, {name} | 1 | {took:.1} | {:.0} |",
            1e9 / took
        );
    }
}

fn store() -> Store {
    Store::new(StoreConfig::new(
        8 << 30,
        NonZeroUsize::MIN.saturating_add(1),
    ))
}
