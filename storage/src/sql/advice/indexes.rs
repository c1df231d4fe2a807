//! Findings that follow from plans and indexes: indexes that are missing, are there twice or are not used, and tables that
//! are read as a whole.

use super::judged::place_of;
use crate::sql::examined::{Examined, Helpful, Index, Measure, Tried};
use crate::sql::finding::{Finding, FindingKind, Mend};
use crate::sql::limits::{MAX_QUIET_SCAN, MIN_GROWN_SCAN, MIN_INDEXED_WRITES, MIN_JUDGED_CALLS};
use crate::sql::shapes::{Observed, ShapeStatistics};
use crate::sql::words::{Words, quoted};

/// `asked` are the shapes of the examined queries, in their order; `is_complete` if they are all.
pub(super) fn findings(
    observed: &Observed,
    asked: &[&ShapeStatistics],
    examined: &Examined,
    is_complete: bool,
) -> Vec<Finding> {
    let mut found: Vec<Finding> = Vec::new();
    for (shape, tried) in asked.iter().zip(&examined.queries) {
        let Some(tried) = tried else { continue };
        match &tried.index {
            Some(index) => missing_index(shape, index, &mut found),
            None => found.extend(growing_scan(shape, tried)),
        }
    }
    for index in &examined.indexes {
        let writes = writes(observed, &index.table);
        match &index.covered_by {
            Some(other) if writes >= MIN_JUDGED_CALLS => {
                found.push(duplicate(index, other, writes));
            }
            None if !index.is_used && is_complete && writes >= MIN_INDEXED_WRITES => {
                found.push(unused(index, writes));
            }
            _ => {}
        }
    }
    found
}

/// Adds the finding, or one more query to the finding that names the same index.
fn missing_index(shape: &ShapeStatistics, index: &Helpful, found: &mut Vec<Finding>) {
    let mend = Mend::Statement(index.statement.clone());
    if let Some(same) = found.iter_mut().find(|finding| finding.mend == mend) {
        if let Some((_, queries)) = same
            .evidence
            .iter_mut()
            .find(|(name, _)| *name == "queries")
        {
            *queries += 1;
        }
        return;
    }
    let (what, evidence) = seen(shape, index);
    found.push(Finding {
        kind: FindingKind::MissingIndex,
        subject: shape.text.to_string(),
        place: place_of(shape),
        what,
        evidence,
        gain: gain(index),
        mend,
    });
}

/// What a query without its index costs, in words and numbers.
fn seen(shape: &ShapeStatistics, index: &Helpful) -> (String, Vec<(&'static str, u64)>) {
    let Helpful { before, after, .. } = *index;
    let calls = shape.calls.max(1);
    let mut evidence = vec![
        ("calls", calls),
        ("queries", 1),
        ("before", before),
        ("after", after),
    ];
    let Some(reading) = shape.reading else {
        return (
            format!("costs the server {before} units for each call"),
            evidence,
        );
    };
    let (scanned, steps, rows) = (
        reading.scanned / calls,
        reading.steps / calls,
        shape.rows / calls,
    );
    evidence.extend([
        ("scanned_rows", scanned),
        ("steps", steps),
        ("returned_rows", rows),
    ]);
    let what = match scanned {
        ..=MAX_QUIET_SCAN => {
            format!("takes {steps} steps of SQLite for each call and returns {rows} rows")
        }
        _ => format!("reads {scanned} rows of whole tables for each call and returns {rows}"),
    };
    (what, evidence)
}

fn gain(index: &Helpful) -> String {
    let Helpful { before, after, .. } = *index;
    let times = before / after.max(1);
    match index.measure {
        Measure::Steps => format!(
            "{times} times less: {after} steps instead of {before}, counted on a copy of its newest rows"
        ),
        Measure::Planned => {
            format!("{times} times less: the server plans {after} units instead of {before}")
        }
        Measure::Judged => format!("about {times} times less, judged by the plan"),
    }
}

fn growing_scan(shape: &ShapeStatistics, tried: &Tried) -> Option<Finding> {
    let (first, last) = match (shape.reading, &tried.growing) {
        (Some(reading), _) => (reading.first_scanned, reading.last_scanned),
        (None, Some(growing)) => (growing.first, growing.now),
        (None, None) => return None,
    };
    if shape.calls < MIN_JUDGED_CALLS || last < MIN_GROWN_SCAN || last <= first + first / 10 {
        return None;
    }
    let rows = shape.rows / shape.calls.max(1);
    // A query that returns what it reads is one without limit.
    if rows * 2 > last {
        return None;
    }
    Some(Finding {
        kind: FindingKind::GrowingScan,
        subject: shape.text.to_string(),
        place: place_of(shape),
        what: format!("read {first} rows at first and {last} now, to return {rows}: its time grows with the table"),
        evidence: vec![
            ("calls", shape.calls),
            ("first_scanned_rows", first),
            ("last_scanned_rows", last),
            ("returned_rows", rows),
        ],
        gain: format!("up to {last} rows for each call"),
        mend: Mend::Change(
            "keep the result where each change of the table updates it, or read only the part that changed since".to_owned(),
        ),
    })
}

/// The calls that wrote to a table.
fn writes(observed: &Observed, table: &str) -> u64 {
    let writes = observed.shapes.iter().filter(|shape| {
        let words = Words::of(&shape.text);
        let is_write = matches!(
            words.verb().as_str(),
            "INSERT" | "UPDATE" | "DELETE" | "REPLACE"
        );
        let is_table = |name: &str| name.eq_ignore_ascii_case(table).then(|| table.to_owned());
        is_write && !words.tables(is_table).is_empty()
    });
    writes.map(|shape| shape.calls).sum()
}

fn duplicate(index: &Index, other: &str, writes: u64) -> Finding {
    let Index { name, table, .. } = index;
    Finding {
        kind: FindingKind::DuplicateIndex,
        subject: name.clone(),
        place: None,
        what: format!(
            "is on the first columns of {other}, which serves the same queries of {table}"
        ),
        evidence: vec![("writes", writes)],
        gain: format!("one index less to write, {writes} times so far"),
        mend: Mend::Statement(format!("DROP INDEX {}", quoted(name))),
    }
}

fn unused(index: &Index, writes: u64) -> Finding {
    let Index { name, table, .. } = index;
    Finding {
        kind: FindingKind::UnusedIndex,
        subject: name.clone(),
        place: None,
        what: format!("is used by no query of this server, and {table} was written {writes} times"),
        evidence: vec![("writes", writes)],
        gain: format!("one index less to write, {writes} times so far"),
        mend: Mend::Statement(format!("DROP INDEX {}", quoted(name))),
    }
}
