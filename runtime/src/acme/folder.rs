//! Owns records in a folder that only its owner reads, and the lock of the process that may change them.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;

use parking_lot::Mutex;

/// The file that is locked.
const LOCK: &str = "lock";

/// A folder of records. Its functions block.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    /// The lock, while this process has it.
    lock: Mutex<Option<File>>,
}

impl Folder {
    pub(super) fn new(path: PathBuf) -> Self {
        let lock = Mutex::default();
        Self { path, lock }
    }

    pub(super) fn shown(&self) -> String {
        self.path.display().to_string()
    }

    /// The text of a name, if there is one.
    pub(super) fn get(&self, name: &str) -> io::Result<Option<String>> {
        match std::fs::read(self.file(name)) {
            Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Sets the text of a name: the old one or the new one is on the disk, whatever happens meanwhile.
    pub(super) fn set(&self, name: &str, text: &str) -> io::Result<()> {
        self.make()?;
        let (file, new) = (self.file(name), self.file(&format!("{name}.new")));
        let written = write(&new, text).and_then(|()| std::fs::rename(&new, &file));
        if written.is_err() {
            // Half of a text is of no use, and may fill the disk.
            let _ = std::fs::remove_file(&new);
        }
        written?;
        File::open(&self.path)?.sync_all()
    }

    /// Takes the lock, unless another process has it. It ends with this process at the latest.
    pub(super) fn take_lock(&self) -> io::Result<bool> {
        let mut lock = self.lock.lock();
        if lock.is_some() {
            return Ok(true);
        }
        self.make()?;
        let file = own().truncate(false).open(self.path.join(LOCK))?;
        match file.try_lock() {
            Ok(()) => {
                *lock = Some(file);
                Ok(true)
            }
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    pub(super) fn give_back(&self) {
        self.lock.lock().take();
    }

    fn make(&self) -> io::Result<()> {
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700).create(&self.path)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path.join(format!("{name}.json"))
    }
}

/// Options for a file to write that only its owner reads.
fn own() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true).mode(0o600);
    options
}

fn write(path: &PathBuf, text: &str) -> io::Result<()> {
    let mut file = own().truncate(true).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn texts_in_a_folder_are_read_by_their_owner_only() {
        let state = tempfile::tempdir().unwrap();
        let folder = Folder::new(state.path().join("state/acme"));
        assert_eq!(folder.get("a").unwrap(), None);
        for text in ["one", "two"] {
            folder.set("a", text).unwrap();
            assert_eq!(folder.get("a").unwrap().as_deref(), Some(text));
        }
        let mode = |path: &str| {
            let file = std::fs::metadata(state.path().join(path)).unwrap();
            file.permissions().mode() & 0o777
        };
        assert_eq!(mode("state/acme"), 0o700);
        assert_eq!(mode("state/acme/a.json"), 0o600);
        let count = std::fs::read_dir(&folder.path).unwrap().count();
        assert_eq!(count, 1, "nothing else is left");
    }

    #[test]
    fn lock_of_a_folder_has_one_holder() {
        let state = tempfile::tempdir().unwrap();
        let open = || Folder::new(state.path().to_owned());
        let (one, two) = (open(), open());
        assert!(one.take_lock().unwrap() && one.take_lock().unwrap());
        assert!(!two.take_lock().unwrap());
        one.give_back();
        assert!(two.take_lock().unwrap());
    }
}
