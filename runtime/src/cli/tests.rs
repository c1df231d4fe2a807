//! What the tests of the commands share.

use std::fs;
use std::path::Path;

use clap::Parser;
use tempfile::TempDir;

use super::arguments::Arguments;
use crate::manifest::{App, MANIFEST_FILE};

mod arguments;

/// The app of a manifest with these components, in a directory that is gone by now.
pub(super) fn app(components: &str) -> App {
    let directory = directory(components);
    load(directory.path())
}

/// A directory with a manifest of these components, each at a route of its own.
pub(super) fn directory(components: &str) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    write_manifest(directory.path(), components);
    directory
}

/// Writes a manifest of these components.
pub(super) fn write_manifest(directory: &Path, components: &str) {
    let head = "spin_manifest_version = 2\napplication = { name = 'shop' }\n";
    let trigger = "[[trigger.http]]\nroute = '/'\nstatic_response = { body = 'hello' }\n";
    let manifest = format!("{head}{components}{trigger}");
    fs::write(directory.join(MANIFEST_FILE), manifest).unwrap();
}

/// The app of a directory.
pub(super) fn load(directory: &Path) -> App {
    App::load_unbuilt(directory).unwrap_or_else(|faults| panic!("{faults}"))
}

/// A component whose source is `ID.wasm`.
pub(super) fn component_built_by(id: &str, command: &str, watch: &[&str]) -> String {
    format!(
        "[component.{id}]\nsource = '{id}.wasm'\n[component.{id}.build]\ncommand = '''{command}'''\nwatch = {watch:?}\n"
    )
}

/// What a command line means.
pub(super) fn parse(line: &str) -> Result<Arguments, clap::Error> {
    Arguments::try_parse_from(line.split_whitespace())
}
