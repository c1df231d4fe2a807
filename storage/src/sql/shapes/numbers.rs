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
    /// The rows that it returned, unless it failed.
    pub(super) rows: Option<u64>,
    pub(super) work: Work,
    pub(super) in_transaction: bool,
}

/// The numbers of one shape.
#[derive(Clone, Debug, Default)]
pub(super) struct Numbers {
    pub(super) calls: u64,
    pub(super) errors: u64,
    pub(super) rows: u64,
    pub(super) most_rows: u64,
    pub(super) time: Duration,
    pub(super) histogram: Histogram,
    pub(super) waited: Duration,
    pub(super) in_transaction: u64,
    pub(super) reading: Option<Reading>,
    pub(super) repeats: Option<Repeats>,
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
        match call.rows {
            Some(rows) => {
                self.rows += rows;
                self.most_rows = self.most_rows.max(rows);
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
