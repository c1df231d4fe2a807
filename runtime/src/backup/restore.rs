//! Restores a backup. Nothing is exchanged before all of it is copied, checked and on the disk, and the old databases stay beside
//! the new ones. If the exchange is cut short, no server starts on what is there, and another restore ends it.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;
use storage::sql::backup::{copy_verified, is_used};

use super::installation::{DatabaseFile, Installation};
use super::make::{parent, sync_folder, system, write_durably};
use super::manifest::{Database, Manifest};
use super::{Error, Progress};
use crate::clock;
use crate::state::{StateLock, UNFINISHED_FILE, make_folder};

/// The end of the names of files that take the place of others when all of them are complete.
const STAGED: &str = ".restoring";

/// The ends of the names of the files in which SQLite keeps what is not in the database file yet, and what is in the log.
const LOG: &str = "-wal";
const INDEX: &str = "-shm";

/// A backup that was restored.
#[derive(Debug, Serialize)]
pub(crate) struct Restored {
    /// What was in it.
    #[serde(flatten)]
    pub(crate) manifest: Manifest,
    /// The databases that were there before, where they are now.
    pub(crate) kept: Vec<PathBuf>,
}

/// A database that is exchanged, or set aside if the backup has none for it.
struct Target<'a> {
    path: &'a Path,
    database: Option<&'a Database>,
}

/// Puts the databases of a backup in the place of those of an installation.
///
/// # Errors
///
/// Why nothing was exchanged; or if that says so, why not everything was.
pub(crate) fn restore(
    installation: &Installation,
    backup: &Path,
    report: &mut impl FnMut(Progress<'_>),
) -> Result<Restored, Error> {
    let manifest = Manifest::read(backup)?;
    let targets = targets(installation, &manifest)?;
    make_folder(&installation.folder).map_err(|error| system(&installation.folder, &error))?;
    let _lock = StateLock::alone(&installation.folder)?;
    for path in targets.iter().map(|target| target.path) {
        if path.exists() && is_used(path)? {
            return Err(Error::Refused(format!(
                "another process uses the database {}; end it first",
                path.display()
            )));
        }
    }
    let staged = stage(installation, backup, &targets, report);
    if let Err(error) = staged {
        for target in &targets {
            // What is left is overwritten by the next restore.
            let _ = fs::remove_file(with_end(target.path, STAGED));
        }
        return Err(error);
    }
    let kept = exchange_all(installation, &targets)?;
    Ok(Restored { manifest, kept })
}

/// Finds the place of each database of the backup in the settings. Databases that the backup does not have did not exist when it was
/// made.
fn targets<'a>(
    installation: &'a Installation,
    manifest: &'a Manifest,
) -> Result<Vec<Target<'a>>, Error> {
    if manifest.app != installation.app {
        return Err(Error::Refused(format!(
            "the backup is of the app `{}`, and the manifest is of `{}`; name the right one with `--from`",
            manifest.app.escape_debug(),
            installation.app
        )));
    }
    for database in &manifest.databases {
        let places = database.names.iter().map(|name| installation.file(name));
        let places: Vec<_> = places.collect();
        let is_one = places
            .iter()
            .all(|place| place.is_some() && *place == places[0]);
        if places.is_empty() || !is_one {
            let names = database.names.join("`, `");
            return Err(Error::Refused(format!(
                "the backup has one file for `{}`, and the settings do not; restore it with the settings that it was made with",
                names.escape_debug()
            )));
        }
    }
    let targets = installation.files.iter().map(|file| target(file, manifest));
    targets.collect()
}

fn target<'a>(file: &'a DatabaseFile, manifest: &'a Manifest) -> Result<Target<'a>, Error> {
    let is_of = |database: &&Database| {
        let mut names = database.names.iter();
        names.any(|name| file.names.contains(name))
    };
    let databases: Vec<_> = manifest.databases.iter().filter(is_of).collect();
    match databases[..] {
        [] | [_] => Ok(Target {
            path: &file.path,
            database: databases.first().copied(),
        }),
        [..] => Err(Error::Refused(format!(
            "the settings have one file, {}, for databases that the backup has in several; restore it with the settings that it was made with",
            file.path.display()
        ))),
    }
}

/// Copies all databases to beside their places.
fn stage(
    installation: &Installation,
    backup: &Path,
    targets: &[Target<'_>],
    report: &mut impl FnMut(Progress<'_>),
) -> Result<(), Error> {
    for target in targets {
        let Some(database) = target.database else {
            continue;
        };
        let staged = with_end(target.path, STAGED);
        copy_verified(
            &backup.join(&database.file),
            &staged,
            &database.content(),
            |bytes| {
                report(Progress {
                    database: &database.names[0],
                    bytes,
                    of: database.bytes,
                });
            },
        )?;
        let owned = give_to_owner_of(&installation.folder, &staged);
        owned.map_err(|error| system(&staged, &error))?;
    }
    Ok(())
}

/// An administrator may restore the state of a server that is another user.
fn give_to_owner_of(folder: &Path, file: &Path) -> io::Result<()> {
    let (owner, own) = (fs::metadata(folder)?, fs::metadata(file)?);
    if (owner.uid(), owner.gid()) == (own.uid(), own.gid()) || own.uid() != 0 {
        return Ok(());
    }
    chown(file, Some(owner.uid()), Some(owner.gid()))
}

/// Exchanges all databases. From the first to the last there is a file that keeps servers from starting.
fn exchange_all(
    installation: &Installation,
    targets: &[Target<'_>],
) -> Result<Vec<PathBuf>, Error> {
    let marker = installation.folder.join(UNFINISHED_FILE);
    let end = match fs::read_to_string(&marker) {
        // Another restore was cut short. What it has set aside is the state before it.
        Ok(end) if is_end(&end) => end,
        _ => {
            let now = Timestamp::try_from(clock::time_of_day());
            let now = now.map_err(|error| system(&marker, &error))?;
            format!(".before-{}", now.strftime("%Y%m%dT%H%M%S.%6fZ"))
        }
    };
    write_durably(&marker, end.as_bytes()).map_err(|error| system(&marker, &error))?;
    sync_folder(&installation.folder)?;
    let mut kept = Vec::new();
    for target in targets {
        let exchanged = exchange(target, &end).map_err(|error| {
            let what = "not all databases were exchanged: run `terrace restore` again";
            Error::System(format!("{what}: {}: {error}", target.path.display()))
        })?;
        kept.extend(exchanged);
        let folder = parent(target.path);
        if folder.is_dir() {
            sync_folder(&folder)?;
        }
    }
    fs::remove_file(&marker).map_err(|error| system(&marker, &error))?;
    sync_folder(&installation.folder)?;
    Ok(kept)
}

/// Sets a database aside, and puts the new one in its place. Where the old one is now.
fn exchange(target: &Target<'_>, end: &str) -> io::Result<Option<PathBuf>> {
    let aside = with_end(target.path, end);
    if !aside.exists() && target.path.exists() {
        // The log goes first: a new database must never meet the log of an old one.
        move_if_there(&with_end(target.path, LOG), &with_end(&aside, LOG))?;
        absent_is_fine(fs::remove_file(with_end(target.path, INDEX)))?;
        fs::rename(target.path, &aside)?;
    }
    for left in [LOG, INDEX] {
        // Of a database that was deleted by hand.
        absent_is_fine(fs::remove_file(with_end(target.path, left)))?;
    }
    if target.database.is_some() {
        fs::rename(with_end(target.path, STAGED), target.path)?;
    }
    Ok(aside.exists().then_some(aside))
}

fn move_if_there(from: &Path, to: &Path) -> io::Result<()> {
    absent_is_fine(fs::rename(from, to))
}

fn absent_is_fine(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

fn with_end(path: &Path, end: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(end);
    PathBuf::from(name)
}

/// Whether a text is one that this module has written.
fn is_end(text: &str) -> bool {
    let rest = text.strip_prefix(".before-");
    rest.is_some_and(|rest| {
        let mut letters = rest.bytes();
        !rest.is_empty() && letters.all(|byte| byte.is_ascii_alphanumeric() || byte == b'.')
    })
}
