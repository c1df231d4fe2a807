//! Statistics by shape of query: how often statements ran that differ only in their values, and what that cost.
//! Judging them is left to [`super::advice`].
//!
//! A call pays for two uncontended locks, a look-up of its text, and two readings of the clock.

mod histogram;
mod numbers;
mod request;
mod shape;
mod table;
mod text;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::error::Error;
use super::work::Work;
use crate::clock;
use crate::value::{Rows, Value};

pub use numbers::{Answers, Reading, Repeats, Unread};
pub use request::Request;
pub(crate) use shape::Example;
pub use table::{Evicted, Transactions};

use numbers::{Call, Numbers, Size};
use request::bytes;
use shape::Shape;
use table::Table;

/// The shapes of the queries of a database.
#[derive(Debug)]
pub(crate) struct Shapes {
    table: Mutex<Table>,
    since: Instant,
}

/// The shapes at one time.
#[derive(Debug)]
pub struct Observed {
    /// The time since the database was opened.
    pub time: Duration,
    /// The shapes; those that took most time are first.
    pub shapes: Vec<ShapeStatistics>,
    /// The shapes that were forgotten.
    pub evicted: Evicted,
    /// The transactions, by component and route.
    pub transactions: Vec<(Arc<str>, Arc<str>, Transactions)>,
}

/// The statistics of one shape.
#[derive(Debug)]
pub struct ShapeStatistics {
    /// The text, in which `?` stands for values.
    pub text: Box<str>,
    /// The calls, including those that failed.
    pub calls: u64,
    /// The calls that failed or were given up.
    pub errors: u64,
    /// The rows that were returned.
    pub rows: u64,
    /// The rows of the largest result.
    pub most_rows: u64,
    /// The bytes of the values that were returned.
    pub bytes: u64,
    /// The time of all calls, with their waits.
    pub time: Duration,
    /// The time that half of the calls did not exceed.
    pub p50: Duration,
    /// The time that 95 of 100 calls did not exceed.
    pub p95: Duration,
    /// The time that 99 of 100 calls did not exceed.
    pub p99: Duration,
    /// The time that the calls waited for the writer, for a thread or for a connection.
    pub waited: Duration,
    /// The calls in a transaction.
    pub in_transaction: u64,
    /// What the engine counted, if it does.
    pub reading: Option<Reading>,
    /// The request in which it ran most often.
    pub repeats: Option<Repeats>,
    /// The requests that got a large result.
    pub answers: Answers,
    /// The results that were not read to the end.
    pub unread: Unread,
    pub(crate) example: Option<Arc<Example>>,
}

impl Shapes {
    pub(crate) fn new() -> Self {
        Self {
            table: Mutex::default(),
            since: clock::now(),
        }
    }

    /// Begins to count a call. If the result is dropped before its end, the call was given up.
    pub(crate) fn begin<'r>(
        &self,
        request: &'r Request,
        sql: &str,
        parameters: &[Value],
        in_transaction: bool,
    ) -> Counted<'r> {
        let known = self.table().of_text(sql);
        let shape = known.unwrap_or_else(|| {
            let text = table::read(sql);
            self.table().of_shape(text, sql, parameters)
        });
        Counted {
            shape,
            request,
            given: bytes(parameters).saturating_add(sql.len() as u64),
            in_transaction,
            begun: clock::now(),
            is_open: true,
        }
    }

    /// Counts a transaction that has ended, or was given up.
    pub(crate) fn add_transaction(&self, component: Arc<str>, route: Arc<str>, held: Held) {
        let time = clock::now() - held.since;
        let idle = time.saturating_sub(held.busy);
        self.table().add_transaction((component, route), time, idle);
    }

    /// The shapes now.
    pub(crate) fn observed(&self) -> Observed {
        let (shapes, evicted, transactions): (Vec<_>, _, Vec<_>) = {
            let table = self.table();
            let transactions = table.transactions.iter();
            let transactions = transactions.map(|((component, route), transactions)| {
                (Arc::clone(component), Arc::clone(route), *transactions)
            });
            (
                table.all().cloned().collect(),
                table.evicted,
                transactions.collect(),
            )
        };
        let mut shapes: Vec<_> = shapes.iter().map(|shape| statistics(shape)).collect();
        shapes.sort_by_key(|shape| std::cmp::Reverse(shape.time));
        Observed {
            time: clock::now() - self.since,
            shapes,
            evicted,
            transactions,
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn statistics(shape: &Shape) -> ShapeStatistics {
    let numbers: Numbers = shape.numbers().clone();
    ShapeStatistics {
        text: shape.text.clone(),
        calls: numbers.calls,
        errors: numbers.errors,
        rows: numbers.rows,
        most_rows: numbers.most_rows,
        bytes: numbers.bytes,
        time: numbers.time,
        p50: numbers.histogram.percentile(50),
        p95: numbers.histogram.percentile(95),
        p99: numbers.histogram.percentile(99),
        waited: numbers.waited,
        in_transaction: numbers.in_transaction,
        reading: numbers.reading,
        repeats: numbers.repeats,
        answers: numbers.answers,
        unread: numbers.unread,
        example: shape.example.clone(),
    }
}

/// A transaction that is open.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held {
    /// When its first statement ran.
    pub(crate) since: Instant,
    /// The time in which its statements ran.
    pub(crate) busy: Duration,
}

/// A call that is counted when it ends, or when it is given up.
pub(crate) struct Counted<'r> {
    shape: Arc<Shape>,
    request: &'r Request,
    /// The bytes of the statement and its values.
    given: u64,
    in_transaction: bool,
    begun: Instant,
    is_open: bool,
}

impl Counted<'_> {
    /// Counts the call.
    pub(crate) fn end(mut self, result: &Result<Rows, Error>, work: Work) -> Ended {
        let size = |rows: &Rows| Size {
            rows: rows.rows.len() as u64,
            bytes: bytes(rows.rows.iter().flatten()),
        };
        let size = result.as_ref().ok().map(size);
        Ended {
            begun: self.begun,
            duration: self.count(size, work),
            reader: Reader(Arc::clone(&self.shape)),
        }
    }

    fn count(&mut self, result: Option<Size>, work: Work) -> Duration {
        self.is_open = false;
        let duration = clock::now() - self.begun;
        let call = Call {
            duration,
            result,
            work,
            in_transaction: self.in_transaction,
        };
        let request = self.request;
        let got = result.map_or(0, |size| size.bytes);
        let run = request.run(&self.shape, self.given, got);
        let run = run.map(|run| (run, &request.component, &request.route));
        self.shape.add(&call, run);
        duration
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        if self.is_open {
            self.count(None, Work::default());
        }
    }
}

/// A call that was counted.
pub(crate) struct Ended {
    pub(crate) begun: Instant,
    pub(crate) duration: Duration,
    pub(crate) reader: Reader,
}

/// The reader of a result, which may leave rows of it.
#[derive(Debug)]
pub struct Reader(Arc<Shape>);

impl Reader {
    /// Notes that so many rows of the result were not read.
    pub fn leave(&self, rows: u64) {
        self.0.numbers().leave(rows);
    }
}
