//! Finds the bundles that a path names, and unpacks one for the time in which its app is loaded.
//! Their form is left to [`crate::bundle`], the choice among them to `bundles`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::bundle::{self, Bundle};
use crate::deployment::ProcessFolder;
use crate::fault::{Fault, Faults, Reason};
use crate::manifest::{BUNDLE_EXTENSION, MANIFEST_FILE};
use crate::settings::Config;

/// The folder in the state folder where bundles are unpacked.
const UNPACKED_DIRECTORY: &str = "bundles";

/// A file with a bundle, as it was at one moment: one that is being copied changes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BundleFile {
    modified: SystemTime,
    /// The file.
    pub path: PathBuf,
    length: u64,
}

/// The newest bundle in a folder: the file that was changed last.
#[must_use]
pub fn newest_bundle(folder: &Path) -> Option<BundleFile> {
    in_folder(folder).into_iter().max()
}

fn in_folder(folder: &Path) -> Vec<BundleFile> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let files = entries.filter_map(|entry| BundleFile::at(entry.path()));
    files.collect()
}

impl BundleFile {
    fn at(path: PathBuf) -> Option<Self> {
        let is_bundle = path
            .extension()
            .is_some_and(|found| found == BUNDLE_EXTENSION);
        let found = fs::metadata(&path).ok().filter(|_| is_bundle)?;
        Some(Self {
            modified: found.modified().ok().filter(|_| found.is_file())?,
            length: found.len(),
            path,
        })
    }
}

/// The bundles that a path names, the newest first; none if it names a manifest.
pub(super) fn named(path: &Path) -> Vec<BundleFile> {
    if !path.is_dir() {
        return BundleFile::at(path.to_owned()).into_iter().collect();
    }
    if path.join(MANIFEST_FILE).exists() {
        return Vec::new();
    }
    let mut files = in_folder(path);
    files.sort_unstable();
    files.reverse();
    files
}

/// A bundle whose files are in a folder of this process. They are removed with it: what is loaded needs them no more.
pub(super) struct Unpacked {
    pub(super) bundle: Bundle,
    file: PathBuf,
    folder: ProcessFolder,
}

impl Unpacked {
    /// Checks a bundle and unpacks it.
    pub(super) fn of(file: &Path, config: &Config, state: &Path) -> Result<Self, Faults> {
        let directory = state.join(UNPACKED_DIRECTORY);
        let folder = ProcessFolder::make(&directory).map_err(|error| {
            let what = format!("cannot be unpacked in {}: {error}", directory.display());
            Fault::new(
                file,
                Reason::new(what).help("choose another with --state-dir"),
            )
        })?;
        let trusted = config.deploy.trusted_keys.as_deref();
        let bundle = bundle::read(file, trusted, Some(folder.path()))?;
        Ok(Self {
            bundle,
            file: file.to_owned(),
            folder,
        })
    }

    pub(super) fn root(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    pub(super) fn manifest(&self) -> PathBuf {
        self.root().join(&self.bundle.index.manifest)
    }

    /// Faults as the user knows the files: in the bundle, and not where it was unpacked.
    pub(super) fn renamed(&self, mut faults: Faults) -> Faults {
        let root = self.root().to_string_lossy();
        let absolute = std::path::absolute(self.root());
        let absolute = absolute
            .as_ref()
            .map_or(root.clone(), |path| path.to_string_lossy());
        let file = self.file.to_string_lossy();
        let known = |text: &str| text.replace(&*absolute, &file).replace(&*root, &file);
        for fault in &mut faults.0 {
            fault.message = known(&fault.message);
            fault.file = known(&fault.file.to_string_lossy()).into();
        }
        faults
    }
}
