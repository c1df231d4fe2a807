//! Which path asks for which capability, and how the outcome is answered, whatever the interface version.

use serde_json::json;

use crate::{Answer, Call, faults};

/// A call of a capability.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Capability {
    /// `/variables/NAME`: the value of a variable.
    Variable(String),
    /// `/kv/LABEL/…` with a key, or `/kv/LABEL` for its keys.
    KeyValue {
        /// The store.
        label: String,
        /// What to do there.
        operation: KeyValue,
    },
    /// `POST /sql/LABEL` with a script as content; with `?rows=first`, only the first row of each result is read.
    Sql {
        /// The database.
        label: String,
    },
}

/// What is done in a key-value store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyValue {
    /// `GET /kv/LABEL`: all keys.
    Keys,
    /// `GET /kv/LABEL/KEY`: the value.
    Get(String),
    /// `PUT /kv/LABEL/KEY`: the content becomes the value.
    Set(String),
    /// `DELETE /kv/LABEL/KEY`.
    Delete(String),
    /// `POST /kv/LABEL/KEY`: whether there is a value.
    Exists(String),
}

impl Capability {
    /// Reads which capability a request asks for; none for an unknown path.
    #[must_use]
    pub fn of(call: &Call) -> Option<Self> {
        match call.segments().as_slice() {
            ["variables", name] => Some(Self::Variable((*name).to_owned())),
            ["sql", label] => Some(Self::Sql {
                label: (*label).to_owned(),
            }),
            ["kv", label] => Some(Self::KeyValue {
                label: (*label).to_owned(),
                operation: KeyValue::Keys,
            }),
            ["kv", label, key] => {
                let operation = KeyValue::of(&call.method, (*key).to_owned())?;
                Some(Self::KeyValue {
                    label: (*label).to_owned(),
                    operation,
                })
            }
            _ => None,
        }
    }
}

impl KeyValue {
    fn of(method: &str, key: String) -> Option<Self> {
        match method {
            "GET" => Some(Self::Get(key)),
            "PUT" => Some(Self::Set(key)),
            "DELETE" => Some(Self::Delete(key)),
            "POST" => Some(Self::Exists(key)),
            _ => None,
        }
    }
}

/// What is done in a key-value store through `wasi:keyvalue` and through nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Atomic {
    /// `POST /wasi/increment/LABEL/KEY`: adds the number in the content.
    Increment,
    /// `POST /wasi/swap/LABEL/KEY`: increments by swaps until one succeeds.
    Swap,
    /// `POST /wasi/lose/LABEL/KEY`: reads, has the content set in between, and swaps: first in vain, then with the fresh handle.
    Lose,
    /// `POST /wasi/many/LABEL/KEY`: sets, reads and deletes many keys that begin with it.
    Many,
    /// `POST /wasi/hold/LABEL/KEY`: holds handles for swaps until no more is given, and answers with their number, whether a dropped
    /// one makes room for another, and the host's words.
    Hold,
}

impl Atomic {
    /// Reads what a path asks for, with label and key.
    #[must_use]
    pub fn of<'c>(segments: &[&'c str]) -> Option<(Self, &'c str, &'c str)> {
        let ["wasi", what, label, key] = *segments else {
            return None;
        };
        let atomic = match what {
            "increment" => Self::Increment,
            "swap" => Self::Swap,
            "lose" => Self::Lose,
            "many" => Self::Many,
            "hold" => Self::Hold,
            _ => return None,
        };
        Some((atomic, label, key))
    }
}

/// Why a capability gave nothing, in words common to all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The grant is missing.
    AccessDenied,
    /// The name means nothing.
    Unknown(String),
    /// There is no room.
    Full,
    /// The request itself was wrong.
    BadRequest(String),
    /// Anything else, in the host's words.
    Other(String),
}

impl Refusal {
    /// The answer of the guest: the status tells the kind, the content the host's words.
    #[must_use]
    pub fn answer(&self) -> Answer {
        match self {
            Self::AccessDenied => Answer::text(403, "access denied"),
            Self::Unknown(words) => Answer::text(404, words.as_str()),
            Self::Full => Answer::text(507, "full"),
            Self::BadRequest(words) => Answer::text(400, words.as_str()),
            Self::Other(words) => Answer::text(502, words.as_str()),
        }
    }
}

/// The answer for what a key-value store holds, or does not hold.
#[must_use]
pub fn value(value: Option<Vec<u8>>) -> Answer {
    value.map_or_else(
        || Answer::text(404, "no such key"),
        |value| Answer::text(200, value),
    )
}

/// The keys of a store in order, as JSON.
#[must_use]
pub fn keys(mut keys: Vec<String>) -> Answer {
    keys.sort();
    Answer::json(&json!(keys))
}

/// How a request ends after its script: `?then=trap` or `?then=loop` misbehave while the connection is open.
pub fn after_script(call: &Call) {
    match call.parameter("then") {
        Some("trap") => faults::trap(),
        Some("loop") => faults::busy_loop(),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_method_tells_what_is_done_with_a_key() {
        let asked = Capability::of(&Call::new("PUT", "/kv/default/a", Vec::new()));
        let operation = KeyValue::Set("a".to_owned());
        assert_eq!(
            asked,
            Some(Capability::KeyValue {
                label: "default".to_owned(),
                operation
            })
        );
    }
}
