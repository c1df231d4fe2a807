//! Findings about results that functions ask for and do not use: rows of a stream that nobody reads, and results of which
//! little leaves the function.

use super::judged::place_of;
use crate::sql::finding::{Finding, FindingKind, Mend};
use crate::sql::limits::{MAX_QUIET_UNREAD_ROWS, MIN_JUDGED_CALLS, MIN_UNREAD_SHARE};
use crate::sql::shapes::{Observed, ShapeStatistics};

/// `known` are the findings about queries without limit: a page at a time is also less to leave unread.
pub(super) fn findings(observed: &Observed, known: &[Finding]) -> Vec<Finding> {
    let is_known = |shape: &&ShapeStatistics| {
        let mut known = known.iter();
        known.any(|it| it.kind == FindingKind::NoLimit && *it.subject == *shape.text)
    };
    let shapes = observed.shapes.iter().filter(|shape| !is_known(shape));
    shapes
        .filter_map(|shape| rows(shape).or_else(|| bytes(shape)))
        .collect()
}

/// The function took the rows as a stream, and left most of them.
fn rows(shape: &ShapeStatistics) -> Option<Finding> {
    let unread = shape.unread;
    let answered = shape.calls - shape.errors;
    let (returned, left) = (shape.rows / answered.max(1), unread.rows / answered.max(1));
    if unread.results < MIN_JUDGED_CALLS || left <= MAX_QUIET_UNREAD_ROWS || left * 2 <= returned {
        return None;
    }
    let read = returned.saturating_sub(left);
    Some(Finding {
        kind: FindingKind::UnreadResults,
        subject: shape.text.to_string(),
        place: place_of(shape),
        what: format!("returned {returned} rows on average, of which the function read {read}"),
        evidence: vec![
            ("calls", shape.calls),
            ("mean_rows", returned),
            ("mean_unread_rows", left),
        ],
        gain: format!("{left} rows of each result"),
        mend: Mend::Change(format!(
            "ask for no more rows than are read: add `LIMIT`, with about {} rows",
            read.max(1)
        )),
    })
}

/// The function got all rows, and handed on little.
fn bytes(shape: &ShapeStatistics) -> Option<Finding> {
    let answers = shape.answers;
    let requests = answers.requests.max(1);
    let (got, handed_on) = (
        answers.result_bytes / requests,
        answers.handed_on / requests,
    );
    let is_read = got < handed_on.saturating_mul(MIN_UNREAD_SHARE);
    if answers.requests < MIN_JUDGED_CALLS || is_read {
        return None;
    }
    let (requests, rows) = (answers.requests, shape.rows / shape.calls.max(1));
    Some(Finding {
        kind: FindingKind::UnreadResults,
        subject: shape.text.to_string(),
        place: place_of(shape),
        what: format!(
            "gave {} of rows to each of {requests} requests, and the function passed on no more than {}",
            shown(got),
            shown(handed_on)
        ),
        evidence: vec![
            ("requests", requests),
            ("mean_rows", rows),
            ("mean_result_bytes", got),
            ("mean_handed_on_bytes", handed_on),
        ],
        gain: format!("up to {} for each request", shown(got - handed_on)),
        mend: Mend::Change(
            "let the database choose: name only the columns that are used, compare in `WHERE`, count and add with `count` and `sum`, or add `LIMIT`"
                .to_owned(),
        ),
    })
}

/// A size for people.
fn shown(bytes: u64) -> String {
    match bytes {
        ..1_024 => format!("{bytes} bytes"),
        _ => format!("{} KiB", bytes / 1_024),
    }
}
