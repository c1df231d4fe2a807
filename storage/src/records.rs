//! Texts that several processes share on a Redis server, and a lease of the one that may change them. What the texts mean is left to
//! the callers.
//!
//! A text is one key, `terrace:acme:NAME`, and so is a lease. Each of them expires.

#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use redis::{Cmd, Value, cmd};

use crate::failure::EngineFailure;
use crate::redis::{Failed, Server};
use crate::sql::open::{OpenError, RedisOptions};

const PREFIX: &str = "terrace:acme:";

/// Gives the lease to a process for a time, unless another one has it.
const TAKE: &str = r"
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
";

/// Ends the lease of a process, if that has it.
const GIVE_BACK: &str = r"
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
";

/// The texts on one server.
#[derive(Clone, Debug)]
pub struct Records {
    server: Server,
}

impl Records {
    /// Opens the texts on the server at `url`. It blocks the calling thread. A server that does not answer now may do so later.
    ///
    /// # Errors
    ///
    /// See [`OpenError`].
    pub fn open(url: &str, options: &RedisOptions) -> Result<Self, OpenError> {
        let server = Server::open_if_reachable(url, options)?;
        Ok(Self { server })
    }

    /// The text of a name, if there is one.
    ///
    /// # Errors
    ///
    /// If the server fails, or does not answer before `deadline`.
    pub async fn get(
        &self,
        name: &str,
        deadline: Instant,
    ) -> Result<Option<String>, EngineFailure> {
        let mut get = cmd("GET");
        get.arg(key(name));
        match self
            .server
            .read(get, deadline)
            .await
            .map_err(Failed::of_read)?
        {
            Value::Nil => Ok(None),
            Value::BulkString(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
            _ => Err(foreign()),
        }
    }

    /// Sets the text of a name for the time until `expiry`.
    ///
    /// # Errors
    ///
    /// If the server fails, or does not answer before `deadline`. The text may be set then.
    pub async fn set(
        &self,
        name: &str,
        text: &str,
        expiry: Duration,
        deadline: Instant,
    ) -> Result<(), EngineFailure> {
        let mut set = cmd("SET");
        set.arg(key(name))
            .arg(text)
            .arg("PX")
            .arg(milliseconds(expiry));
        let answer = self.server.write(set, deadline).await;
        answer.map(drop).map_err(Failed::of_write)
    }

    /// Takes or extends the lease of a name for the time until `expiry`, unless another process has it. `id` tells this process from
    /// all others. Returns whether this process has it.
    ///
    /// # Errors
    ///
    /// As [`Records::set`].
    pub async fn take_lease(
        &self,
        name: &str,
        id: &str,
        expiry: Duration,
        deadline: Instant,
    ) -> Result<bool, EngineFailure> {
        let mut take = script(TAKE, name, id);
        take.arg(milliseconds(expiry));
        let answer = self.server.write(take, deadline).await;
        match answer.map_err(Failed::of_write)? {
            Value::Int(taken) => Ok(taken == 1),
            _ => Err(foreign()),
        }
    }

    /// Ends the lease of a name, if this process has it.
    ///
    /// # Errors
    ///
    /// As [`Records::set`]. The lease ends by itself then.
    pub async fn give_back(
        &self,
        name: &str,
        id: &str,
        deadline: Instant,
    ) -> Result<(), EngineFailure> {
        let answer = self.server.write(script(GIVE_BACK, name, id), deadline);
        answer.await.map(drop).map_err(Failed::of_write)
    }
}

fn key(name: &str) -> String {
    format!("{PREFIX}{name}")
}

fn script(text: &str, name: &str, id: &str) -> Cmd {
    let mut eval = cmd("EVAL");
    eval.arg(text).arg(1).arg(key(name)).arg(id);
    eval
}

fn milliseconds(time: Duration) -> u64 {
    // Redis takes no expiry of nothing.
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1)
}

/// An answer that the command does not have.
fn foreign() -> EngineFailure {
    EngineFailure::Other {
        message: "the server's answer is not one of Redis".to_owned(),
    }
}
