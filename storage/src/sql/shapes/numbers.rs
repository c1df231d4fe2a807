//! The numbers of one shape: how often it ran, what it read and returned, and how long that took.

use std::sync::Arc;
use std::time::Duration;

use super::histogram::Histogram;
use crate::sql::limits::MAX_QUIET_REPEATS;
use crate::sql::work::{Read, Work};

/// What came of one call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    pub(super) duration: Duration,
    /// What it returned, unless it failed.
    pub(super) result: Option<Size>,
    pub(super) work: Work,
    pub(super) in_transaction: bool,
}

/// The size of a result.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    pub(super) rows: u64,
    pub(super) bytes: u64,
}

/// The numbers of one shape.
#[derive(Clone, Debug, Default)]
pub(super) struct Numbers {
    pub(super) calls: u64,
    pub(super) errors: u64,
    pub(super) rows: u64,
    pub(super) most_rows: u64,
    pub(super) bytes: u64,
    pub(super) time: Duration,
    pub(super) histogram: Histogram,
    pub(super) waited: Duration,
    pub(super) in_transaction: u64,
    pub(super) reading: Option<Reading>,
    pub(super) repeats: Option<Repeats>,
    pub(super) answers: Answers,
    pub(super) unread: Unread,
}

/// The requests that got a large result of a shape.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    /// Their number.
    pub requests: u64,
    /// The bytes that they got of the shape.
    pub result_bytes: u64,
    /// The bytes that they handed on: their responses, and what they gave to stores, servers and statements.
    pub handed_on: u64,
}

/// The results that functions took as streams and did not read to the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unread {
    /// Their number.
    pub results: u64,
    /// Their rows that were not read.
    pub rows: u64,
}

/// What the engine counted of all calls.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    /// The calls that were counted.
    pub calls: u64,
    /// The rows that they read in tables from one end to the other.
    pub scanned: u64,
    /// Such rows of the first call.
    pub first_scanned: u64,
    /// Such rows of the last call.
    pub last_scanned: u64,
    /// The instructions of the engine.
    pub steps: u64,
}

/// The request in which a shape ran most often.
#[derive(Clone, Debug)]
pub struct Repeats {
    /// How often it ran in that request.
    pub most: u32,
    /// The requests in which it ran more often than [`MAX_QUIET_REPEATS`].
    pub requests: u64,
    /// The component of that request.
    pub component: Arc<str>,
    /// The route of that request.
    pub route: Arc<str>,
}

impl Numbers {
    pub(super) fn add(&mut self, call: &Call) {
        self.calls += 1;
        self.time += call.duration;
        self.histogram.count(call.duration);
        self.waited += call.work.waited;
        self.in_transaction += u64::from(call.in_transaction);
        match call.result {
            Some(Size { rows, bytes }) => {
                self.rows += rows;
                self.most_rows = self.most_rows.max(rows);
                self.bytes += bytes;
            }
            None => self.errors += 1,
        }
        if let Some(read) = call.work.read {
            self.add_reading(read);
        }
    }

    fn add_reading(&mut self, read: Read) {
        let reading = self.reading.get_or_insert(Reading {
            calls: 0,
            scanned: 0,
            first_scanned: read.scanned,
            last_scanned: 0,
            steps: 0,
        });
        reading.calls += 1;
        reading.scanned += read.scanned;
        reading.last_scanned = read.scanned;
        reading.steps += read.steps;
    }

    /// Notes a request that got much and has ended.
    pub(super) fn answer(&mut self, result_bytes: u64, handed_on: u64) {
        let answers = &mut self.answers;
        answers.requests += 1;
        answers.result_bytes = answers.result_bytes.saturating_add(result_bytes);
        answers.handed_on = answers.handed_on.saturating_add(handed_on);
    }

    /// Notes a result of which rows stayed unread.
    pub(super) fn leave(&mut self, rows: u64) {
        self.unread.results += 1;
        self.unread.rows += rows;
    }

    /// Notes the run with this number in a request.
    pub(super) fn repeat(&mut self, run: u32, component: &Arc<str>, route: &Arc<str>) {
        let most = self.repeats.as_ref().map_or(0, |repeats| repeats.most);
        if run > most {
            let requests = self.repeats.as_ref().map_or(0, |repeats| repeats.requests);
            self.repeats = Some(Repeats {
                most: run,
                requests,
                component: Arc::clone(component),
                route: Arc::clone(route),
            });
        }
        if run == MAX_QUIET_REPEATS + 1
            && let Some(repeats) = &mut self.repeats
        {
            repeats.requests += 1;
        }
    }
}
