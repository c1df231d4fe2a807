//! The digest of what answers requests: servers whose digests differ share no responses.

use std::{io, iter};

use crate::bundle::Bundle;
use crate::manifest::App;

/// The part of a digest that is kept, in characters: none is like another by chance.
const DIGEST_LENGTH: usize = 32;

/// The digest of an app: its manifest, and the code of its components and of their dependencies.
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
    }
    Ok(shortened(&hasher.finalize()))
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
