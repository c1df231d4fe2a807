//! Findings that follow from the statistics alone: repeated queries, results without limit, transactions and waits.

use std::time::Duration;

use super::repeated;
use crate::sql::finding::{Finding, FindingKind, Mend};
use crate::sql::limits::{
    MAX_QUIET_REPEATS, MAX_QUIET_ROWS, MAX_QUIET_TRANSACTION, MAX_QUIET_WAIT, MIN_JUDGED_CALLS,
    MIN_LOCK_SIGHTINGS, MIN_LOCK_WAITS, MIN_REPEATING_REQUESTS,
};
use crate::sql::shapes::{Observed, ShapeStatistics};
use crate::sql::words::Words;

/// What the engine adds to the statistics.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    /// Whether all writes wait in one queue.
    pub(super) writes_queue: bool,
    /// Pauses for locks of other processes.
    pub(super) lock_waits: u64,
}

pub(super) fn findings(observed: &Observed, facts: Facts) -> Vec<Finding> {
    let mut found = Vec::new();
    for shape in &observed.shapes {
        found.extend(repeated_query(shape));
        found.extend(no_limit(shape));
    }
    found.extend(long_transactions(observed, facts));
    found.extend(queue(observed, facts));
    found.extend(lock_waits(facts));
    found
}

/// The mean of a sum of times.
fn mean(sum: Duration, count: u64) -> Duration {
    sum / u32::try_from(count.max(1)).unwrap_or(u32::MAX)
}

pub(super) fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn repeated_query(shape: &ShapeStatistics) -> Option<Finding> {
    let repeats = shape.repeats.as_ref()?;
    let verb = Words::of(&shape.text).verb();
    let is_read = matches!(verb.as_str(), "SELECT" | "WITH");
    let is_write = matches!(verb.as_str(), "INSERT" | "UPDATE" | "DELETE" | "REPLACE");
    // Writes in one transaction share its commit, which is most of their cost.
    let is_lonely_write = is_write && shape.in_transaction * 2 < shape.calls;
    if !(is_read || is_lonely_write) || repeats.requests < MIN_REPEATING_REQUESTS {
        return None;
    }
    let most = repeats.most;
    let requests = repeats.requests;
    let saved = mean(shape.time, shape.calls) * most.saturating_sub(1);
    Some(Finding {
        kind: FindingKind::RepeatedQuery,
        subject: shape.text.to_string(),
        place: Some((repeats.component.clone(), repeats.route.clone())),
        what: format!(
            "ran {most} times in one request, and more than {MAX_QUIET_REPEATS} times in {requests} requests"
        ),
        evidence: vec![
            ("most_in_a_request", u64::from(most)),
            ("requests", requests),
            ("calls", shape.calls),
        ],
        gain: format!(
            "{} of {most} calls, about {} of such a request",
            most.saturating_sub(1),
            shown(saved)
        ),
        mend: repeated::mend(&shape.text),
    })
}

/// A time for people.
pub(super) fn shown(time: Duration) -> String {
    match time.as_micros() {
        microseconds @ ..1_000 => format!("{microseconds} µs"),
        microseconds @ ..10_000_000 => {
            format!("{}.{} ms", microseconds / 1_000, microseconds / 100 % 10)
        }
        microseconds => format!("{} s", microseconds / 1_000_000),
    }
}

fn no_limit(shape: &ShapeStatistics) -> Option<Finding> {
    let words = Words::of(&shape.text);
    let is_read = matches!(words.verb().as_str(), "SELECT" | "WITH");
    let answered = shape.calls - shape.errors;
    let mean_rows = shape.rows / answered.max(1);
    if !is_read || answered < MIN_JUDGED_CALLS || mean_rows <= MAX_QUIET_ROWS || words.has("LIMIT")
    {
        return None;
    }
    Some(Finding {
        kind: FindingKind::NoLimit,
        subject: shape.text.to_string(),
        place: place_of(shape),
        what: format!(
            "returned {mean_rows} rows on average and {} at most, and nothing limits them",
            shape.most_rows
        ),
        evidence: vec![
            ("calls", shape.calls),
            ("mean_rows", mean_rows),
            ("most_rows", shape.most_rows),
        ],
        gain: format!("a page of 100 rows is {} times less", mean_rows / 100),
        mend: Mend::Change(
            "read a page at a time: add `ORDER BY key LIMIT 100`, and `key > ?` with the last key of the page before".to_owned(),
        ),
    })
}

pub(super) fn place_of(
    shape: &ShapeStatistics,
) -> Option<(std::sync::Arc<str>, std::sync::Arc<str>)> {
    let repeats = shape.repeats.as_ref()?;
    Some((repeats.component.clone(), repeats.route.clone()))
}

/// Where writes queue, the whole time counts. Elsewhere others go on, and the statements are judged by themselves.
fn long_transactions(observed: &Observed, facts: Facts) -> Vec<Finding> {
    let long = observed.transactions.iter().filter(|(_, _, transactions)| {
        let time = match facts.writes_queue {
            true => transactions.time,
            false => transactions.idle,
        };
        transactions.count >= MIN_JUDGED_CALLS
            && mean(time, transactions.count) > MAX_QUIET_TRANSACTION
    });
    let findings = long.map(|(component, route, transactions)| {
        let (time, idle) = (
            mean(transactions.time, transactions.count),
            mean(transactions.idle, transactions.count),
        );
        let mend = match idle > time / 2 {
            true => "do what takes long, such as a request to another server, before the transaction or after it",
            false => "make its slowest statements quicker, or divide it into several transactions",
        };
        Finding {
            kind: FindingKind::LongTransactions,
            subject: format!("transactions of {component} at {route}"),
            place: Some((component.clone(), route.clone())),
            what: format!(
                "are open for {} on average and {} at most; no statement runs for {} of that",
                shown(time),
                shown(transactions.longest),
                shown(idle)
            ),
            evidence: vec![
                ("transactions", transactions.count),
                ("mean_milliseconds", milliseconds(time)),
                ("longest_milliseconds", milliseconds(transactions.longest)),
                ("idle_milliseconds", milliseconds(idle)),
            ],
            gain: format!("others wait up to {} less", shown(idle)),
            mend: Mend::Change(mend.to_owned()),
        }
    });
    findings.collect()
}

/// On SQLite writes wait for each other, on Postgres all statements wait for a connection.
fn queue(observed: &Observed, facts: Facts) -> Option<Finding> {
    let queued = observed.shapes.iter().filter(|shape| {
        let verb = Words::of(&shape.text).verb();
        let is_read = matches!(verb.as_str(), "SELECT" | "WITH");
        !(is_read && facts.writes_queue)
    });
    let (mut calls, mut waited) = (0, Duration::ZERO);
    for shape in queued {
        calls += shape.calls;
        waited += shape.waited;
    }
    let wait = mean(waited, calls);
    if calls < MIN_JUDGED_CALLS || wait <= MAX_QUIET_WAIT {
        return None;
    }
    let (kind, subject, mend) = match facts.writes_queue {
        true => (
            FindingKind::QueuedWrites,
            "writes",
            "shorten the transactions, because all other writes wait for them; write rows that belong together in one statement",
        ),
        false => (
            FindingKind::QueuedStatements,
            "statements",
            "shorten the transactions, because each holds a connection; or give the database more `connections` in terrace.toml",
        ),
    };
    Some(Finding {
        kind,
        subject: subject.to_owned(),
        place: None,
        what: format!("waited {} on average before they ran", shown(wait)),
        evidence: vec![
            ("calls", calls),
            ("mean_wait_milliseconds", milliseconds(wait)),
            ("wait_milliseconds", milliseconds(waited)),
        ],
        gain: format!("up to {} of each", shown(wait)),
        mend: Mend::Change(mend.to_owned()),
    })
}

fn lock_waits(facts: Facts) -> Option<Finding> {
    let waits = facts.lock_waits;
    (waits >= MIN_LOCK_WAITS).then(|| Finding {
        kind: FindingKind::LockWaits,
        subject: "the database file".to_owned(),
        place: None,
        what: format!("was locked by other processes: there were {waits} pauses"),
        evidence: vec![("pauses", waits)],
        gain: "the pauses, of up to ten milliseconds each".to_owned(),
        mend: Mend::Change(
            "let the other process write in short transactions, or through this server".to_owned(),
        ),
    })
}

/// Statements that were `seen` waiting for locks of other transactions, by their text.
pub(super) fn row_locks(seen: Vec<(String, u64)>) -> impl Iterator<Item = Finding> {
    let often = seen
        .into_iter()
        .filter(|(_, count)| *count >= MIN_LOCK_SIGHTINGS);
    often.map(|(text, count)| Finding {
        kind: FindingKind::LockWaits,
        subject: text,
        place: None,
        what: format!("waited for a lock of another transaction at {count} looks, a second apart"),
        evidence: vec![("sightings", count)],
        gain: format!("about {count} s of waiting"),
        mend: Mend::Change(
            "change the row in a short transaction, after the reads; or spread what all requests write over several rows".to_owned(),
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::shapes::{Answers, Evicted, Transactions, Unread};

    /// Twenty inserts and twenty reads that waited for `wait` each.
    fn observed(wait: Duration) -> Observed {
        let shape = |text: &str| ShapeStatistics {
            text: text.into(),
            calls: 20,
            errors: 0,
            rows: 0,
            most_rows: 0,
            bytes: 0,
            time: wait * 20,
            p50: wait,
            p95: wait,
            p99: wait,
            waited: wait * 20,
            in_transaction: 0,
            reading: None,
            repeats: None,
            answers: Answers::default(),
            unread: Unread::default(),
            example: None,
        };
        Observed {
            time: Duration::from_secs(60),
            shapes: vec![
                shape("INSERT INTO item VALUES (?)"),
                shape("SELECT id FROM item"),
            ],
            evicted: Evicted::default(),
            transactions: Vec::new(),
        }
    }

    fn kinds(wait: u64, writes_queue: bool, lock_waits: u64) -> Vec<FindingKind> {
        let facts = Facts {
            writes_queue,
            lock_waits,
        };
        let found = findings(&observed(Duration::from_millis(wait)), facts);
        found.iter().map(|finding| finding.kind).collect()
    }

    #[test]
    fn transactions_that_wait_for_others_than_the_database_are_named_everywhere() {
        let kinds = |idle, writes_queue| {
            let mut observed = observed(Duration::ZERO);
            let transactions = Transactions {
                count: 10,
                time: Duration::from_millis(2_000),
                longest: Duration::from_millis(300),
                idle: Duration::from_millis(idle),
            };
            observed.transactions = vec![("shop".into(), "/pay".into(), transactions)];
            let facts = Facts {
                writes_queue,
                lock_waits: 0,
            };
            findings(&observed, facts).len()
        };
        assert_eq!([kinds(100, true), kinds(1_100, true)], [1, 1]);
        assert_eq!([kinds(100, false), kinds(1_100, false)], [0, 1]);
    }

    #[test]
    fn queues_and_locks_are_named_if_they_are_long() {
        assert_eq!(kinds(90, true, 99), []);
        assert_eq!(kinds(110, true, 0), [FindingKind::QueuedWrites]);
        assert_eq!(kinds(110, false, 0), [FindingKind::QueuedStatements]);
        assert_eq!(kinds(0, true, 100), [FindingKind::LockWaits]);
    }
}
