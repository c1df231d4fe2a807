//! The request on whose behalf statements run: its runs of each shape, the rows that it got and what it handed on.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::shape::Shape;
use crate::sql::limits::{MAX_QUIET_RESULT_BYTES, MAX_SHAPES_OF_REQUEST};
use crate::sql::position::Needs;
use crate::value::Value;

/// The request of a function on whose behalf statements run.
#[derive(Debug)]
pub struct Request {
    pub(crate) component: Arc<str>,
    pub(crate) route: Arc<str>,
    /// `None` if several requests share the sessions, so that their statements cannot be told apart.
    noted: Option<Mutex<Noted>>,
    /// What its reads must see, if they may run on replicas.
    needs: Option<Arc<Needs>>,
}

#[derive(Debug, Default)]
struct Noted {
    runs: Vec<Run>,
    /// The bytes that the function gave to others.
    handed_on: u64,
    is_answered: bool,
}

/// The runs of one shape.
#[derive(Debug)]
struct Run {
    shape: Arc<Shape>,
    count: u32,
    /// The bytes of the results.
    bytes: u64,
}

impl Request {
    /// A request, by the names of its component and its route.
    #[must_use]
    pub fn new(component: Arc<str>, route: Arc<str>) -> Self {
        Self {
            component,
            route,
            noted: Some(Mutex::default()),
            needs: None,
        }
    }

    /// One of several requests that share their sessions. Their statements are counted, but not for one request.
    #[must_use]
    pub fn shared(component: Arc<str>, route: Arc<str>) -> Self {
        Self {
            component,
            route,
            noted: None,
            needs: None,
        }
    }

    /// Has its reads outside of transactions run on replicas that have what it needs.
    #[must_use]
    pub fn with_needs(mut self, needs: Arc<Needs>) -> Self {
        self.needs = Some(needs);
        self
    }

    pub(in crate::sql) fn needs(&self) -> Option<Arc<Needs>> {
        self.needs.clone()
    }

    /// Notes bytes that the function gave to others than the client: a store, another server, a statement.
    pub fn hand_on(&self, bytes: u64) {
        if let Some(mut noted) = self.noted() {
            noted.handed_on = noted.handed_on.saturating_add(bytes);
        }
    }

    /// Notes that the response has ended, after this many bytes. Only the first time counts. Results that are large are compared with all that the
    /// function handed on.
    pub fn answer(&self, bytes: u64) {
        let Some(mut noted) = self.noted() else {
            return;
        };
        if std::mem::replace(&mut noted.is_answered, true) {
            return;
        }
        let handed_on = noted.handed_on.saturating_add(bytes);
        for run in &noted.runs {
            if run.bytes > MAX_QUIET_RESULT_BYTES {
                run.shape.numbers().answer(run.bytes, handed_on);
            }
        }
    }

    /// How often the shape ran in this request, with this run, if that is counted. The run was given these bytes, and it got those
    /// of its rows.
    pub(super) fn run(&self, shape: &Arc<Shape>, given: u64, got: u64) -> Option<u32> {
        let mut noted = self.noted()?;
        noted.handed_on = noted.handed_on.saturating_add(given);
        let mut runs = noted.runs.iter_mut();
        if let Some(run) = runs.find(|run| Arc::ptr_eq(&run.shape, shape)) {
            run.count = run.count.saturating_add(1);
            run.bytes = run.bytes.saturating_add(got);
            return Some(run.count);
        }
        if noted.runs.len() == MAX_SHAPES_OF_REQUEST {
            return None;
        }
        noted.runs.push(Run {
            shape: Arc::clone(shape),
            count: 1,
            bytes: got,
        });
        Some(1)
    }

    fn noted(&self) -> Option<MutexGuard<'_, Noted>> {
        let noted = self.noted.as_ref()?;
        Some(noted.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The bytes of values, as a function gets or gives them.
pub(super) fn bytes<'v>(values: impl IntoIterator<Item = &'v Value>) -> u64 {
    let values = values.into_iter().map(|value| match value {
        Value::Text(text) => text.len() as u64,
        Value::Blob(bytes) => bytes.len() as u64,
        Value::Integer(_) | Value::Real(_) => 8,
        Value::Null => 1,
    });
    values.sum()
}
