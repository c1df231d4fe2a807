//! Owns the versions that a server keeps in its state folder: `deploy/record.json` says which were committed, and beside it are their
//! bundles, by digest. The current version survives the process, and so does the way back.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::limits::{MAX_KEPT_BUNDLES, MAX_VERSIONS, TRANSFER_TIMEOUT};
use super::protocol::Version;
use crate::bundle::is_digest;
use crate::clock;
use crate::manifest::BUNDLE_EXTENSION;
use crate::request::{IdSource, RequestId};

/// The folder in the state folder.
const FOLDER: &str = "deploy";
const RECORD: &str = "record.json";
/// The extension of files that are being written.
const UNFINISHED: &str = "unfinished";

/// The versions of one server.
#[derive(Debug)]
pub(crate) struct Shelf {
    folder: PathBuf,
    record: Record,
    /// The digests of the bundles that are there.
    kept: BTreeSet<String>,
}

/// A file that arrives. It is removed unless it is kept.
#[derive(Debug)]
pub(crate) struct Arriving(PathBuf);

impl Arriving {
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        // It has another name if it was kept.
        let _ = fs::remove_file(&self.0);
    }
}

/// What was committed.
#[derive(Debug, Default, Deserialize, Serialize)]
struct Record {
    /// The newest first.
    versions: Vec<Version>,
    /// The admin listeners of the servers of the last deployment, as URLs.
    peers: Vec<String>,
}

impl Shelf {
    /// Reads what is kept in a state folder. There need not be anything.
    ///
    /// # Errors
    /// The record cannot be read.
    pub(crate) fn open(state: &Path) -> io::Result<Self> {
        let folder = state.join(FOLDER);
        let record = match fs::read(folder.join(RECORD)) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(io::Error::other)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Record::default(),
            Err(error) => return Err(error),
        };
        let kept = kept(&folder);
        remove_abandoned(&folder);
        Ok(Self {
            folder,
            record,
            kept,
        })
    }

    /// The versions that were committed, the newest first.
    pub(crate) fn versions(&self) -> &[Version] {
        &self.record.versions
    }

    /// The current version.
    pub(crate) fn current(&self) -> Option<&Version> {
        self.record.versions.first()
    }

    /// The admin listeners of the servers of the last deployment.
    pub(crate) fn peers(&self) -> &[String] {
        &self.record.peers
    }

    /// The file of the bundle with that digest, whether or not it is there.
    pub(crate) fn bundle(&self, digest: &str) -> PathBuf {
        self.folder.join(digest).with_extension(BUNDLE_EXTENSION)
    }

    /// The digests of the bundles that are there.
    pub(crate) fn kept(&self) -> &BTreeSet<String> {
        &self.kept
    }

    /// Whether the bundle with that digest is there.
    pub(crate) fn has(&self, digest: &str) -> bool {
        self.kept.contains(digest)
    }

    /// A file for a bundle that arrives. [`Self::keep`] gives it its name.
    ///
    /// # Errors
    /// The state folder cannot be written.
    pub(crate) fn arriving(&self) -> io::Result<(Arriving, File)> {
        self.make_folder()?;
        let name = RequestId::generate(&IdSource::from_system());
        let path = self.folder.join(name.as_str()).with_extension(UNFINISHED);
        let file = File::create_new(&path)?;
        Ok((Arriving(path), file))
    }

    /// Keeps a bundle that has arrived and is on the disk, and was checked, under its digest.
    ///
    /// # Errors
    /// The disk does not take it.
    pub(crate) fn keep(&mut self, arrived: &Path, digest: &str) -> io::Result<()> {
        fs::rename(arrived, self.bundle(digest))?;
        self.kept.insert(digest.to_owned());
        self.sync()
    }

    /// Keeps a copy of the bundle in `file`.
    ///
    /// # Errors
    /// It cannot be read or written.
    pub(crate) fn copy(&mut self, file: &Path, digest: &str) -> io::Result<()> {
        if self.has(digest) {
            return Ok(());
        }
        let (arriving, mut copy) = self.arriving()?;
        io::copy(&mut File::open(file)?, &mut copy)?;
        copy.sync_all()?;
        self.keep(arriving.path(), digest)
    }

    /// Removes a bundle.
    ///
    /// # Errors
    /// The disk does not let it.
    pub(crate) fn remove(&mut self, digest: &str) -> io::Result<()> {
        self.kept.remove(digest);
        fs::remove_file(self.bundle(digest))
    }

    /// Notes the servers of a deployment: one that misses its end asks the others.
    ///
    /// # Errors
    /// The disk does not take it.
    pub(crate) fn know(&mut self, peers: &[String]) -> io::Result<()> {
        if self.record.peers == peers {
            return Ok(());
        }
        let versions = self.record.versions.clone();
        let peers = peers.to_vec();
        self.write(Record { versions, peers })
    }

    /// Makes a version the current one. It is on the disk when this returns.
    ///
    /// # Errors
    /// The disk does not take it; then the version before stays the current one.
    pub(crate) fn commit(&mut self, version: Version) -> io::Result<()> {
        let mut versions = vec![version];
        versions.extend(self.record.versions.iter().cloned());
        versions.truncate(MAX_VERSIONS);
        let peers = self.record.peers.clone();
        self.write(Record { versions, peers })?;
        self.clear_away();
        Ok(())
    }

    fn write(&mut self, record: Record) -> io::Result<()> {
        self.make_folder()?;
        let text = serde_json::to_vec_pretty(&record).map_err(io::Error::other)?;
        let (arriving, mut file) = self.arriving()?;
        file.write_all(&text)?;
        file.sync_all()?;
        fs::rename(arriving.path(), self.folder.join(RECORD))?;
        self.sync()?;
        self.record = record;
        Ok(())
    }

    /// Removes the bundles that are older than those to which anybody goes back.
    fn clear_away(&mut self) {
        let mut wanted: Vec<&str> = Vec::new();
        for version in &self.record.versions {
            let digest = &*version.stamp.digest;
            if !wanted.contains(&digest) && wanted.len() < MAX_KEPT_BUNDLES {
                wanted.push(digest);
            }
        }
        let unwanted = self
            .kept
            .iter()
            .filter(|kept| !wanted.contains(&kept.as_str()));
        let unwanted: Vec<_> = unwanted.cloned().collect();
        for digest in unwanted {
            // One that cannot be removed now is found at the next start.
            let _ = self.remove(&digest);
        }
    }

    fn make_folder(&self) -> io::Result<()> {
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700).create(&self.folder)
    }

    /// Renames are on the disk once the folder is.
    fn sync(&self) -> io::Result<()> {
        File::open(&self.folder)?.sync_all()
    }
}

/// The digests of the bundles in a folder.
fn kept(folder: &Path) -> BTreeSet<String> {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    let digests = files.filter_map(|file| {
        let path = file.path();
        let is_bundle = path.extension().is_some_and(|end| end == BUNDLE_EXTENSION);
        let name = path.file_stem().filter(|_| is_bundle)?.to_str()?;
        is_digest(name).then(|| name.to_owned())
    });
    digests.collect()
}

/// Removes files that processes left when they were killed. No living process writes to one that is so old.
fn remove_abandoned(folder: &Path) {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    let abandoned = files.filter(|file| {
        let path = file.path();
        let modified = file.metadata().and_then(|found| found.modified()).ok();
        let age = modified.and_then(|then| clock::time_of_day().duration_since(then).ok());
        let is_unfinished = path.extension().is_some_and(|end| end == UNFINISHED);
        is_unfinished && age.is_some_and(|age| age > TRANSFER_TIMEOUT)
    });
    abandoned.for_each(|file| drop(fs::remove_file(file.path())));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::Stamp;

    fn version(number: u64) -> Version {
        Version {
            stamp: Stamp {
                number,
                at: 0,
                digest: format!("{number:064x}"),
            },
            version: String::new(),
            commit: None,
            by: String::new(),
            from: String::new(),
        }
    }

    #[test]
    fn versions_survive_the_process_and_the_newest_bundles_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("source");
        fs::write(&source, "a bundle").unwrap();
        let mut shelf = Shelf::open(folder.path()).unwrap();
        shelf.know(&["http://a:1".to_owned()]).unwrap();
        assert!(shelf.current().is_none() && shelf.kept().is_empty());
        for number in 1..=2 * MAX_VERSIONS as u64 {
            let version = version(number);
            shelf.copy(&source, &version.stamp.digest).unwrap();
            shelf.commit(version).unwrap();
        }
        let again = Shelf::open(folder.path()).unwrap();
        assert_eq!(again.versions().len(), MAX_VERSIONS);
        assert_eq!(again.current().map(|of| of.stamp.number), Some(100));
        assert_eq!(again.peers(), ["http://a:1"]);
        assert_eq!(again.kept().len(), MAX_KEPT_BUNDLES);
        assert!(again.bundle(&version(100).stamp.digest).exists());
    }

    #[test]
    fn record_that_cannot_be_read_is_an_error_and_not_an_empty_one() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(FOLDER)).unwrap();
        fs::write(folder.path().join(FOLDER).join(RECORD), "{").unwrap();
        assert!(Shelf::open(folder.path()).is_err());
    }
}
