//! The thread that writes: files of entries, and the log of purges.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::SystemTime;

use tokio::sync::oneshot;

use super::file::{self, ENTRIES, Kept, Name};
use super::limits::{MAX_FILE_BYTES, MAX_VARIANTS};
use super::marks::Record;
use super::purge_log::PurgeLog;
use super::{Room, Shared};
use crate::clock;

/// Work for the thread.
#[derive(Debug)]
pub(super) enum Work {
    Put(Name, String, Kept, Room),
    /// Told when the records are in the log, or dropped if they are not.
    Log(Vec<Record>, oneshot::Sender<()>),
}

pub(super) struct Writer {
    shared: Arc<Shared>,
    /// Locked for as long as the thread lives.
    lock: File,
    /// `None` if there is none yet.
    log: Option<PurgeLog>,
}

impl Writer {
    pub(super) fn new(shared: Arc<Shared>, lock: File, log: Option<PurgeLog>) -> Self {
        Self { shared, lock, log }
    }

    /// Works until nobody has work any more.
    pub(super) fn run(mut self, is_ours: bool, queue: &Receiver<Work>) {
        if let Err(error) = self.prepare(is_ours) {
            self.fail(&error);
        }
        while let Ok(work) = queue.recv() {
            let done = match work {
                Work::Put(name, key, kept, _room) => self.put(&name, &key, kept),
                Work::Log(records, done) => self.append(&records).map(|()| {
                    // The caller may have left.
                    _ = done.send(());
                }),
            };
            if let Err(error) = done {
                self.fail(&error);
            }
            if self.shared.trouble.is_over() {
                self.give_up();
            }
        }
    }

    /// Finds the files that are there, or empties the folder if it is not known what was purged.
    fn prepare(&mut self, is_ours: bool) -> io::Result<()> {
        let folder = self.shared.folder.clone();
        if !is_ours {
            self.lock.lock()?;
        }
        if self.log.is_none() {
            remove_all(&folder.join(ENTRIES))?;
            let marks = self.shared.marks();
            self.log = Some(PurgeLog::create(&folder, &marks)?);
        }
        for part in 0..=255_u8 {
            fs::create_dir_all(folder.join(ENTRIES).join(format!("{part:02x}")))?;
        }
        let mut found = find(&folder.join(ENTRIES))?;
        found.sort_unstable_by_key(|(modified, ..)| *modified);
        for (_, name, bytes) in found {
            self.note(name, bytes);
        }
        Ok(())
    }

    fn put(&mut self, name: &Name, key: &str, kept: Kept) -> io::Result<()> {
        if self.shared.trouble.is_out() {
            return Ok(());
        }
        let path = name.path(&self.shared.folder);
        let others = file::read(&path, name).unwrap_or_default();
        let now = clock::time_of_day();
        let entries = {
            let marks = self.shared.marks();
            if !kept.is_valid(key, &marks, now) {
                return Ok(());
            }
            let others = others.into_iter().filter(|other| {
                other.entry.variant != kept.entry.variant && other.is_valid(key, &marks, now)
            });
            let mut entries: Vec<Kept> = others.collect();
            entries.push(kept);
            entries
        };
        let excess = entries.len().saturating_sub(MAX_VARIANTS);
        let mut text = file::text(name, &entries[excess..]);
        if text.len() as u64 > MAX_FILE_BYTES {
            text = file::text(name, &entries[entries.len() - 1..]);
        }
        if text.len() as u64 > MAX_FILE_BYTES {
            return Ok(());
        }
        write(&path, &text)?;
        self.note(*name, text.len() as u64);
        Ok(())
    }

    /// Notes a file, and removes those that it pushes out.
    fn note(&self, name: Name, bytes: u64) {
        let evicted = self.shared.index().insert(name, bytes);
        for name in evicted {
            // A file that stays is found and counted at the next start.
            _ = fs::remove_file(name.path(&self.shared.folder));
        }
    }

    fn append(&mut self, records: &[Record]) -> io::Result<()> {
        let Some(log) = &mut self.log else {
            return Ok(());
        };
        if let Err(error) = log.append(records) {
            self.shared.trouble.end_for_good();
            return Err(error);
        }
        if log.is_long() {
            let marks = self.shared.marks();
            *log = PurgeLog::create(&self.shared.folder, &marks)?;
        }
        Ok(())
    }

    /// A purge that is not in the log would be forgotten at the next start: without its log, the folder counts as empty then.
    fn give_up(&mut self) {
        let removed = self.log.take().map(|log| log.remove());
        if let Some(Err(error)) = removed {
            tracing::error!(
                "the log of purges of the cache on disk can neither be written nor removed ({error}): empty the folder {} before \
                 the next start",
                self.shared.folder.display()
            );
        }
    }

    fn fail(&self, error: &io::Error) {
        let folder = self.shared.folder.display();
        if self.shared.trouble.is_over() {
            tracing::warn!(
                "the cache goes on without the disk until the next start: {folder}: {error}"
            );
        } else if !self.shared.trouble.is_out() {
            tracing::warn!("the cache goes on without the disk for a while: {folder}: {error}");
        }
        self.shared.trouble.begin();
    }
}

/// Writes a file that is complete as soon as it is there.
fn write(path: &Path, text: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    let written = fs::write(&new, text).and_then(|()| fs::rename(&new, path));
    written.inspect_err(|_| {
        // It takes room that is needed.
        _ = fs::remove_file(&new);
    })
}

fn remove_all(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// All files of entries: when they were written, their names and sizes. Files that are none are removed: a process that was killed
/// left them.
fn find(entries: &Path) -> io::Result<Vec<(SystemTime, Name, u64)>> {
    let mut found = Vec::new();
    for part in fs::read_dir(entries)? {
        for file in fs::read_dir(part?.path())? {
            let file = file?;
            let Some(name) = file.file_name().to_str().and_then(Name::parse) else {
                fs::remove_file(file.path())?;
                continue;
            };
            let metadata = file.metadata()?;
            found.push((metadata.modified()?, name, metadata.len()));
        }
    }
    Ok(found)
}
