//! The files that there are, with their sizes, in the order of their last use.

use lru::LruCache;

use super::file::Name;

/// What a file takes beside its content, about: its place in the file system.
const FILE_OVERHEAD_BYTES: u64 = 4_096;

/// The files, bounded in bytes.
#[derive(Debug)]
pub(super) struct Index {
    files: LruCache<Name, u64>,
    bytes: u64,
    capacity: u64,
}

impl Index {
    pub(super) fn new(capacity: u64) -> Self {
        Self {
            files: LruCache::unbounded(),
            bytes: 0,
            capacity,
        }
    }

    /// Whether there is such a file. It counts as a use.
    pub(super) fn uses(&mut self, name: &Name) -> bool {
        self.files.get(name).is_some()
    }

    /// Notes a file, and returns those that have to go for it.
    pub(super) fn insert(&mut self, name: Name, bytes: u64) -> Vec<Name> {
        let bytes = bytes + FILE_OVERHEAD_BYTES;
        let replaced = self.files.put(name, bytes).unwrap_or(0);
        self.bytes = self.bytes + bytes - replaced;
        let mut evicted = Vec::new();
        while self.bytes > self.capacity
            && let Some((name, bytes)) = self.files.pop_lru()
        {
            self.bytes -= bytes;
            evicted.push(name);
        }
        evicted
    }
}
