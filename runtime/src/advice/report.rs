//! The report about the queries of databases, as the page gives it and the command line reads it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use storage::dialect::Refusal;
use storage::sql::{Advice, Finding, ShapeAdvice, ShapeStatistics, Transactions};

/// The report about all databases.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct Report {
    /// Each database, by its label.
    pub(crate) databases: Vec<DatabaseReport>,
}

/// The report about one database.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct DatabaseReport {
    pub(crate) label: String,
    /// The time since the database was opened.
    pub(crate) seconds: u64,
    /// The shapes that were forgotten, because there were too many.
    pub(crate) forgotten_shapes: u64,
    /// The findings; the kinds that save most are first.
    pub(crate) findings: Vec<FindingReport>,
    /// Why plans and indexes were not looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) unexamined: Option<String>,
    /// The transactions, by the component and the route that began them.
    pub(crate) transactions: Vec<TransactionReport>,
    /// The shapes; those that took most time are first.
    pub(crate) shapes: Vec<ShapeReport>,
}

/// The transactions of one route.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct TransactionReport {
    pub(crate) component: String,
    pub(crate) route: String,
    pub(crate) transactions: u64,
    /// The time in which they were open.
    pub(crate) microseconds: u64,
    /// The time of the longest.
    pub(crate) longest_microseconds: u64,
    /// The time in which none of their statements ran.
    pub(crate) idle_microseconds: u64,
}

/// A finding.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct FindingReport {
    pub(crate) kind: String,
    /// The shape, or the name of the index.
    pub(crate) subject: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) component: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) route: Option<String>,
    /// What was seen.
    pub(crate) what: String,
    /// The numbers behind it.
    pub(crate) evidence: BTreeMap<String, u64>,
    /// What the mend would save.
    pub(crate) gain: String,
    /// `statement`, `query` or `change`.
    pub(crate) mend_kind: String,
    pub(crate) mend: String,
}

/// A shape of queries.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct ShapeReport {
    /// The text, in which `?` stands for values.
    pub(crate) query: String,
    pub(crate) calls: u64,
    pub(crate) errors: u64,
    /// The rows that all calls returned.
    pub(crate) rows: u64,
    /// The rows of the largest result.
    pub(crate) largest_result: u64,
    /// The bytes of the values that all calls returned.
    pub(crate) result_bytes: u64,
    /// The time of all calls.
    pub(crate) microseconds: u64,
    /// Its part of the time of all shapes, in tenths of a percent.
    pub(crate) share_per_mille: u64,
    pub(crate) p50_microseconds: u64,
    pub(crate) p95_microseconds: u64,
    pub(crate) p99_microseconds: u64,
    /// The time that the calls waited for the writer, for a thread or for a connection.
    pub(crate) waited_microseconds: u64,
    /// The rows of whole tables that the calls read, if the engine counts that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) scanned_rows: Option<u64>,
    /// The steps of the engine, if it counts that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) steps: Option<u64>,
    /// How often it ran in one request, at most.
    pub(crate) most_in_a_request: u32,
    /// The component of that request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) component: Option<String>,
    /// The route of that request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) route: Option<String>,
    /// The steps of the plan.
    pub(crate) plan: Vec<String>,
    /// Why it is not portable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) not_portable: Option<NotPortable>,
}

/// Why a statement is not portable.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct NotPortable {
    pub(crate) reason: String,
    /// What both databases take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) instead: Option<String>,
}

impl DatabaseReport {
    pub(crate) fn new(label: String, advice: &Advice) -> Self {
        let observed = &advice.observed;
        let times = observed.shapes.iter().map(|shape| shape.time);
        let time = times.sum::<Duration>() + observed.evicted.time;
        let shapes = observed.shapes.iter().zip(&advice.shapes);
        Self {
            label,
            seconds: observed.time.as_secs(),
            forgotten_shapes: observed.evicted.shapes,
            findings: advice.findings.iter().map(FindingReport::new).collect(),
            unexamined: advice.unexamined.clone(),
            transactions: observed
                .transactions
                .iter()
                .map(TransactionReport::new)
                .collect(),
            shapes: shapes
                .map(|(shape, known)| ShapeReport::new(shape, known, time))
                .collect(),
        }
    }
}

impl TransactionReport {
    fn new((component, route, transactions): &(Arc<str>, Arc<str>, Transactions)) -> Self {
        Self {
            component: component.to_string(),
            route: route.to_string(),
            transactions: transactions.count,
            microseconds: microseconds(transactions.time),
            longest_microseconds: microseconds(transactions.longest),
            idle_microseconds: microseconds(transactions.idle),
        }
    }
}

impl FindingReport {
    fn new(finding: &Finding) -> Self {
        let place = finding.place.as_ref();
        let evidence = finding.evidence.iter();
        Self {
            kind: finding.kind.name().to_owned(),
            subject: finding.subject.clone(),
            component: place.map(|(component, _)| component.to_string()),
            route: place.map(|(_, route)| route.to_string()),
            what: finding.what.clone(),
            evidence: evidence
                .map(|(name, number)| ((*name).to_owned(), *number))
                .collect(),
            gain: finding.gain.clone(),
            mend_kind: finding.mend.name().to_owned(),
            mend: finding.mend.text().to_owned(),
        }
    }
}

impl ShapeReport {
    fn new(shape: &ShapeStatistics, known: &ShapeAdvice, all: Duration) -> Self {
        let share = shape.time.as_nanos() * 1_000 / all.as_nanos().max(1);
        let repeats = shape.repeats.as_ref();
        Self {
            query: shape.text.to_string(),
            calls: shape.calls,
            errors: shape.errors,
            rows: shape.rows,
            largest_result: shape.most_rows,
            result_bytes: shape.bytes,
            microseconds: microseconds(shape.time),
            share_per_mille: u64::try_from(share).unwrap_or(1_000),
            p50_microseconds: microseconds(shape.p50),
            p95_microseconds: microseconds(shape.p95),
            p99_microseconds: microseconds(shape.p99),
            waited_microseconds: microseconds(shape.waited),
            scanned_rows: shape.reading.map(|reading| reading.scanned),
            steps: shape.reading.map(|reading| reading.steps),
            most_in_a_request: repeats.map_or(0, |repeats| repeats.most),
            component: repeats.map(|repeats| repeats.component.to_string()),
            route: repeats.map(|repeats| repeats.route.to_string()),
            plan: known.plan.clone(),
            not_portable: known.refusal.as_ref().map(NotPortable::new),
        }
    }
}

impl NotPortable {
    fn new(refusal: &Refusal) -> Self {
        Self {
            reason: refusal.reason.clone(),
            instead: refusal.portable.clone(),
        }
    }
}

fn microseconds(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
