//! What `terrace backup` and `terrace restore` do and did, as text for people and as JSON.

use std::fmt;

use crate::backup::{Elsewhere, Made, Progress, Restored};

impl fmt::Display for Progress<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            database,
            bytes,
            of,
        } = self;
        write!(formatter, "{database}: {bytes} of {of} B")
    }
}

impl fmt::Display for Made {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (folder, app) = (self.folder.display(), &self.manifest.app);
        write!(formatter, "backed up {app} in {folder}:")?;
        let mut databases = self.manifest.databases.iter();
        databases.try_for_each(|database| {
            let (names, bytes) = (database.names.join(", "), database.bytes);
            write!(formatter, "\n  {names} ({bytes} B)")
        })
    }
}

impl fmt::Display for Restored {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (app, time) = (&self.manifest.app, &self.manifest.time);
        write!(formatter, "restored {app} as of {}", time.escape_debug())?;
        let mut kept = self.kept.iter();
        kept.try_for_each(|path| {
            let path = path.display();
            write!(formatter, "\n  before it: {path}")
        })
    }
}

/// State that is not in the backup.
pub(super) fn not_backed_up(
    formatter: &mut fmt::Formatter<'_>,
    elsewhere: &Elsewhere,
) -> fmt::Result {
    let Elsewhere { name, place, tool } = elsewhere;
    write!(
        formatter,
        "not in this backup: {name} is at {place}; make a backup of it with `{tool}`"
    )
}

/// State that is as it was.
pub(super) fn not_restored(
    formatter: &mut fmt::Formatter<'_>,
    elsewhere: &Elsewhere,
) -> fmt::Result {
    let Elsewhere { name, place, .. } = elsewhere;
    write!(formatter, "not restored: {name} is at {place}, as it was")
}
