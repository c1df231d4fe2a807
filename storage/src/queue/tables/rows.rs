//! Rows and parameters of the statements, as values.

use std::time::Duration;

use crate::failure::EngineFailure;
use crate::queue::error::Error;
use crate::queue::limits::MAX_DELAY;
use crate::queue::message::{Claimed, Contents, Figures, Listed, Owner, Schedule};
use crate::sql::Value;

pub(super) fn claimed(row: Vec<Value>) -> Result<Claimed, Error> {
    match <[Value; 5]>::try_from(row) {
        Ok(
            [
                Value::Integer(number),
                Value::Integer(attempts),
                Value::Integer(age),
                Value::Text(head),
                Value::Blob(data),
            ],
        ) => Ok(Claimed {
            number,
            attempts: u32::try_from(attempts).unwrap_or(u32::MAX),
            age: duration(age),
            contents: Contents { head, data },
        }),
        _ => Err(foreign_tables()),
    }
}

pub(super) fn listed(row: Vec<Value>) -> Result<Listed, Error> {
    match <[Value; 9]>::try_from(row) {
        Ok(
            [
                Value::Integer(number),
                Value::Integer(attempts),
                Value::Integer(age),
                Value::Integer(due_in),
                Value::Integer(is_claimed),
                Value::Integer(is_blocked),
                Value::Text(failures),
                Value::Text(head),
                Value::Blob(data),
            ],
        ) => Ok(Listed {
            number,
            attempts: u32::try_from(attempts).unwrap_or(u32::MAX),
            age: duration(age),
            due_in: duration(due_in),
            is_claimed: is_claimed != 0,
            is_blocked: is_blocked != 0,
            failures,
            contents: Contents { head, data },
        }),
        _ => Err(foreign_tables()),
    }
}

pub(super) fn figures(row: Vec<Value>) -> Result<Figures, Error> {
    match <[Value; 5]>::try_from(row) {
        Ok(
            [
                Value::Text(queue),
                Value::Integer(messages),
                Value::Integer(bytes),
                Value::Integer(claimed),
                Value::Integer(waiting),
            ],
        ) => Ok(Figures {
            queue,
            messages: messages.cast_unsigned(),
            bytes: bytes.cast_unsigned(),
            claimed: claimed.cast_unsigned(),
            waiting: duration(waiting),
        }),
        _ => Err(foreign_tables()),
    }
}

pub(super) fn schedule(row: Vec<Value>) -> Result<Schedule, Error> {
    match <[Value; 2]>::try_from(row) {
        Ok([Value::Text(name), Value::Integer(next)]) => Ok(Schedule { name, next }),
        _ => Err(foreign_tables()),
    }
}

pub(super) fn name(owner: &Owner) -> Value {
    Value::from(&*owner.0)
}

pub(super) fn count(number: usize) -> Value {
    Value::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}

pub(super) fn milliseconds(duration: Duration) -> Value {
    Value::Integer(whole_milliseconds(duration))
}

pub(super) fn whole_milliseconds(duration: Duration) -> i64 {
    let milliseconds = duration.min(MAX_DELAY).as_millis();
    i64::try_from(milliseconds).unwrap_or(i64::MAX)
}

/// A time that the clock of the machine says; it may have been put back in between.
pub(super) fn duration(milliseconds: i64) -> Duration {
    Duration::from_millis(u64::try_from(milliseconds).unwrap_or(0))
}

/// Our own tables are strict about types, so these tables are not ours.
pub(super) fn foreign_tables() -> Error {
    EngineFailure::Other {
        message: "the tables of the queues were not made by this program; choose another place"
            .to_owned(),
    }
    .into()
}
