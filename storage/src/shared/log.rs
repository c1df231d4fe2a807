//! Reads the log of invalidations: its present number, and what it has after a number.

use std::time::Instant;

use redis::{Cmd, Value, pipe};

use super::answers::{array, foreign, integer};
use super::keys::Keys;
use super::limits::{LOG_BATCH, LOG_WAIT, RETENTION};
use super::scripts::{self, script};
use crate::failure::EngineFailure;
use crate::redis::{Failed, Session};

/// A key with which all that follow a log sign what they tell each other by way of others.
pub type Secret = [u8; 32];

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

/// What the log says to a follower.
pub(super) struct Heard {
    /// The number of the last invalidation that it knows now.
    pub(super) number: u64,
    /// Those after the number that it knew; `None` if the log has lost some, or it knew none.
    pub(super) messages: Option<Vec<Vec<u8>>>,
    pub(super) secret: Secret,
}

/// Waits for invalidations after the number `last`, for a while; without such a number it only asks for the present one. `secret`
/// becomes that of all if they have none.
pub(super) async fn follow(
    session: &Session,
    keys: &Keys,
    last: Option<u64>,
    secret: &Secret,
    deadline: Instant,
) -> Result<Heard, EngineFailure> {
    let mut ask = pipe();
    ask.add_command(number(keys)).add_command(keep(keys));
    let mut agree = script(scripts::SECRET, &[keys.secret()]);
    agree.arg(&secret[..]).arg(RETENTION.as_secs());
    ask.add_command(agree);
    if let Some(last) = last {
        ask.cmd("XREAD").arg("COUNT").arg(LOG_BATCH);
        ask.arg("BLOCK")
            .arg(u64::try_from(LOG_WAIT.as_millis()).unwrap_or(1));
        ask.arg("STREAMS").arg(keys.log()).arg(format!("{last}-0"));
    }
    let answer = session.execute(ask, deadline).await;
    let mut answers = array(answer.map_err(Failed::of_read)?)?.into_iter();
    let present = integer(answers.next())?;
    let secret = match answers.nth(1) {
        Some(Value::BulkString(secret)) => secret.try_into().map_err(|_| foreign())?,
        _ => return Err(foreign()),
    };
    let (number, messages) = match (last, answers.next()) {
        (Some(last), Some(read)) => news(last, present, entries(read)?),
        _ => (present, None),
    };
    Ok(Heard {
        number,
        messages,
        secret,
    })
}

/// The number of the last of these entries, and their messages; `None` if some are missing between `last` and the `present` number.
fn news(last: u64, present: u64, entries: Vec<(u64, Vec<u8>)>) -> (u64, Option<Vec<Vec<u8>>>) {
    let is_all = entries.len() < LOG_BATCH;
    let (mut next, mut is_whole) = (last, true);
    let mut messages = Vec::with_capacity(entries.len());
    for (number, message) in entries {
        is_whole &= number == next + 1;
        next = number;
        messages.push(message);
    }
    // It was trimmed without a gap that shows, or it is another log.
    if present < last || (is_all && next < present) {
        return (present, None);
    }
    (next, is_whole.then_some(messages))
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
