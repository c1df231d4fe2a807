//! When changes are looked at: once nothing has changed for a moment, so that files are complete.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long nothing must change. Longer than the pauses of a program that writes files one after the other,
/// shorter than what a person notices.
const QUIET: Duration = Duration::from_millis(50);

/// How long changes wait at most. A file that is written again and again must not hold up the others; one that is
/// caught half-written does not load, and the old code goes on until the rest is there.
const PATIENCE: Duration = Duration::from_secs(1);

/// What has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Changes {
    /// These files.
    Files(BTreeSet<PathBuf>),
    /// Nobody knows: the operating system lost count.
    Unknown,
}

/// Changes that have not come to rest yet.
#[derive(Debug, Default)]
pub(super) struct Debounce {
    waiting: Option<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    first: Instant,
    last: Instant,
    changes: Changes,
}

impl Debounce {
    /// Adds changes that were seen at `now`.
    pub(super) fn note(&mut self, changes: Changes, now: Instant) {
        let waiting = self.waiting.get_or_insert_with(|| Waiting {
            first: now,
            last: now,
            changes: Changes::Files(BTreeSet::new()),
        });
        waiting.last = now;
        match (&mut waiting.changes, changes) {
            (Changes::Files(known), Changes::Files(files)) => known.extend(files),
            (known, _) => *known = Changes::Unknown,
        }
    }

    /// When the changes are to be looked at, if there are any.
    pub(super) fn due(&self) -> Option<Instant> {
        let waiting = self.waiting.as_ref()?;
        Some((waiting.last + QUIET).min(waiting.first + PATIENCE))
    }

    /// The changes, if their time has come.
    pub(super) fn take(&mut self, now: Instant) -> Option<Changes> {
        let due = self.due().is_some_and(|due| due <= now);
        let waiting = self.waiting.take_if(|_| due)?;
        Some(waiting.changes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(names: &[&str]) -> Changes {
        Changes::Files(names.iter().map(PathBuf::from).collect())
    }

    #[test]
    fn changes_are_taken_once_it_has_been_quiet() {
        let start = crate::clock::now();
        let mut debounce = Debounce::default();
        debounce.note(files(&["a"]), start);
        debounce.note(files(&["b", "a"]), start + QUIET / 2);
        assert_eq!(debounce.due(), Some(start + QUIET / 2 + QUIET));
        assert_eq!(debounce.take(start + QUIET), None);
        assert_eq!(debounce.take(start + QUIET * 2), Some(files(&["a", "b"])));
        assert_eq!(debounce.take(start + QUIET * 3), None);
        assert_eq!(debounce.due(), None);
    }

    #[test]
    fn changes_without_end_do_not_wait_for_ever() {
        let start = crate::clock::now();
        let mut debounce = Debounce::default();
        let mut now = start;
        while debounce.take(now).is_none() {
            debounce.note(files(&["log"]), now);
            now += QUIET / 2;
        }
        assert_eq!(now, start + PATIENCE);
    }

    #[test]
    fn unknown_changes_stand_for_all_others() {
        let start = crate::clock::now();
        let mut debounce = Debounce::default();
        debounce.note(files(&["a"]), start);
        debounce.note(Changes::Unknown, start);
        debounce.note(files(&["b"]), start);
        assert_eq!(debounce.take(start + QUIET), Some(Changes::Unknown));
    }
}
