//! The figures of the cache for operators, and the word for each request in log and metrics.

use std::fmt;

use edge_cache::rules::cache_status::{CacheOutcome, CacheStatus};
use serde::{Deserialize, Serialize};

use super::EdgeCache;
use crate::observe::{CacheFigures, SharedFigures};

/// The word for a request that failed, without a stored response in place of the failure.
pub(super) const FAILED: &str = "failed";

/// How the cache took part in a response, in one word: for the log, and as a label of `terrace_cache_requests_total`.
pub(super) fn result(status: &CacheStatus) -> &'static str {
    match status.outcome() {
        CacheOutcome::Hit => "hit",
        CacheOutcome::Collapsed => "collapsed",
        CacheOutcome::StaleOnError => "stale",
        CacheOutcome::Validated => "validated",
        CacheOutcome::Bypassed => "bypass",
        CacheOutcome::Miss => "miss",
    }
}

/// The figures of `terrace cache stats`.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct CacheStatistics {
    /// Keys with stored responses.
    entries: u64,
    /// The memory that they take, in bytes.
    stored_bytes: u64,
    /// The most memory that they may take, in bytes.
    capacity_bytes: u64,
    hits: u64,
    misses: u64,
    validated: u64,
    stale: u64,
    collapsed: u64,
    bypassed: u64,
    /// Hits and collapsed requests, as a fraction of the requests in which the cache had a part; absent before the first.
    hit_ratio: Option<f64>,
    insertions: u64,
    refused: u64,
    evictions: u64,
    purged: u64,
}

impl fmt::Display for CacheStatistics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ratio = self.hit_ratio.map_or_else(
            || "no request so far".to_owned(),
            |ratio| format!("{:.1} %", ratio * 100.0),
        );
        let (stored, capacity) = (self.stored_bytes, self.capacity_bytes);
        let full = stored as f64 / capacity.max(1) as f64 * 100.0;
        writeln!(formatter, "hit ratio   {ratio}")?;
        for (name, value) in [
            ("hits", self.hits),
            ("collapsed", self.collapsed),
            ("misses", self.misses),
            ("validated", self.validated),
            ("stale", self.stale),
            ("bypassed", self.bypassed),
            ("entries", self.entries),
        ] {
            writeln!(formatter, "{name:<11} {value}")?;
        }
        writeln!(
            formatter,
            "stored      {stored} of {capacity} bytes ({full:.1} %)"
        )?;
        for (name, value) in [
            ("insertions", self.insertions),
            ("refused", self.refused),
            ("evictions", self.evictions),
        ] {
            writeln!(formatter, "{name:<11} {value}")?;
        }
        write!(formatter, "{:<11} {}", "purged", self.purged)
    }
}

impl EdgeCache {
    pub(super) fn statistics(&self) -> CacheStatistics {
        let (requests, store) = (self.0.statistics(), self.0.store_statistics());
        CacheStatistics {
            entries: store.entries,
            stored_bytes: store.stored_bytes,
            capacity_bytes: store.capacity_bytes,
            hits: requests.hits,
            misses: requests.misses,
            validated: requests.validated,
            stale: requests.stale_on_error,
            collapsed: requests.collapsed,
            bypassed: requests.bypassed,
            hit_ratio: self.hit_ratio(),
            insertions: store.insertions,
            refused: store.refused,
            evictions: store.evictions,
            purged: store.purged,
        }
    }

    /// Hits and collapsed requests, as a fraction of the requests in which the cache had a part; `None` before the first.
    pub(crate) fn hit_ratio(&self) -> Option<f64> {
        let requests = self.0.statistics();
        let unforwarded = requests.hits + requests.collapsed;
        let asked = unforwarded + requests.misses + requests.validated + requests.stale_on_error;
        (asked > 0).then(|| unforwarded as f64 / asked as f64)
    }

    /// The figures as metrics.
    pub(super) fn figures(&self) -> CacheFigures {
        let (requests, store) = (self.0.statistics(), self.0.store_statistics());
        CacheFigures {
            requests: [
                ("hit", requests.hits),
                ("collapsed", requests.collapsed),
                ("stale", requests.stale_on_error),
                ("validated", requests.validated),
                ("bypass", requests.bypassed),
                ("miss", requests.misses),
            ],
            entries: store.entries,
            stored_bytes: store.stored_bytes,
            capacity_bytes: store.capacity_bytes,
            insertions: store.insertions,
            refused: store.refused,
            evictions: store.evictions,
            purged: store.purged,
            shared: self.1.as_ref().map(|shared| SharedFigures {
                is_followed: shared.is_followed(),
                hits: requests.shared_hits,
                misses: requests.shared_misses,
                failures: requests.shared_failures,
                bookmarks: shared.bookmarks(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use edge_cache::rules::cache_status::ForwardReason;
    use http::StatusCode;

    use super::*;

    #[test]
    fn each_way_of_answering_has_its_word() {
        let miss = CacheStatus::forwarded(ForwardReason::UriMiss);
        let stale = CacheStatus::forwarded(ForwardReason::Stale);
        for (status, word) in [
            (CacheStatus::hit(5), "hit"),
            (CacheStatus::hit(-5), "hit"),
            (miss.stored(true), "miss"),
            (miss.collapsed(), "collapsed"),
            (stale.stale(-5), "stale"),
            (
                stale.forward_status(StatusCode::NOT_MODIFIED).stored(true),
                "validated",
            ),
            (CacheStatus::forwarded(ForwardReason::Method), "bypass"),
        ] {
            assert_eq!(result(&status), word);
        }
    }
}
