//! `terrace backup` and `terrace restore`. Copying files is left to the module [`crate::backup`].

use super::arguments::{BackupArguments, DatabaseArguments, RestoreArguments};
use super::bar::Bar;
use super::console::Console;
use super::error::CommandError;
use super::event::Event;
use crate::backup::{self, Installation, Progress};
use crate::fault::{Faults, Reason};
use crate::serving::Databases;

/// `terrace backup`.
pub(super) fn make(arguments: &BackupArguments, console: Console) -> Result<(), CommandError> {
    let installation = installation(&arguments.database)?;
    for elsewhere in &installation.elsewhere {
        console.tell(&Event::NotBackedUp(elsewhere));
    }
    let mut reporter = Reporter::new(console);
    let made = backup::make(&installation, &arguments.folder, &mut |progress| {
        reporter.report(progress);
    });
    reporter.bar.end_line();
    console.tell(&Event::BackedUp(&made.map_err(|error| failed(&error))?));
    Ok(())
}

/// `terrace restore`.
pub(super) fn restore(arguments: &RestoreArguments, console: Console) -> Result<(), CommandError> {
    let installation = installation(&arguments.database)?;
    let mut reporter = Reporter::new(console);
    let restored = backup::restore(&installation, &arguments.folder, &mut |progress| {
        reporter.report(progress);
    });
    reporter.bar.end_line();
    let restored = restored.map_err(|error| failed(&error))?;
    for elsewhere in &installation.elsewhere {
        console.tell(&Event::NotRestored(elsewhere));
    }
    console.tell(&Event::Restored(&restored));
    Ok(())
}

fn installation(arguments: &DatabaseArguments) -> Result<Installation, Faults> {
    let options = arguments.options();
    Databases::read(&options)?.installation(&options.manifest)
}

fn failed(error: &backup::Error) -> CommandError {
    CommandError::Failed(Reason::new(error.to_string()))
}

/// Shows how far the work is: a bar on a terminal, JSON for programs, else nothing.
struct Reporter {
    console: Console,
    bar: Bar,
    database: String,
}

impl Reporter {
    fn new(console: Console) -> Self {
        Self {
            console,
            bar: Bar::new(),
            database: String::new(),
        }
    }

    fn report(&mut self, progress: Progress<'_>) {
        if self.console.json() {
            self.console.tell(&Event::BackupProgress(&progress));
        }
        if !self.console.interactive() {
            return;
        }
        if self.database != progress.database {
            self.bar.end_line();
            progress.database.clone_into(&mut self.database);
        }
        self.bar.draw(progress.bytes, Some(progress.of), progress);
    }
}
