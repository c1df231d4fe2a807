//! The folders of the workspace: the root, the target folder, the guests, and the cache outside the clone.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::{Outcome, process};

/// Folders whose packages are all guests: they are compiled to WebAssembly.
pub(crate) const GUEST_FOLDERS: [&str; 2] = ["functions", "tests/guests"];

/// The workspace as `cargo metadata` describes it.
#[derive(Debug, PartialEq)]
pub(crate) struct Workspace {
    /// The clone's root folder.
    pub(crate) root: PathBuf,
    /// The target folder of host builds.
    pub(crate) target: PathBuf,
    /// The names of the guests.
    pub(crate) guests: Vec<String>,
}

impl Workspace {
    /// Asks cargo about the workspace of the current folder.
    ///
    /// # Errors
    /// When a manifest of the workspace is faulty; the message is cargo's.
    pub(crate) fn read() -> Outcome<Self> {
        Self::parse(&process::output(cargo()?.args([
            "metadata",
            "--no-deps",
            "--format-version",
            "1",
        ]))?)
    }

    fn parse(metadata: &str) -> Outcome<Self> {
        let metadata: Value = serde_json::from_str(metadata)?;
        let root = path_of(&metadata, "workspace_root")?;
        let packages = metadata["packages"]
            .as_array()
            .map_or(&[][..], Vec::as_slice);
        let guests = packages.iter().filter(|package| is_guest(&root, package));
        let guests = guests.filter_map(|package| package["name"].as_str().map(ToOwned::to_owned));
        let guests = guests.collect();
        Ok(Self {
            target: path_of(&metadata, "target_directory")?,
            guests,
            root,
        })
    }

    /// Cargo for the host, in the root of this workspace.
    ///
    /// # Errors
    /// When the user's cache folder is needed and unknown.
    pub(crate) fn cargo(&self) -> Outcome<Command> {
        let mut cargo = cargo()?;
        cargo.current_dir(&self.root);
        Ok(cargo)
    }
}

/// The cache folder, for results that are expensive and do not belong to one clone: `$XDG_CACHE_HOME/terrace`, usually
/// `~/.cache/terrace`.
///
/// # Errors
/// When neither `XDG_CACHE_HOME` nor `HOME` is set.
pub(crate) fn cache_folder() -> Outcome<PathBuf> {
    let base = variable("XDG_CACHE_HOME").map(PathBuf::from);
    let base = base.or_else(|| variable("HOME").map(|home| Path::new(&home).join(".cache")));
    Ok(base
        .ok_or("neither HOME nor XDG_CACHE_HOME is set: set one, builds are kept there")?
        .join("terrace"))
}

/// The cargo of the active toolchain. In CI it builds into the cache folder: CI starts from a new clone each time, and the
/// dependencies, mainly wasmtime, take most of the build time.
fn cargo() -> Outcome<Command> {
    let mut cargo = Command::new(variable("CARGO").unwrap_or_else(|| "cargo".to_owned()));
    if variable("CI").is_some() && variable("CARGO_TARGET_DIR").is_none() {
        cargo.env("CARGO_TARGET_DIR", cache_folder()?.join("target"));
    }
    Ok(cargo)
}

fn is_guest(root: &Path, package: &Value) -> bool {
    let manifest = Path::new(package["manifest_path"].as_str().unwrap_or_default());
    GUEST_FOLDERS
        .iter()
        .any(|folder| manifest.starts_with(root.join(folder)))
}

/// The value of an environment variable that is set and not empty.
fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

fn path_of(metadata: &Value, key: &str) -> Outcome<PathBuf> {
    let path = metadata[key]
        .as_str()
        .ok_or_else(|| format!("`cargo metadata` printed no `{key}`"))?;
    Ok(PathBuf::from(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guests_are_found_by_their_folder() {
        let metadata = r#"{"workspace_root": "/clone", "target_directory": "/clone/target", "packages": [
            {"name": "terrace", "manifest_path": "/clone/runtime/Cargo.toml"},
            {"name": "terrace-tests", "manifest_path": "/clone/tests/Cargo.toml"},
            {"name": "hello", "manifest_path": "/clone/functions/hello/Cargo.toml"},
            {"name": "looper", "manifest_path": "/clone/tests/guests/looper/Cargo.toml"}
        ]}"#;
        let workspace = Workspace::parse(metadata).unwrap();
        assert_eq!(workspace.guests, ["hello", "looper"]);
    }

    #[test]
    fn metadata_without_a_root_is_an_error_that_names_it() {
        let error = Workspace::parse("{}").unwrap_err().to_string();
        assert_eq!(error, "`cargo metadata` printed no `workspace_root`");
    }
}
