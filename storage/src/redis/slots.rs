//! The slots of a Redis Cluster: which one a key is in, and which server has it
//! (<https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/>).

use std::collections::{BTreeMap, BTreeSet};

use redis::Value;

use super::address::Place;
use super::failures::Failed;

/// How many slots each Cluster has.
const SLOTS: u16 = 16_384;

/// The slot of a key: that of its part in braces, if it has one.
pub(super) fn slot(key: &[u8]) -> u16 {
    let hashed = key
        .iter()
        .position(|byte| *byte == b'{')
        .and_then(|open| {
            let rest = &key[open + 1..];
            let close = rest.iter().position(|byte| *byte == b'}')?;
            (close > 0).then_some(&rest[..close])
        })
        .unwrap_or(key);
    crc16(hashed) % SLOTS
}

/// The checksum CRC-16/XMODEM.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |checksum, byte| {
        (0..8).fold(checksum ^ (u16::from(*byte) << 8), |checksum, _| {
            let doubled = checksum << 1;
            if checksum & 0x8000 == 0 {
                doubled
            } else {
                doubled ^ 0x1021
            }
        })
    })
}

/// Which server has which slots, as one server of the Cluster sees it.
#[derive(Clone, Debug, Default)]
pub(super) struct Map {
    /// The last slot of each range, with its first one and its primary.
    ranges: BTreeMap<u16, (u16, Place)>,
    /// Slots of which a server said since that they are elsewhere.
    moved: BTreeMap<u16, Place>,
    replicas: BTreeSet<Place>,
}

impl Map {
    /// Reads the answer to `CLUSTER SLOTS`. A server that does not know its own name is the one that was `asked`. `None` if it is no
    /// such answer, or no slot has a server.
    pub(super) fn read(answer: Value, asked: &Place) -> Option<Self> {
        let Value::Array(ranges) = answer else {
            return None;
        };
        let mut map = Self::default();
        for range in ranges {
            let Value::Array(range) = range else {
                return None;
            };
            let [Value::Int(first), Value::Int(last), primary, replicas @ ..] = &range[..] else {
                return None;
            };
            let (first, last) = (u16::try_from(*first).ok()?, u16::try_from(*last).ok()?);
            map.ranges.insert(last, (first, server(primary, asked)?));
            let replicas = replicas.iter().filter_map(|one| server(one, asked));
            map.replicas.extend(replicas);
        }
        (!map.ranges.is_empty()).then_some(map)
    }

    /// The primary of a slot.
    pub(super) fn place(&self, slot: u16) -> Option<&Place> {
        let in_range = || {
            let (_, (first, place)) = self.ranges.range(slot..).next()?;
            (*first <= slot).then_some(place)
        };
        self.moved.get(&slot).or_else(in_range)
    }

    /// Notes that a slot is elsewhere, until the map is read again.
    pub(super) fn note(&mut self, slot: u16, place: Place) {
        self.moved.insert(slot, place);
    }

    /// The servers with slots.
    pub(super) fn primaries(&self) -> BTreeSet<&Place> {
        let of_ranges = self.ranges.values().map(|(_, place)| place);
        of_ranges.chain(self.moved.values()).collect()
    }

    /// All servers.
    pub(super) fn servers(&self) -> BTreeSet<&Place> {
        let mut servers = self.primaries();
        servers.extend(&self.replicas);
        servers
    }
}

/// A server of a range: host and port, and more that does not matter here.
fn server(server: &Value, asked: &Place) -> Option<Place> {
    let Value::Array(server) = server else {
        return None;
    };
    let [host, Value::Int(port), ..] = &server[..] else {
        return None;
    };
    let host = match host {
        Value::BulkString(host) => String::from_utf8(host.clone()).ok()?,
        Value::SimpleString(host) => host.clone(),
        _ => String::new(),
    };
    named(&host, u16::try_from(*port).ok()?, asked)
}

/// A server by its name in an answer of another.
fn named(host: &str, port: u16, asked: &Place) -> Option<Place> {
    match (host, asked) {
        ("" | "?", Place::Network(host, _)) => Some(Place::Network(host.clone(), port)),
        ("" | "?", Place::Socket(_)) => None,
        (host, _) => Some(Place::Network(host.to_owned(), port)),
    }
}

/// Where a server sends its client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Redirection {
    pub(super) slot: u16,
    pub(super) place: Place,
    /// Whether it is for this command only, and has to be announced: the key is on its way.
    pub(super) is_once: bool,
}

impl Redirection {
    /// Reads `MOVED SLOT HOST:PORT` or `ASK SLOT HOST:PORT`.
    pub(super) fn read(failed: &Failed, asked: &Place) -> Option<Self> {
        let Failed::Refused { code, message } = failed else {
            return None;
        };
        let is_once = match code.as_str() {
            "MOVED" => false,
            "ASK" => true,
            _ => return None,
        };
        let mut words = message.split_ascii_whitespace().skip(1);
        let slot = words.next()?.parse().ok()?;
        let (host, port) = words.next()?.rsplit_once(':')?;
        let place = named(host, port.parse().ok()?, asked)?;
        Some(Self {
            slot,
            place,
            is_once,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(host: &str, port: u16) -> Place {
        Place::Network(host.to_owned(), port)
    }

    /// The values of the specification, and of `CLUSTER KEYSLOT`.
    #[test]
    fn slot_of_a_key_is_that_of_its_part_in_braces() {
        assert_eq!(crc16(b"123456789"), 0x31c3);
        for (key, expected) in [
            ("", 0),
            ("foo", 12_182),
            ("{user1000}.following", slot(b"user1000")),
            ("{user1000}.followers", slot(b"user1000")),
            ("foo{bar}{zap}", slot(b"bar")),
            ("foo{{bar}}zap", slot(b"{bar")),
            ("terrace:cache:2:run:{log}n", slot(b"log")),
        ] {
            assert_eq!(slot(key.as_bytes()), expected, "{key}");
        }
        assert_ne!(slot(b"foo{}{bar}"), slot(b"bar"), "empty braces are none");
        assert_ne!(slot(b"foo{bar"), slot(b"bar"));
    }

    fn range(first: i64, last: i64, servers: &[(Option<&str>, i64)]) -> Value {
        let servers = servers.iter().map(|(host, port)| {
            let host = host.map_or(Value::Nil, |host| Value::BulkString(host.into()));
            Value::Array(vec![
                host,
                Value::Int(*port),
                Value::SimpleString("id".into()),
            ])
        });
        let ends = [Value::Int(first), Value::Int(last)];
        Value::Array(ends.into_iter().chain(servers).collect())
    }

    #[test]
    fn each_slot_has_the_primary_of_its_range() {
        let asked = at("seed", 1);
        let answer = Value::Array(vec![
            range(10, 20, &[(Some("b"), 2), (Some("r"), 9)]),
            range(0, 4, &[(None, 1)]),
            range(21, 21, &[(Some(""), 3)]),
        ]);
        let mut map = Map::read(answer, &asked).unwrap();
        for (slot, expected) in [
            (0, Some(at("seed", 1))),
            (4, Some(at("seed", 1))),
            (5, None),
            (9, None),
            (10, Some(at("b", 2))),
            (20, Some(at("b", 2))),
            (21, Some(at("seed", 3))),
            (22, None),
        ] {
            assert_eq!(map.place(slot), expected.as_ref(), "{slot}");
        }
        assert_eq!(map.servers().len(), 4);
        map.note(4, at("c", 7));
        assert_eq!(map.place(4), Some(&at("c", 7)));
        assert_eq!(map.primaries().len(), 4);
        for wrong in [
            Value::Nil,
            Value::Array(vec![]),
            Value::Array(vec![Value::Int(1)]),
            Value::Array(vec![range(0, 1, &[])]),
            Value::Array(vec![range(-1, 1, &[(None, 1)])]),
            Value::Array(vec![range(0, 1, &[(None, 70_000)])]),
        ] {
            assert!(Map::read(wrong.clone(), &asked).is_none(), "{wrong:?}");
        }
    }

    #[test]
    fn redirections_are_read_and_other_errors_are_none() {
        let read = |code: &str, message: &str| {
            let failed = Failed::Refused {
                code: code.to_owned(),
                message: format!("{code} {message}"),
            };
            Redirection::read(&failed, &at("seed", 1))
        };
        let moved = read("MOVED", "3999 10.0.0.1:6381").unwrap();
        assert_eq!((moved.slot, &moved.place), (3999, &at("10.0.0.1", 6381)));
        assert!(!moved.is_once);
        assert!(read("ASK", "1 ::1:7").unwrap().is_once);
        assert_eq!(read("ASK", "1 ::1:7").unwrap().place, at("::1", 7));
        assert_eq!(read("MOVED", "1 :7").unwrap().place, at("seed", 7));
        assert_eq!(read("MOVED", "1"), None);
        assert_eq!(read("MOVED", "1 host:port"), None);
        assert_eq!(read("TRYAGAIN", "1 a:7"), None);
    }
}
