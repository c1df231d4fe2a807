//! The names of the keys of a level.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

/// The version of what is kept. Nothing of another one is seen.
const VERSION: &str = "2";

/// A key in the slot of the log and the tags.
pub(super) const INDEX: &str = "{log}";

/// The keys on one process of the server. Entries are those of an owner, all else is everybody's.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    base: String,
    /// The beginning of the keys of entries.
    entries: String,
}

impl Keys {
    pub(super) fn of(owner: &str, run: &str) -> Self {
        let base = format!("terrace:cache:{VERSION}:{run}:");
        let entries = format!("{base}e:{owner}:");
        Self { base, entries }
    }

    /// A text that other owners and other processes of the server do not have.
    pub(super) fn of_owner(&self) -> &str {
        &self.entries
    }

    /// The number of the last invalidation.
    pub(super) fn number(&self) -> String {
        format!("{}{{log}}n", self.base)
    }

    /// The stream of invalidations.
    pub(super) fn log(&self) -> String {
        format!("{}{{log}}s", self.base)
    }

    /// The secret of all that follow the log, in the same slot.
    pub(super) fn secret(&self) -> String {
        format!("{}{{log}}k", self.base)
    }

    pub(super) fn tag(&self, tag: &str) -> String {
        hashed(format!("{}{{log}}t:", self.base), tag)
    }

    pub(super) fn entry(&self, key: &str) -> String {
        hashed(self.entries.clone(), key)
    }
}

/// Names of any length have keys of one length.
fn hashed(mut key: String, name: &str) -> String {
    for byte in &Sha256::digest(name)[..16] {
        // A text takes whatever is written to it.
        let _ = write!(key, "{byte:02x}");
    }
    key
}
