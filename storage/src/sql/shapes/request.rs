//! The request on whose behalf statements run, with the number of its runs of each shape.

use std::sync::{Arc, Mutex, PoisonError};

use super::shape::Shape;
use crate::sql::limits::MAX_SHAPES_OF_REQUEST;

/// The request of a function on whose behalf statements run.
#[derive(Debug)]
pub struct Request {
    pub(crate) component: Arc<str>,
    pub(crate) route: Arc<str>,
    /// `None` if several requests share the sessions, so that their statements cannot be told apart.
    runs: Option<Mutex<Runs>>,
}

type Runs = Vec<(Arc<Shape>, u32)>;

impl Request {
    /// A request, by the names of its component and its route.
    #[must_use]
    pub fn new(component: Arc<str>, route: Arc<str>) -> Self {
        Self {
            component,
            route,
            runs: Some(Mutex::default()),
        }
    }

    /// One of several requests that share their sessions. Their statements are counted, but not for one request.
    #[must_use]
    pub fn shared(component: Arc<str>, route: Arc<str>) -> Self {
        Self {
            component,
            route,
            runs: None,
        }
    }

    /// How often the shape ran in this request, with this run, if that is counted.
    pub(super) fn run(&self, shape: &Arc<Shape>) -> Option<u32> {
        let runs = self.runs.as_ref()?;
        let mut runs = runs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, count)) = runs.iter_mut().find(|(known, _)| Arc::ptr_eq(known, shape)) {
            *count = count.saturating_add(1);
            return Some(*count);
        }
        if runs.len() == MAX_SHAPES_OF_REQUEST {
            return None;
        }
        runs.push((Arc::clone(shape), 1));
        Some(1)
    }
}
