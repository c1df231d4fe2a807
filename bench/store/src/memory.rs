//! Measures the resident memory of a full store, compared with its capacity.

use std::fs;
use std::num::NonZeroUsize;

use edge_cache::store::{Store, StoreConfig};

use crate::responses::{key, response};

const ENTRIES: u64 = 1_000_000;
const CONTENT_BYTES: usize = 1024;

/// The target: resident memory divided by the capacity.
const MAX_RATIO: f64 = 1.25;

/// Fills a store with a million responses of 1 KiB, slightly more than its capacity, then sends as many more through it. Returns
/// whether resident memory is within the target both times.
pub(crate) fn measure() -> bool {
    let before = resident_bytes();
    let budget = weight_of_one() * ENTRIES;
    let threads = NonZeroUsize::MIN.saturating_add(1);
    let store = Store::new(StoreConfig::new(budget, threads));
    let mut all_met = true;
    println!("| | entries | stored bytes | budget | resident | ratio |");
    println!("|---|---|---|---|---|---|");
    for (name, from) in [("filled", 0), ("after as many more", ENTRIES)] {
        for number in from..from + ENTRIES {
            let group = format!("group-{}", number % 100);
            store.put(
                &key(number),
                &response(&group, CONTENT_BYTES),
                store.generation(),
            );
            // Some are used again, so that both lists change.
            if number.is_multiple_of(2) {
                let _ = store.get(&key(number));
            }
        }
        let resident = resident_bytes() - before;
        let ratio = resident as f64 / budget as f64;
        let statistics = store.statistics();
        println!(
            "| {name} | {} | {} | {budget} | {resident} | {ratio:.3} |",
            statistics.entries, statistics.stored_bytes
        );
        all_met &= ratio <= MAX_RATIO;
    }
    all_met
}

fn weight_of_one() -> u64 {
    let store = Store::new(StoreConfig::new(1 << 20, NonZeroUsize::MIN));
    store.put(
        &key(0),
        &response("group-10", CONTENT_BYTES),
        store.generation(),
    );
    store.statistics().stored_bytes
}

/// The resident memory of this process, as Linux counts it.
fn resident_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kilobytes.unwrap_or_default() * 1024
}
