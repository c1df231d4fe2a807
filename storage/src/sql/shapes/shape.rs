//! One shape: its text, a statement that has it, and its numbers.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::numbers::{Call, Numbers};
use crate::sql::limits::{
    MAX_CACHED_STATEMENT_BYTES, MAX_SAMPLED_PARAMETERS, MAX_SAMPLED_VALUE_BYTES,
};
use crate::value::Value;

/// A shape of statements.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) text: Box<str>,
    /// The first statement of the shape, unless it is too large.
    pub(super) example: Option<Arc<Example>>,
    numbers: Mutex<Numbers>,
}

/// A statement with its values, of which long ones are cut. It is shown to nobody: values are data of users.
#[derive(Debug)]
pub(crate) struct Example {
    pub(crate) sql: Box<str>,
    pub(crate) parameters: Vec<Value>,
}

impl Shape {
    pub(super) fn new(text: String, sql: &str, parameters: &[Value]) -> Self {
        Self {
            text: text.into(),
            example: Example::of(sql, parameters).map(Arc::new),
            numbers: Mutex::default(),
        }
    }

    /// Adds a call; `run` is its number in its request, with the request's component and route.
    pub(super) fn add(&self, call: &Call, run: Option<(u32, &Arc<str>, &Arc<str>)>) {
        let mut numbers = self.numbers();
        numbers.add(call);
        if let Some((run, component, route)) = run {
            numbers.repeat(run, component, route);
        }
    }

    pub(super) fn numbers(&self) -> MutexGuard<'_, Numbers> {
        self.numbers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Example {
    fn of(sql: &str, parameters: &[Value]) -> Option<Self> {
        let is_small =
            sql.len() <= MAX_CACHED_STATEMENT_BYTES && parameters.len() <= MAX_SAMPLED_PARAMETERS;
        is_small.then(|| Self {
            sql: sql.into(),
            parameters: parameters.iter().map(sample).collect(),
        })
    }
}

fn sample(value: &Value) -> Value {
    match value {
        Value::Text(text) => {
            let end = text.floor_char_boundary(MAX_SAMPLED_VALUE_BYTES);
            Value::Text(text[..end].to_owned())
        }
        Value::Blob(bytes) => {
            Value::Blob(bytes[..bytes.len().min(MAX_SAMPLED_VALUE_BYTES)].to_vec())
        }
        Value::Integer(_) | Value::Real(_) | Value::Null => value.clone(),
    }
}
