//! The messages on which this process works, and those that it holds until they are the first of their key.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use async_nats::datetime::DateTime;
use async_nats::jetstream::Message;

use crate::clock;
use crate::queue::message::{Claimed, Contents, Owner};

/// The field with the description of a message.
pub(super) const HEAD: &str = "Terrace-Head";

/// A message that the server gave to this process.
#[derive(Clone, Debug)]
pub(super) struct Given {
    pub(super) owner: Owner,
    pub(super) message: Message,
    /// Its number.
    pub(super) number: i64,
    /// Its place in its stream.
    pub(super) place: u64,
    /// How often it was delivered.
    pub(super) delivered: u32,
    pub(super) key: Option<String>,
    /// Whether the server did not confirm its end.
    pub(super) is_unconfirmed: bool,
}

/// The messages that the server gave to this process, by their numbers.
#[derive(Debug, Default)]
pub(super) struct Work {
    worked_on: Mutex<BTreeMap<i64, Given>>,
    held: Mutex<BTreeMap<i64, Given>>,
}

impl Given {
    /// When the server got it. That tells it from another one at its place: a stream that lost its last messages gives their places to
    /// others.
    pub(super) fn published(&self) -> Option<DateTime> {
        self.message.info().ok().map(|info| info.published)
    }

    /// As the caller of a claim gets it.
    pub(super) fn claimed(&self, attempts: u32) -> Claimed {
        let published = self.published().map(SystemTime::from);
        Claimed {
            number: self.number,
            attempts,
            age: published.map(age).unwrap_or_default(),
            contents: contents(&self.message),
        }
    }
}

impl Work {
    /// The messages that an owner works on, or holds.
    pub(super) fn of(&self, owner: &Owner) -> Vec<Message> {
        let of = |given: &MutexGuard<'_, BTreeMap<i64, Given>>| {
            let given = given.values().filter(|given| given.owner == *owner);
            given.map(|given| given.message.clone()).collect::<Vec<_>>()
        };
        let mut messages = of(&locked(&self.worked_on));
        messages.extend(of(&locked(&self.held)));
        messages
    }

    /// Ends the work of an owner, and returns the messages that it worked on, and those that it held.
    pub(super) fn forget(&self, owner: &Owner) -> [Vec<Given>; 2] {
        [&self.worked_on, &self.held].map(|given| {
            let mut given = locked(given);
            let of = given.values().filter(|given| given.owner == *owner);
            let of: Vec<_> = of.cloned().collect();
            given.retain(|_, given| given.owner != *owner);
            of
        })
    }

    /// Begins the work on a message.
    pub(super) fn begin(&self, given: Given) {
        locked(&self.worked_on).insert(given.number, given);
    }

    /// Takes note that the server gives a message that is worked on once more. Returns whether it is one.
    pub(super) fn renew(&self, given: &Given) -> bool {
        let mut worked_on = locked(&self.worked_on);
        let known = worked_on.get_mut(&given.number);
        let known = known
            .filter(|known| known.owner == given.owner && known.published() == given.published());
        let is_known = known.is_some();
        if let Some(known) = known {
            *known = given.clone();
        }
        is_known
    }

    /// The message that an owner works on.
    pub(super) fn get(&self, owner: &Owner, number: i64) -> Option<Given> {
        let worked_on = locked(&self.worked_on);
        let given = worked_on.get(&number);
        given.filter(|given| given.owner == *owner).cloned()
    }

    /// Notes that the server did not confirm the end of a message.
    pub(super) fn set_unconfirmed(&self, number: i64) {
        if let Some(given) = locked(&self.worked_on).get_mut(&number) {
            given.is_unconfirmed = true;
        }
    }

    /// Ends the work on a message.
    pub(super) fn end(&self, number: i64) {
        locked(&self.worked_on).remove(&number);
    }

    /// Whether somebody here works on a message.
    pub(super) fn has(&self, number: i64) -> bool {
        locked(&self.worked_on).contains_key(&number)
    }

    /// Holds a message until it is the first of its key.
    pub(super) fn hold(&self, given: Given) {
        locked(&self.held).insert(given.number, given);
    }

    /// The messages with numbers from here to there that are held, the first of each key. They are held no longer.
    pub(super) fn first_held(
        &self,
        owner: &Owner,
        (from, to): (i64, i64),
        most: usize,
    ) -> Vec<Given> {
        let mut held = locked(&self.held);
        let mut keys = std::collections::BTreeSet::new();
        let mut first = Vec::new();
        for (number, given) in held.range(from..to) {
            if given.owner == *owner && keys.insert(given.key.clone()) {
                first.push(*number);
            }
            if first.len() == most {
                break;
            }
        }
        first
            .iter()
            .filter_map(|number| held.remove(number))
            .collect()
    }

    /// How many messages with numbers from here to there are held.
    pub(super) fn held(&self, (from, to): (i64, i64)) -> usize {
        locked(&self.held).range(from..to).count()
    }
}

fn locked(given: &Mutex<BTreeMap<i64, Given>>) -> MutexGuard<'_, BTreeMap<i64, Given>> {
    given.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The time since then, which the server's clock says, by this machine's.
pub(super) fn age(since: SystemTime) -> Duration {
    clock::time_of_day()
        .duration_since(since)
        .unwrap_or_default()
}

pub(super) fn contents(message: &Message) -> Contents {
    let head = message
        .headers
        .as_ref()
        .and_then(|headers| headers.get(HEAD));
    Contents {
        head: head.map_or_else(String::new, |head| head.as_str().to_owned()),
        data: message.payload.to_vec(),
    }
}
