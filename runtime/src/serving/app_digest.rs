//! The digest of what answers requests: servers whose digests differ share no responses.

use std::fs::File;
use std::path::Path;
use std::{io, iter};

use crate::bundle::Bundle;
use crate::manifest::{App, FileMount};

/// The part of a digest that is kept, in characters: none is like another by chance.
const DIGEST_LENGTH: usize = 32;

/// The digest of an app: its manifest, the code of its components and of their dependencies, and the files that they may read.
///
/// # Errors
/// If a file cannot be read.
pub(super) fn of(app: &App) -> io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(blake3::hash(&std::fs::read(&app.manifest)?).as_bytes());
    for component in &app.components {
        let dependencies = component.dependencies.iter().map(|one| &one.source);
        for code in iter::once(&component.source).chain(dependencies) {
            hasher.update(blake3::hash(&std::fs::read(code)?).as_bytes());
        }
        for FileMount { host, guest } in &component.files {
            // A folder is there without its contents, which are mounted themselves.
            let digest = match host.is_dir() {
                true => blake3::hash(b"folder"),
                false => of_file(host)?,
            };
            hasher.update(blake3::hash(guest.as_bytes()).as_bytes());
            hasher.update(digest.as_bytes());
        }
    }
    Ok(shortened(&hasher.finalize()))
}

/// The digest of a file, of which little is in memory at a time.
fn of_file(path: &Path) -> io::Result<blake3::Hash> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(File::open(path)?)?;
    Ok(hasher.finalize())
}

/// The digest of an app in a bundle: that of all its files.
pub(super) fn of_bundle(bundle: &Bundle) -> String {
    let mut digest = bundle.digest.clone();
    digest.truncate(DIGEST_LENGTH);
    digest
}

/// The digest of the origins of an edge, by their names.
pub(super) fn of_origins(name: &str) -> String {
    shortened(&blake3::hash(name.as_bytes()))
}

fn shortened(digest: &blake3::Hash) -> String {
    let mut digest = digest.to_hex().to_string();
    digest.truncate(DIGEST_LENGTH);
    digest
}
