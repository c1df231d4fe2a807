//! Reads the log of invalidations: its present number, and what it has after a number.

use std::time::Instant;

use redis::{Cmd, Value, pipe};

use super::answers::{array, foreign, integer};
use super::keys::Keys;
use super::limits::{LOG_BATCH, LOG_WAIT, RETENTION};
use super::scripts::{self, script};
use crate::failure::EngineFailure;
use crate::redis::{Failed, Session};

/// The number of the last invalidation. It is kept for longer; so a server that takes no changes fails.
pub(super) async fn present(
    session: &Session,
    keys: &Keys,
    deadline: Instant,
) -> Result<u64, EngineFailure> {
    let mut ask = pipe();
    ask.add_command(number(keys)).add_command(keep(keys));
    let answer = session.execute(ask, deadline).await;
    integer(array(answer.map_err(Failed::of_read)?)?.into_iter().next())
}

/// Waits for invalidations after the number `last`, for a while. Returns the number of the last one, and the messages; `None` if the
/// log has lost some.
pub(super) async fn after(
    session: &Session,
    keys: &Keys,
    last: u64,
    deadline: Instant,
) -> Result<(u64, Option<Vec<Vec<u8>>>), EngineFailure> {
    let mut ask = pipe();
    ask.add_command(number(keys)).add_command(keep(keys));
    ask.cmd("XREAD").arg("COUNT").arg(LOG_BATCH);
    ask.arg("BLOCK")
        .arg(u64::try_from(LOG_WAIT.as_millis()).unwrap_or(1));
    ask.arg("STREAMS").arg(keys.log()).arg(format!("{last}-0"));
    let answer = session.execute(ask, deadline).await;
    let mut answers = array(answer.map_err(Failed::of_read)?)?;
    let read = answers.pop().ok_or_else(foreign)?;
    let present = integer(answers.into_iter().next())?;
    let entries = entries(read)?;
    let is_all = entries.len() < LOG_BATCH;
    let (mut next, mut messages) = (last, Some(Vec::new()));
    for (number, message) in entries {
        if number != next + 1 {
            messages = None;
        }
        next = number;
        if let Some(messages) = &mut messages {
            messages.push(message);
        }
    }
    // It was trimmed without a gap that shows, or it is another log.
    if present < last || (is_all && next < present) {
        return Ok((present, None));
    }
    Ok((next, messages))
}

/// The entries of a stream, with their numbers.
fn entries(read: Value) -> Result<Vec<(u64, Vec<u8>)>, EngineFailure> {
    if read == Value::Nil {
        return Ok(Vec::new());
    }
    let mut stream = array(array(read)?.pop().ok_or_else(foreign)?)?;
    let entries = array(stream.pop().ok_or_else(foreign)?)?;
    entries.into_iter().map(entry).collect()
}

fn entry(entry: Value) -> Result<(u64, Vec<u8>), EngineFailure> {
    let mut entry = array(entry)?;
    let mut fields = array(entry.pop().ok_or_else(foreign)?)?;
    let (Some(Value::BulkString(message)), Some(Value::BulkString(id))) =
        (fields.pop(), entry.pop())
    else {
        return Err(foreign());
    };
    let id = String::from_utf8(id).ok();
    let number = id.and_then(|id| id.split_once('-')?.0.parse().ok());
    number.map(|number| (number, message)).ok_or_else(foreign)
}

/// Asks for the present number.
pub(super) fn number(keys: &Keys) -> Cmd {
    let mut number = script(scripts::NUMBER, &[keys.number(), keys.log()]);
    number.arg(RETENTION.as_secs());
    number
}

fn keep(keys: &Keys) -> Cmd {
    let mut keep = script(scripts::KEEP, &[keys.number()]);
    keep.arg(RETENTION.as_secs());
    keep
}
