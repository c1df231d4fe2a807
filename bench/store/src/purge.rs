//! Measures purges among a million responses.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use edge_cache::rules::groups::CacheGroup;
use edge_cache::store::{Purge, PurgeMode, Store, StoreConfig};

use crate::responses::{key, response};

const ENTRIES: u64 = 1_000_000;
const MEMBERS: u64 = 10_000;
/// One group shares one response.
const GROUPS: u64 = ENTRIES / MEMBERS - 1;

/// The target for the purge of a group of [`MEMBERS`].
const MAX_PURGE: Duration = Duration::from_millis(50);

/// Purges groups, URLs, prefixes and everything. Returns whether a hard purge of a group is within the target.
pub(crate) fn measure() -> bool {
    let threads = NonZeroUsize::MIN.saturating_add(1);
    let store = Store::new(StoreConfig::new(4 << 30, threads));
    let one = response("one", 1);
    for number in 0..ENTRIES {
        let response = if number < MEMBERS {
            one.clone()
        } else {
            response(&format!("group-{}", number % GROUPS), 1)
        };
        store.put(&key(number), &response, store.generation());
    }
    let group = |name: &str| Purge::Group {
        origin: None,
        group: CacheGroup::new(name),
    };
    let url = Purge::Url(key(ENTRIES - 1));
    // The last three digits of the number are left out, and what comes after it.
    let prefix = key(ENTRIES / 8192 * 4096);
    let (prefix, _) = prefix
        .as_str()
        .rsplit_once("000?")
        .expect("it is divisible by 4096");
    let prefix = Purge::Prefix(prefix.into());
    let mut table = Table::new(&store);
    table.step("a URL, hard", &[url], PurgeMode::Hard);
    table.step("a prefix, hard", &[prefix], PurgeMode::Hard);
    let soft: Vec<Purge> = (0..9)
        .map(|number| group(&format!("group-{number}")))
        .collect();
    table.step(
        "a group of 10,000, soft, median of 9",
        &soft,
        PurgeMode::Soft,
    );
    let took = table.step(
        "a group of 10,000, hard, median of 9",
        &soft,
        PurgeMode::Hard,
    );
    table.step(
        "one of a single response, hard",
        &[group("one")],
        PurgeMode::Hard,
    );
    table.step("everything, soft", &[Purge::All], PurgeMode::Soft);
    table.step("everything, hard", &[Purge::All], PurgeMode::Hard);
    took <= MAX_PURGE
}

/// The rows as they are measured.
struct Table<'a> {
    store: &'a Store,
}

impl<'a> Table<'a> {
    fn new(store: &'a Store) -> Self {
        println!("| purge among a million | responses | ms |");
        println!("|---|---|---|");
        Self { store }
    }

    /// Purges one after another, and returns the median time.
    fn step(&mut self, name: &str, purges: &[Purge], mode: PurgeMode) -> Duration {
        let mut count = 0;
        let purges = purges.iter();
        let times = purges.map(|what| {
            let start = Instant::now();
            count = self.store.purge(what, mode);
            start.elapsed()
        });
        let mut times: Vec<Duration> = times.collect();
        times.sort();
        let median = times[times.len() / 2];
        println!(
            "| {name} | {count} | {:.2} |",
            median.as_secs_f64() * 1000.0
        );
        median
    }
}
