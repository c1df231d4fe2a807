//! Buckets of requests that several processes share on a Redis server. A bucket empties at a constant rate, and a request that it has no
//! room for is refused (the generic cell rate algorithm). Whose bucket it is, is left to the callers.
//!
//! A bucket is one key, `terrace:rate:DIGEST`, which expires when it is empty. Its value is the time at which it will be, in
//! microseconds of the server's clock, so the clocks of the processes do not matter.

#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use redis::{Value, cmd};
use sha2::{Digest, Sha256};

use crate::failure::EngineFailure;
use crate::redis::{Failed, Server};

/// Puts one request into a bucket, if there is room. Arguments: microseconds for a request, and for all that the bucket holds.
/// Returns whether there was room, and the microseconds until the bucket is empty.
const TAKE: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local empty = math.max(tonumber(redis.call('GET', KEYS[1])) or 0, now)
local after = empty + ARGV[1]
if after - now > tonumber(ARGV[2]) then
  return {0, empty - now}
end
redis.call('SET', KEYS[1], string.format('%.0f', after), 'PX', math.ceil((after - now) / 1000))
return {1, after - now}
";

/// The buckets on the server of a [`Registry`](crate::registry::Registry).
#[derive(Clone, Debug)]
pub struct Buckets {
    server: Server,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Whether the bucket had room for it.
    pub is_allowed: bool,
    /// The time until the bucket is empty.
    pub until_empty: Duration,
}

impl Buckets {
    pub(crate) fn new(server: Server) -> Self {
        Self { server }
    }

    /// Puts one request into the bucket with that name, which takes `requests` in the time of `window`, and holds as many.
    ///
    /// # Errors
    ///
    /// If the server fails, or does not answer before `deadline`. The request may count then.
    pub async fn take(
        &self,
        name: &str,
        requests: u32,
        window: Duration,
        deadline: Instant,
    ) -> Result<Taken, EngineFailure> {
        let microseconds = u64::try_from(window.as_micros()).unwrap_or(u64::MAX);
        let mut take = cmd("EVAL");
        take.arg(TAKE).arg(1).arg(key(name));
        // A script reads numbers with a fraction too.
        take.arg(format!(
            "{:.3}",
            window.as_secs_f64() * 1e6 / f64::from(requests.max(1))
        ));
        take.arg(microseconds);
        let answer = self.server.write(take, deadline).await;
        match answer.map_err(Failed::of_write)? {
            Value::Array(answer) => match answer[..] {
                [Value::Int(allowed), Value::Int(left)] => Ok(Taken {
                    is_allowed: allowed == 1,
                    until_empty: Duration::from_micros(u64::try_from(left).unwrap_or(0)),
                }),
                _ => Err(foreign()),
            },
            _ => Err(foreign()),
        }
    }
}

/// The key of a bucket. Names have any length, and may tell more of a client than a server of state should know.
fn key(name: &str) -> String {
    use std::fmt::Write as _;
    let mut key = "terrace:rate:".to_owned();
    for byte in &Sha256::digest(name)[..16] {
        // A text takes whatever is written to it.
        let _ = write!(key, "{byte:02x}");
    }
    key
}

/// An answer that the script does not have.
fn foreign() -> EngineFailure {
    EngineFailure::Other {
        message: "the server's answer is not one of Redis".to_owned(),
    }
}
