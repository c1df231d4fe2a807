//! Reaches a server for the first time and judges it: one that cannot keep what it is given is refused, and one that may lose it is
//! cautioned about.

use std::time::Instant;

use redis::{Value, cmd};
use tokio::time::{sleep, timeout_at};

use super::address::{Address, Place};
use super::connection::{Connection, Request, Unconnected};
use super::failures::Failed;
use crate::clock;
use crate::failure::EngineFailure;
use crate::limits::LOADING_PAUSE;
use crate::sql::open::OpenError;

/// A server that was reached.
pub(super) struct Opened {
    pub(super) connection: Connection,
    /// What its operator should know, in sentences.
    pub(super) cautions: Vec<String>,
}

/// Reaches the first of these servers of a Cluster that answers. Each has its part of the time.
///
/// # Errors
///
/// See [`OpenError`].
pub(super) async fn open_any(
    seeds: &[Address],
    deadline: Instant,
) -> Result<(Place, Opened), OpenError> {
    let mut left = u32::try_from(seeds.len()).unwrap_or(u32::MAX);
    let mut seeds = seeds.iter();
    loop {
        let seed = seeds
            .next()
            .expect("a Cluster has a server, and the last one decides");
        let now = clock::now();
        let until = now + deadline.saturating_duration_since(now) / left;
        left -= 1;
        match open(seed, true, until).await {
            Err(OpenError::Unreachable { .. }) if left > 0 => {}
            opened => return opened.map(|opened| (seed.place.clone(), opened)),
        }
    }
}

/// Reaches a server, alone or one of a Cluster. One that still loads its data is waited for.
///
/// # Errors
///
/// See [`OpenError`].
pub(super) async fn open(
    address: &Address,
    is_in_cluster: bool,
    deadline: Instant,
) -> Result<Opened, OpenError> {
    let late = || OpenError::Unreachable {
        server: address.shown.clone(),
        message: "it does not answer in time".to_owned(),
    };
    let opening = async {
        loop {
            let connection = Connection::open(address).await;
            let connection = connection.map_err(|error| unconnected(&error, address))?;
            match connection.send(&Request::One(cmd("INFO"))).await {
                Err(Failed::Refused { code, .. })
                    if code == "LOADING" && clock::now() < deadline =>
                {
                    sleep(LOADING_PAUSE).await;
                }
                answer => return judged(address, is_in_cluster, connection, answer).await,
            }
        }
    };
    let opened = timeout_at(deadline.into(), opening).await;
    opened.unwrap_or_else(|_| Err(late()))
}

async fn judged(
    address: &Address,
    is_in_cluster: bool,
    connection: Connection,
    info: Result<Value, Failed>,
) -> Result<Opened, OpenError> {
    let info = read(address, info)?;
    if !is_in_cluster && field(&info, "role").is_some_and(|role| role != "master") {
        let server = address.shown.clone();
        return Err(OpenError::ReadOnly { server });
    }
    let advice = match (is_in_cluster, field(&info, "cluster_enabled")) {
        (false, Some("1")) => {
            "it is a server of a Redis Cluster: add `?cluster=true` to the URL, and name several of its servers"
        }
        (true, Some("0")) => "it is no server of a Redis Cluster: leave out `cluster=true`",
        _ => "",
    };
    if !advice.is_empty() {
        return Err(OpenError::Server {
            server: address.shown.clone(),
            message: advice.to_owned(),
        });
    }
    let cautions = cautions(&info, fsync(&connection).await.as_deref());
    Ok(Opened {
        connection,
        cautions,
    })
}

/// The answer to `INFO`; nothing for a user that may not ask.
fn read(address: &Address, info: Result<Value, Failed>) -> Result<String, OpenError> {
    let server = address.shown.clone();
    match info {
        Ok(info) => Ok(text(info)),
        Err(Failed::Refused { code, message }) => match code.as_str() {
            "NOAUTH" | "WRONGPASS" => Err(OpenError::Denied { server, message }),
            "NOPERM" => Ok(String::new()),
            _ => Err(OpenError::Server { server, message }),
        },
        Err(Failed::Unanswered(EngineFailure::Unavailable { message })) => {
            Err(OpenError::Unreachable { server, message })
        }
        Err(failed) => Err(OpenError::Server {
            server,
            message: failed.of_read().to_string(),
        }),
    }
}

/// When the server writes its log to the disk; `None` if this user may not ask.
async fn fsync(connection: &Connection) -> Option<String> {
    let mut ask = cmd("CONFIG");
    ask.arg("GET").arg("appendfsync");
    match connection.send(&Request::One(ask)).await {
        Ok(Value::Array(mut pair)) => pair.pop().map(text),
        _ => None,
    }
}

/// What the server may lose.
fn cautions(info: &str, fsync: Option<&str>) -> Vec<String> {
    let mut cautions = Vec::new();
    if let Some(policy) = field(info, "maxmemory_policy").filter(|policy| *policy != "noeviction") {
        cautions.push(format!(
            "it evicts keys when its memory is full (maxmemory-policy {policy}); set it to noeviction, or values of the app vanish"
        ));
    }
    if field(info, "aof_enabled") == Some("0") {
        cautions.push(
            "a crash of it loses what was written since its last snapshot (appendonly is off)"
                .to_owned(),
        );
    } else if let Some(fsync) = fsync.filter(|fsync| *fsync != "always") {
        cautions.push(format!(
            "a crash of its machine loses the writes of the last moment (appendfsync is {fsync})"
        ));
    }
    cautions
}

/// The value of a line `name:value`.
pub(super) fn field<'i>(info: &'i str, name: &str) -> Option<&'i str> {
    let mut lines = info.lines().filter_map(|line| line.split_once(':'));
    lines
        .find(|(found, _)| *found == name)
        .map(|(_, value)| value.trim())
}

pub(super) fn text(value: Value) -> String {
    match value {
        Value::BulkString(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => text,
        _ => String::new(),
    }
}

fn unconnected(error: &Unconnected, address: &Address) -> OpenError {
    let (server, message) = (address.shown.clone(), error.words());
    match error {
        Unconnected::Handshake(_) => OpenError::Certificate {
            server,
            message,
            parameters: "`sslrootcert`",
        },
        Unconnected::Other(error) if error.is_io_error() => {
            OpenError::Unreachable { server, message }
        }
        Unconnected::Other(error) => match error.code() {
            Some("NOAUTH" | "WRONGPASS") => OpenError::Denied { server, message },
            None if error.kind() == redis::ErrorKind::AuthenticationFailed => {
                OpenError::Denied { server, message }
            }
            _ => OpenError::Server { server, message },
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_that_may_lose_values_are_cautioned_about() {
        let of = |policy: &str, log: &str, fsync| {
            let info = format!("# Memory\r\nmaxmemory_policy:{policy}\r\naof_enabled:{log}\r\n");
            cautions(&info, fsync)
        };
        assert!(of("noeviction", "1", Some("always")).is_empty());
        assert!(of("noeviction", "1", None).is_empty());
        assert!(cautions("", None).is_empty(), "this user may not ask");
        assert!(of("allkeys-lru", "1", None)[0].contains("allkeys-lru"));
        assert!(of("noeviction", "0", None)[0].contains("appendonly is off"));
        assert!(of("noeviction", "1", Some("everysec"))[0].contains("everysec"));
    }
}
