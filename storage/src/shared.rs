//! A level on a Redis server in which the caches of several processes keep entries, with a log of their invalidations. What an entry
//! is, and what makes it out of date, is left to the cache; here both are bytes and tags.
//!
//! # Keys
//!
//! All begin with `terrace:cache:VERSION:RUN:`, where RUN is the server's own name for its process. After a restart or a failover
//! the server may have lost invalidations, so what it has from before is not looked at any more; it expires. In a Cluster, log and
//! tags are in one slot, and RUN is the process of the server that has it; entries are in all slots. Another server that is
//! restarted or replaced may lose entries, or have older ones; whether they are out of date, the tags say.
//!
//! | key | value |
//! |---|---|
//! | `{log}n` | the number of the last invalidation |
//! | `{log}s` | the log: a stream, with these numbers as ids, of the last invalidations |
//! | `{log}k` | the secret with which they sign places in the log |
//! | `{log}t:TAG` | the number up to which entries with this tag are out of date |
//! | `e:OWNER:KEY` | the entries of an owner under a key: a hash by variant |
//!
//! Log and tags have no owner: two versions of an app, and the edges before them, forget what the others invalidate.
//!
//! # Why nothing that is out of date is found
//!
//! An entry has the number that the log had before the entry was made. It counts only while each of its tags is there, and has no
//! greater number. A purge reads the log's number, after the change that it is for; raises the tags above it; and appends to the
//! log. So an entry that was made from what was there before the change has a number that is too small, and whoever read the purge
//! in the log finds the tags raised. A tag that the server evicted makes a miss, not a hit, and comes back with the log's number.
//! A log that was evicted goes on with a number that is greater than any before, because numbers begin with the time in
//! milliseconds; and whoever follows it sees that its number is not the one after the last.
//!
//! Each command has keys of one slot.

mod answers;
mod codec;
mod epochs;
mod keys;
mod lease;
mod level;
mod limits;
mod log;
mod scripts;
#[cfg(test)]
mod tests;

pub use level::{Entry, Found, Level, News, Position};
pub use limits::{
    LOG_BATCH, LOG_LENGTH, LOG_WAIT, MAX_ENTRY_BYTES, MAX_KEPT, MAX_UNHEARD, MAX_VARIANTS,
    MAX_VARIANTS_BYTES, REJOIN_PAUSE, RETENTION,
};
pub use log::Secret;
