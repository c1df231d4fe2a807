//! How long a purge takes among a million entries.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use edge_cache::rules::groups::CacheGroup;
use edge_cache::store::{Purge, PurgeMode, Store, StoreConfig};

use crate::responses::{key, response};

const ENTRIES: u64 = 1_000_000;
const MEMBERS: u64 = 10_000;
/// One group shares one response.
const GROUPS: u64 = ENTRIES / MEMBERS - 1;

/// A purge of a group of [`MEMBERS`] may take so long.
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
    let steps = [
        ("a URL, hard", url, PurgeMode::Hard),
        ("a group of 10,000, soft", group("group-7"), PurgeMode::Soft),
        ("a group of 10,000, hard", group("group-7"), PurgeMode::Hard),
        ("another, hard", group("group-8"), PurgeMode::Hard),
        (
            "one whose responses are one, hard",
            group("one"),
            PurgeMode::Hard,
        ),
        ("a prefix, hard", prefix, PurgeMode::Hard),
        ("everything, soft", Purge::All, PurgeMode::Soft),
        ("everything, hard", Purge::All, PurgeMode::Hard),
    ];
    println!("| purge among a million | responses | ms |");
    println!("|---|---|---|");
    let mut is_met = true;
    for (name, what, mode) in steps {
        let start = Instant::now();
        let count = store.purge(&what, mode);
        let took = start.elapsed();
        println!("| {name} | {count} | {:.2} |", took.as_secs_f64() * 1000.0);
        is_met &= count > MEMBERS || took <= MAX_PURGE;
    }
    is_met
}
