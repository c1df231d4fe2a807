//! Collects changes until no file has changed for a moment, so that files are complete.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Instant;

use crate::cli::limits::{CHANGES_QUIET_TIME, MAX_CHANGES_WAIT};

/// What has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Changes {
    /// These files.
    Files(BTreeSet<PathBuf>),
    /// Unknown files: the operating system lost count.
    Unknown,
}

/// Changes that are still being collected.
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
    /// Adds changes seen at `now`.
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

    /// When [`Self::take`] gives the changes, if there are any.
    pub(super) fn due(&self) -> Option<Instant> {
        let waiting = self.waiting.as_ref()?;
        Some((waiting.last + CHANGES_QUIET_TIME).min(waiting.first + MAX_CHANGES_WAIT))
    }

    /// The changes, if it is time.
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
        debounce.note(files(&["b", "a"]), start + CHANGES_QUIET_TIME / 2);
        assert_eq!(
            debounce.due(),
            Some(start + CHANGES_QUIET_TIME / 2 + CHANGES_QUIET_TIME)
        );
        assert_eq!(debounce.take(start + CHANGES_QUIET_TIME), None);
        assert_eq!(
            debounce.take(start + CHANGES_QUIET_TIME * 2),
            Some(files(&["a", "b"]))
        );
        assert_eq!(debounce.take(start + CHANGES_QUIET_TIME * 3), None);
        assert_eq!(debounce.due(), None);
    }

    #[test]
    fn changes_without_end_do_not_wait_for_ever() {
        let start = crate::clock::now();
        let mut debounce = Debounce::default();
        let mut now = start;
        while debounce.take(now).is_none() {
            debounce.note(files(&["log"]), now);
            now += CHANGES_QUIET_TIME / 2;
        }
        assert_eq!(now, start + MAX_CHANGES_WAIT);
    }

    #[test]
    fn unknown_changes_stand_for_all_others() {
        let start = crate::clock::now();
        let mut debounce = Debounce::default();
        debounce.note(files(&["a"]), start);
        debounce.note(Changes::Unknown, start);
        debounce.note(files(&["b"]), start);
        assert_eq!(
            debounce.take(start + CHANGES_QUIET_TIME),
            Some(Changes::Unknown)
        );
    }
}
