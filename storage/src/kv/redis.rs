//! Stores on a Redis server. Each key is one of the server: `terrace:kv:OWNER:STORE:KEY`. The callers have checked the sizes of keys
//! and values.
//!
//! A command names one key, so a store may spread over the slots of a Cluster, and each is atomic. The list of keys is read by
//! `SCAN`, in steps that hold up nobody; a sorted index of keys beside the values would be faster to list, but cost each write a
//! second change, keep a store in one slot, and be wrong as soon as the server evicts a key. What `SCAN` returns more than once is
//! listed once.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use redis::{Cmd, Value, cmd};

use super::error::Error;
use super::limits::MAX_KEYS_BYTES;
use crate::failure::EngineFailure;
use crate::redis::{Failed, Node, Server};
use crate::sql::open::{OpenError, RedisOptions};

/// How many keys of the server a step of a list looks at. It takes well under a millisecond.
const KEYS_IN_A_STEP: usize = 1_000;

/// Characters that are neither a separator of keys nor special in a pattern.
const PLAIN: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// Parts of the errors of `INCRBY`, which have no code of their own.
const NO_NUMBER: [&str; 2] = ["not an integer", "would overflow"];

/// Sets a value if the present one is that of the second argument, or absent without one.
const SWAP: &str = r"
local present = redis.call('GET', KEYS[1])
if present ~= (ARGV[2] or false) then
  return 0
end
redis.call('SET', KEYS[1], ARGV[1])
return 1
";

/// All stores of one owner on a server.
#[derive(Clone, Debug)]
pub(super) struct Stores {
    server: Server,
    prefix: Arc<str>,
}

impl Stores {
    pub(super) fn open(url: &str, owner: &str, options: &RedisOptions) -> Result<Self, OpenError> {
        let owner = utf8_percent_encode(owner, &PLAIN);
        Ok(Self {
            server: Server::open(url, options)?,
            prefix: format!("terrace:kv:{owner}:").into(),
        })
    }

    pub(super) fn store(&self, label: &str) -> Store {
        let label = utf8_percent_encode(label, &PLAIN);
        Store {
            server: self.server.clone(),
            prefix: format!("{}{label}:", self.prefix).into(),
        }
    }

    pub(super) fn server(&self) -> &Server {
        &self.server
    }
}

/// One store.
#[derive(Clone, Debug)]
pub(super) struct Store {
    server: Server,
    prefix: Arc<str>,
}

impl Store {
    pub(super) async fn get(&self, key: &str, deadline: Instant) -> Result<Option<Vec<u8>>, Error> {
        match self.read(self.on("GET", key), deadline).await? {
            Value::Nil => Ok(None),
            Value::BulkString(value) => Ok(Some(value)),
            _ => Err(foreign()),
        }
    }

    pub(super) async fn set(
        &self,
        key: &str,
        value: &[u8],
        deadline: Instant,
    ) -> Result<(), Error> {
        let mut set = self.on("SET", key);
        set.arg(value);
        self.write(set, deadline).await.map(drop)
    }

    pub(super) async fn increment(
        &self,
        key: &str,
        delta: i64,
        deadline: Instant,
    ) -> Result<i64, Error> {
        let mut increment = self.on("INCRBY", key);
        increment.arg(delta);
        match self.server.write(increment, deadline).await {
            Ok(Value::Int(sum)) => Ok(sum),
            Ok(_) => Err(foreign()),
            Err(Failed::Refused { message, .. })
                if NO_NUMBER.iter().any(|words| message.contains(words)) =>
            {
                Err(Error::NoNumber)
            }
            Err(failed) => Err(failed.of_write().into()),
        }
    }

    pub(super) async fn swap(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        value: &[u8],
        deadline: Instant,
    ) -> Result<bool, Error> {
        let mut swap = cmd("EVAL");
        swap.arg(SWAP).arg(1).arg(self.key_of(key));
        swap.arg(value).arg(expected);
        match self.write(swap, deadline).await? {
            Value::Int(swapped) => Ok(swapped == 1),
            _ => Err(foreign()),
        }
    }

    pub(super) async fn delete(&self, key: &str, deadline: Instant) -> Result<(), Error> {
        let delete = self.write(self.on("DEL", key), deadline);
        delete.await.map(drop)
    }

    pub(super) async fn exists(&self, key: &str, deadline: Instant) -> Result<bool, Error> {
        match self.read(self.on("EXISTS", key), deadline).await? {
            Value::Int(count) => Ok(count > 0),
            _ => Err(foreign()),
        }
    }

    pub(super) async fn keys(&self, deadline: Instant) -> Result<Vec<String>, Error> {
        let (mut keys, mut bytes) = (BTreeSet::new(), 0);
        let nodes = self.server.nodes(deadline).await;
        for node in nodes.map_err(Failed::of_read)? {
            let mut cursor = b"0".to_vec();
            loop {
                let (next, found) = self.step(&node, cursor, deadline).await?;
                for key in found.into_iter().filter_map(|key| self.key(key)) {
                    let length = size_of::<String>() + key.len();
                    if keys.insert(key) {
                        bytes += length;
                    }
                }
                if bytes > MAX_KEYS_BYTES {
                    return Err(Error::TooManyKeys);
                }
                if next == b"0" {
                    break;
                }
                cursor = next;
            }
        }
        Ok(keys.into_iter().collect())
    }

    /// A part of the keys of a server from a cursor on, and the next cursor.
    async fn step(
        &self,
        node: &Node,
        cursor: Vec<u8>,
        deadline: Instant,
    ) -> Result<(Vec<u8>, Vec<Value>), Error> {
        let mut scan = cmd("SCAN");
        scan.arg(cursor)
            .arg("MATCH")
            .arg(format!("{}*", self.prefix));
        scan.arg("COUNT").arg(KEYS_IN_A_STEP);
        let answer = node.read(scan, deadline).await;
        let Value::Array(answer) = answer.map_err(Failed::of_read)? else {
            return Err(foreign());
        };
        match <[Value; 2]>::try_from(answer) {
            Ok([Value::BulkString(next), Value::Array(found)]) => Ok((next, found)),
            _ => Err(foreign()),
        }
    }

    /// The store's key of a key of the server. One that is not text was not set through this program, and has no name here.
    fn key(&self, key: Value) -> Option<String> {
        let Value::BulkString(key) = key else {
            return None;
        };
        let key = key.strip_prefix(self.prefix.as_bytes())?;
        String::from_utf8(key.to_vec()).ok()
    }

    fn on(&self, name: &str, key: &str) -> Cmd {
        let mut command = cmd(name);
        command.arg(self.key_of(key));
        command
    }

    /// The server's key.
    fn key_of(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    async fn read(&self, command: Cmd, deadline: Instant) -> Result<Value, Error> {
        let answer = self.server.read(command, deadline).await;
        answer.map_err(|failed| failed.of_read().into())
    }

    async fn write(&self, command: Cmd, deadline: Instant) -> Result<Value, Error> {
        let answer = self.server.write(command, deadline).await;
        answer.map_err(|failed| failed.of_write().into())
    }
}

/// An answer that the command does not have.
fn foreign() -> Error {
    EngineFailure::Other {
        message: "the server's answer is not one of Redis".to_owned(),
    }
    .into()
}
