//! Manifests and what is found wrong with them.

use std::fs;

use tempfile::TempDir;

use super::*;
use crate::fault::Fault;

mod components;
mod faults;
mod files;
mod hostile;

/// The least that every manifest has.
pub(super) const HEAD: &str = "spin_manifest_version = 2\napplication = { name = 'shop' }\n";

/// One component and its trigger.
pub(super) const HELLO: &str = "
    [[trigger.http]]
    route = '/hello'
    component = 'hello'
    [component.hello]
    source = 'hello.wasm'
    ";

/// A directory with `hello.wasm` and a manifest.
pub(super) fn directory(manifest: &str) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("hello.wasm"), b"").unwrap();
    fs::write(directory.path().join(MANIFEST_FILE), manifest).unwrap();
    directory
}

/// The app of a manifest that is right.
pub(crate) fn load(manifest: &str) -> App {
    let directory = directory(manifest);
    App::load(directory.path()).unwrap_or_else(|faults| panic!("{faults}"))
}

/// What is wrong with a manifest.
pub(super) fn faults(manifest: &str) -> Vec<Fault> {
    let directory = directory(manifest);
    let Err(Faults(faults)) = App::load(directory.path()) else {
        panic!("no fault is found in {manifest}");
    };
    faults
}
