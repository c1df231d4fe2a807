//! A registry of processes on a Redis server: each announces itself for a short time, again and again, and others read who is there.
//! What a process says of itself is left to the callers; here it is text.
//!
//! The registry is one hash, `terrace:cluster:nodes`, with a field `EXPIRY TEXT` for each process. EXPIRY is in milliseconds of
//! the server's clock, so the clocks of the processes do not matter. The text is empty for a while after a process has left. The
//! hash itself expires with the last process. Each script has this one key.

#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use redis::{Cmd, Value, cmd};

use crate::failure::EngineFailure;
use crate::rate::Buckets;
use crate::redis::{Failed, Server};
use crate::sql::open::{OpenError, RedisOptions};

const KEY: &str = "terrace:cluster:nodes";

/// Sets a field for a time, and removes those whose time has passed or that nobody can read. A process that has left stays away:
/// an announcement of it may still be under way.
const ANNOUNCE: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local known = redis.call('HGETALL', KEYS[1])
for i = 1, #known, 2 do
  local expiry = tonumber(string.match(known[i + 1], '^%d+ ')) or 0
  if expiry <= now then
    redis.call('HDEL', KEYS[1], known[i])
  elseif known[i] == ARGV[1] and string.match(known[i + 1], '^%d+ $') then
    return 0
  end
end
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f ', now + ARGV[2]) .. ARGV[3])
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
";

/// The fields whose time has not passed, each with its text.
const READ: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local known = redis.call('HGETALL', KEYS[1])
local there = {}
for i = 1, #known, 2 do
  local expiry, text = string.match(known[i + 1], '^(%d+) (.*)$')
  if expiry and tonumber(expiry) > now then
    there[#there + 1] = known[i]
    there[#there + 1] = text
  end
end
return there
";

/// The registry on one server.
#[derive(Clone, Debug)]
pub struct Registry {
    server: Server,
}

/// A process that is there, or that has just left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    /// Tells it from all others.
    pub id: String,
    /// What it says of itself; `None` if it has left.
    pub text: Option<String>,
}

impl Registry {
    /// Opens the registry on the server at `url`. It blocks the calling thread. A server that does not answer now may do so later.
    ///
    /// # Errors
    ///
    /// See [`OpenError`].
    pub fn open(url: &str, options: &RedisOptions) -> Result<Self, OpenError> {
        let server = Server::open_if_reachable(url, options)?;
        Ok(Self { server })
    }

    /// The buckets on the same server, over the same connection.
    #[must_use]
    pub fn buckets(&self) -> Buckets {
        Buckets::new(self.server.clone())
    }

    /// Says that a process is there, and what it says of itself, for the time until `expiry`. After [`Registry::leave`] it does
    /// nothing.
    ///
    /// # Errors
    ///
    /// If the server fails, or does not answer before `deadline`. It may be called again.
    pub async fn announce(
        &self,
        id: &str,
        text: &str,
        expiry: Duration,
        deadline: Instant,
    ) -> Result<(), EngineFailure> {
        let mut announce = script(ANNOUNCE);
        let milliseconds = u64::try_from(expiry.as_millis()).unwrap_or(u64::MAX);
        announce.arg(id).arg(milliseconds).arg(text);
        let answer = self.server.write(announce, deadline).await;
        answer.map(drop).map_err(Failed::of_write)
    }

    /// Says that a process has left. Others see that for the time until `expiry`.
    ///
    /// # Errors
    ///
    /// As [`Registry::announce`].
    pub async fn leave(
        &self,
        id: &str,
        expiry: Duration,
        deadline: Instant,
    ) -> Result<(), EngineFailure> {
        self.announce(id, "", expiry, deadline).await
    }

    /// All processes that are there or have just left, in the order of their ids.
    ///
    /// # Errors
    ///
    /// If the server fails, or does not answer before `deadline`.
    pub async fn read(&self, deadline: Instant) -> Result<Vec<Registered>, EngineFailure> {
        let answer = self.server.read(script(READ), deadline).await;
        let Value::Array(answer) = answer.map_err(Failed::of_read)? else {
            return Err(foreign());
        };
        let mut fields = answer.into_iter();
        let mut there = Vec::new();
        while let (Some(id), Some(text)) = (fields.next(), fields.next()) {
            let text = Some(string(text)?).filter(|text| !text.is_empty());
            there.push(Registered {
                id: string(id)?,
                text,
            });
        }
        there.sort_by(|one, other| one.id.cmp(&other.id));
        Ok(there)
    }
}

fn script(text: &str) -> Cmd {
    let mut eval = cmd("EVAL");
    eval.arg(text).arg(1).arg(KEY);
    eval
}

fn string(value: Value) -> Result<String, EngineFailure> {
    match value {
        Value::BulkString(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        _ => Err(foreign()),
    }
}

/// An answer that the script does not have.
fn foreign() -> EngineFailure {
    EngineFailure::Other {
        message: "the server's answer is not one of Redis".to_owned(),
    }
}
