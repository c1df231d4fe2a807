//! Makes a backup. It has its name only when it is complete, checked and on the disk.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;
use storage::sql::backup::{self, Source};

use super::installation::{DatabaseFile, Installation};
use super::manifest::{self, Database, Manifest};
use super::{Error, Progress};
use crate::clock;
use crate::state::StateLock;

/// A backup that was made.
#[derive(Debug, Serialize)]
pub(crate) struct Made {
    /// Its folder.
    pub(crate) folder: PathBuf,
    /// What is in it.
    #[serde(flatten)]
    pub(crate) manifest: Manifest,
}

/// Copies the databases that are in files into a new folder.
///
/// # Errors
///
/// Why there is no new folder. Nothing is left of what was copied.
pub(crate) fn make(
    installation: &Installation,
    folder: &Path,
    report: &mut impl FnMut(Progress<'_>),
) -> Result<Made, Error> {
    let files = installation.files.iter().filter(|file| file.path.exists());
    let files: Vec<_> = files.collect();
    if files.is_empty() {
        let place = installation.folder.display();
        return Err(Error::Refused(format!(
            "no database of the app is in a file: the settings name none that exists, and {place} has none; name the app with `--from`, or its state with `--state-dir`"
        )));
    }
    crate::state::make_folder(&installation.folder)
        .map_err(|error| system(&installation.folder, &error))?;
    let _lock = StateLock::shared(&installation.folder)?;
    if folder.symlink_metadata().is_ok() {
        return Err(exists(folder));
    }
    let unfinished = Unfinished::make(folder)?;
    let manifest = fill(installation, &files, &unfinished.path, report)?;
    unfinished.complete(folder)?;
    Ok(Made {
        folder: folder.to_owned(),
        manifest,
    })
}

/// A folder that is removed again unless it becomes the backup.
struct Unfinished {
    path: PathBuf,
}

impl Unfinished {
    /// Beside the backup, so that it can be renamed.
    fn make(folder: &Path) -> Result<Self, Error> {
        let Some(name) = folder.file_name() else {
            let what = format!("{} is no name for a new folder", folder.display());
            return Err(Error::Refused(what));
        };
        let mut number = [0; 8];
        getrandom::fill(&mut number).map_err(|error| system(folder, &error))?;
        let number = u64::from_ne_bytes(number);
        let name = format!(".{}.{number:016x}.unfinished", name.display());
        let path = folder.with_file_name(name);
        // It has the data of the app's users.
        let made = DirBuilder::new().mode(0o700).create(&path);
        made.map_err(|error| system(&path, &error))?;
        Ok(Self { path })
    }

    fn complete(self, folder: &Path) -> Result<(), Error> {
        sync_folder(&self.path)?;
        // An existing folder that has something in it is not replaced.
        fs::rename(&self.path, folder).map_err(|error| match error.kind() {
            io::ErrorKind::DirectoryNotEmpty
            | io::ErrorKind::AlreadyExists
            | io::ErrorKind::NotADirectory => exists(folder),
            _ => system(folder, &error),
        })?;
        sync_folder(&parent(folder))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // Once it has been renamed there is nothing to remove. What cannot be removed has a name that says what it is.
        let _ = fs::remove_dir_all(&self.path);
    }
}

fn fill(
    installation: &Installation,
    files: &[&DatabaseFile],
    folder: &Path,
    report: &mut impl FnMut(Progress<'_>),
) -> Result<Manifest, Error> {
    let named = |file: &DatabaseFile| format!("{}.db", file.names[0]);
    let sources: Vec<_> = files
        .iter()
        .map(|file| Source {
            database: file.path.clone(),
            copy: folder.join(named(file)),
        })
        .collect();
    let time = Timestamp::try_from(clock::time_of_day()).map_err(|error| system(folder, &error))?;
    let copied = backup::copy(&sources, &mut |progress| {
        report(Progress {
            database: &files[progress.index].names[0],
            bytes: progress.bytes,
            of: progress.of,
        });
    })?;
    let databases = files.iter().zip(copied).map(|(file, content)| Database {
        file: named(file),
        names: file.names.clone(),
        bytes: content.bytes,
        sha256: content.sha256,
    });
    let manifest = Manifest::new(&installation.app, time.to_string(), databases.collect());
    let path = folder.join(manifest::FILE);
    let mut text = serde_json::to_vec_pretty(&manifest).map_err(|error| system(&path, &error))?;
    text.push(b'\n');
    write_durably(&path, &text).map_err(|error| system(&path, &error))?;
    Ok(manifest)
}

/// Writes a new file, so that it is on the disk.
pub(super) fn write_durably(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(content)?;
    file.sync_all()
}

/// Puts the names of the files in a folder on the disk.
pub(super) fn sync_folder(folder: &Path) -> Result<(), Error> {
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|error| system(folder, &error))
}

/// The folder that a path is in.
pub(super) fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

pub(super) fn system(path: &Path, error: &impl std::fmt::Display) -> Error {
    Error::System(format!("{} cannot be used: {error}", path.display()))
}

fn exists(folder: &Path) -> Error {
    let folder = folder.display();
    Error::Refused(format!(
        "{folder} exists already; name a folder that does not, such as one with today's date"
    ))
}
