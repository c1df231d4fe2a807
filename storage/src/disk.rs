//! Entries that one process keeps in files, beyond its memory and its life. They have tags; a purge of a tag puts all entries that
//! have it out of date, also after a restart.
//!
//! A file has all variants under one key, with a checksum, so what was written in part counts as nothing. One thread writes; it has
//! a bounded queue, and what finds no room there is not kept. Reads have a deadline. After a failure, or a read that is late, nobody
//! uses the disk for a while.
//!
//! The log of purges is in a file as well. An entry from before the log begins, of another boot of the machine, or in a folder whose
//! log cannot be read, counts as out of date.

mod file;
mod index;
pub mod limits;
mod marks;
mod purge_log;
mod writer;

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::sync::{Semaphore, oneshot};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use self::file::Name;
use self::index::Index;
use self::limits::{MAX_QUEUED_BYTES, MAX_QUEUED_WRITES, MAX_READS, PAUSE, READ_TIMEOUT};
use self::marks::Marks;
use self::writer::{Work, Writer};
use crate::clock;

/// Entries on disk. Clones are the same.
#[derive(Clone, Debug)]
pub struct Disk(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    owner: Mutex<Arc<str>>,
    shared: Arc<Shared>,
    work: SyncSender<Work>,
    reads: Arc<Semaphore>,
}

/// The data that callers and the writer share.
#[derive(Debug)]
struct Shared {
    folder: PathBuf,
    marks: Mutex<Marks>,
    index: Mutex<Index>,
    trouble: Trouble,
    /// The bytes of entries that wait to be written.
    queued: AtomicU64,
}

/// The room of one entry that waits to be written, in bytes.
#[derive(Debug)]
struct Room(Arc<Shared>, u64);

impl Room {
    fn take(shared: &Arc<Shared>, bytes: usize) -> Option<Self> {
        let room = Self(Arc::clone(shared), bytes as u64);
        let before = shared.queued.fetch_add(room.1, Ordering::Relaxed);
        (before + room.1 <= MAX_QUEUED_BYTES).then_some(room)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.0.queued.fetch_sub(self.1, Ordering::Relaxed);
    }
}

/// Whether the disk is used.
#[derive(Debug)]
struct Trouble {
    begun: std::time::Instant,
    /// Until when it is not, in milliseconds from the beginning.
    out_until: AtomicU64,
    /// Whether it never is again in this process.
    is_over: AtomicBool,
}

/// An entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Equal for entries that replace each other.
    pub variant: Vec<u8>,
    /// The tags of the entry, all of them.
    pub tags: Vec<String>,
    /// What is kept.
    pub value: Vec<u8>,
}

/// The entries under a key that are not out of date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// How many purges there were before the lookup.
    pub generation: u64,
    /// The newest first.
    pub entries: Vec<Entry>,
}

/// What is to be purged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purged {
    /// All entries with this tag.
    Tag(String),
    /// All entries whose keys begin so.
    Prefix(String),
    /// Everything.
    All,
}

/// Why a folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("another process uses the folder {}: give each process one of its own", .0.display())]
    InUse(PathBuf),
    /// It cannot be made or opened.
    #[error("the folder {} cannot be used: {error}", .folder.display())]
    Unusable {
        /// The folder.
        folder: PathBuf,
        /// The reason.
        error: io::Error,
    },
}

/// The file whose lock is that of the folder.
const LOCK: &str = "lock";

impl Disk {
    /// Opens a folder for at most `capacity` bytes of entries. Its files are read in the background. If `may_wait`, a folder that
    /// another process uses is taken when that ends, and emptied then.
    ///
    /// # Errors
    ///
    /// See [`OpenError`].
    pub fn open(folder: &Path, capacity: u64, may_wait: bool) -> Result<Self, OpenError> {
        let unusable = |error| OpenError::Unusable {
            folder: folder.to_owned(),
            error,
        };
        fs::create_dir_all(folder).map_err(unusable)?;
        let lock = File::create(folder.join(LOCK)).map_err(unusable)?;
        let is_ours = match lock.try_lock() {
            Ok(()) => true,
            Err(TryLockError::WouldBlock) if may_wait => false,
            Err(TryLockError::WouldBlock) => return Err(OpenError::InUse(folder.to_owned())),
            Err(TryLockError::Error(error)) => return Err(unusable(error)),
        };
        let shared = Arc::new(Shared {
            folder: folder.to_owned(),
            marks: Mutex::default(),
            index: Mutex::new(Index::new(capacity)),
            trouble: Trouble {
                begun: clock::now(),
                out_until: AtomicU64::new(0),
                is_over: AtomicBool::new(false),
            },
            queued: AtomicU64::new(0),
        });
        // Before anything is looked up: without it, no entry could be judged.
        let log = match is_ours {
            true => purge_log::read(folder, &mut shared.marks()),
            false => None,
        };
        if log.is_none() {
            // What a file of before says can only be of before.
            shared.marks().add(&[Purged::All]);
        }
        let (work, queue) = sync_channel(MAX_QUEUED_WRITES);
        let writer = Writer::new(Arc::clone(&shared), lock, log);
        let name = "cache-disk".to_owned();
        let started = thread::Builder::new().name(name);
        started
            .spawn(move || writer.run(is_ours, &queue))
            .map_err(unusable)?;
        Ok(Self(Arc::new(Inner {
            owner: Mutex::new("".into()),
            shared,
            work,
            reads: Arc::new(Semaphore::new(MAX_READS)),
        })))
    }

    /// Gives the entries another owner. Those of others are not seen.
    pub fn set_owner(&self, owner: &str) {
        *lock(&self.0.owner) = owner.into();
    }

    /// The entries under a key. It waits for [`READ_TIMEOUT`] at most; what cannot be read by then is not there.
    pub async fn get(&self, key: &str) -> Found {
        let shared = &self.0.shared;
        let generation = shared.marks().generation();
        let nothing = Found {
            generation,
            entries: Vec::new(),
        };
        let name = self.name(key);
        if shared.trouble.is_out() || !shared.index().uses(&name) {
            return nothing;
        }
        let Ok(place) = Arc::clone(&self.0.reads).try_acquire_owned() else {
            return nothing;
        };
        let (reader, asked) = (Arc::clone(shared), name);
        let read = spawn_blocking(move || {
            let read = file::read(&asked.path(&reader.folder), &asked);
            drop(place);
            read
        });
        let entries = match timeout(READ_TIMEOUT, read).await {
            Ok(Ok(Ok(entries))) => entries,
            Ok(Ok(Err(error))) if error.kind() == io::ErrorKind::NotFound => return nothing,
            Ok(_) | Err(_) => {
                shared.trouble.begin();
                return nothing;
            }
        };
        let now = clock::time_of_day();
        let marks = shared.marks();
        let valid = entries
            .into_iter()
            .filter(|kept| kept.is_valid(key, &marks, now));
        let mut valid: Vec<_> = valid.collect();
        valid.sort_by_key(|kept| std::cmp::Reverse(kept.number));
        Found {
            generation,
            entries: valid.into_iter().map(|kept| kept.entry).collect(),
        }
    }

    /// Has an entry written under a key, in the place of an equal variant, for at most `keep_for`. It is not kept if it was purged
    /// after the generation `since`. Returns whether there is room to wait for the disk; it does not wait itself.
    pub fn put(&self, key: &str, entry: Entry, keep_for: Duration, since: u64) -> bool {
        if self.0.shared.trouble.is_out() {
            return false;
        }
        let kept = file::Kept {
            number: since,
            end: clock::time_of_day() + keep_for,
            entry,
        };
        let shared = &self.0.shared;
        let Some(room) = Room::take(shared, kept.entry.value.len()) else {
            return false;
        };
        let work = Work::Put(self.name(key), key.to_owned(), kept, room);
        self.0.work.try_send(work).is_ok()
    }

    /// Puts entries out of date at once, and returns the number of the last purge when the log has all of them. It waits for
    /// [`READ_TIMEOUT`] at most: a late disk writes them when it can. One that is so late that there is no more room to wait is given
    /// up, with all that is on it.
    pub async fn purge(&self, purges: &[Purged]) -> u64 {
        let shared = &self.0.shared;
        let (records, number) = {
            let mut marks = shared.marks();
            (marks.add(purges), marks.generation())
        };
        let (done, written) = oneshot::channel();
        if self.0.work.try_send(Work::Log(records, done)).is_err() {
            shared.trouble.end_for_good();
        } else if !shared.trouble.is_out() && timeout(READ_TIMEOUT, written).await.is_err() {
            shared.trouble.begin();
        }
        number
    }

    fn name(&self, key: &str) -> Name {
        Name::of(&lock(&self.0.owner), key)
    }
}

impl Shared {
    fn marks(&self) -> MutexGuard<'_, Marks> {
        lock(&self.marks)
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        lock(&self.index)
    }
}

impl Trouble {
    fn is_out(&self) -> bool {
        self.is_over() || self.passed() < self.out_until.load(Ordering::Relaxed)
    }

    /// From now on, the disk is not used for a while.
    fn begin(&self) {
        let pause = u64::try_from(PAUSE.as_millis()).unwrap_or(u64::MAX);
        self.out_until
            .fetch_max(self.passed() + pause, Ordering::Relaxed);
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    /// From now on, the disk is not used in this process.
    fn end_for_good(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }

    fn passed(&self) -> u64 {
        let passed = clock::now().saturating_duration_since(self.begun);
        u64::try_from(passed.as_millis()).unwrap_or(u64::MAX)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
