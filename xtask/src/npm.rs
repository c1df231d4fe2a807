//! Installs Node.js, and the packages of a `package.json` with its lock, once, into the cache folder.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{Outcome, apt, process, workspace::cache_folder};

/// The files that list the packages, each with its hash.
const PACKAGE_FILES: [&str; 2] = ["package.json", "package-lock.json"];

/// Installs the packages that the [`PACKAGE_FILES`] in `source` list, unless they are installed. Returns the folder `name` of
/// the cache, which has `node_modules`.
///
/// # Errors
/// When Node.js or a package can be neither found nor installed.
pub(crate) fn install(source: &Path, name: &str) -> Outcome<PathBuf> {
    install_node()?;
    let folder = cache_folder()?.join(name);
    if !is_current(source, &folder)? {
        eprintln!("installing {name} from npm (some seconds, once)");
        install_into(&folder, source).map_err(|error| {
            format!(
                "{error}\nnpm could not install what package.json asks for; npm's message is above"
            )
        })?;
    }
    Ok(folder)
}

/// Installs Debian's Node.js and npm if there are none.
fn install_node() -> Outcome {
    let is_there = |program| process::succeeds(Command::new(program).arg("--version"));
    if is_there("node") && is_there("npm") {
        return Ok(());
    }
    apt::install(&["nodejs", "npm"]).map_err(|error| {
        format!("this needs Node.js and npm, which are at https://nodejs.org too: {error}").into()
    })
}

/// Whether `folder` has the packages that the files in `source` list.
fn is_current(source: &Path, folder: &Path) -> Outcome<bool> {
    for name in PACKAGE_FILES {
        let path = source.join(name);
        let wanted =
            fs::read(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        if fs::read(folder.join(name)).ok() != Some(wanted) {
            return Ok(false);
        }
    }
    Ok(folder.join("node_modules").is_dir())
}

/// Installs into another folder first, so that an interrupted installation does not look complete. Scripts of packages do
/// not run.
fn install_into(folder: &Path, source: &Path) -> Outcome {
    let new = folder.with_extension(std::process::id().to_string());
    fs::create_dir_all(&new)?;
    for name in PACKAGE_FILES {
        fs::copy(source.join(name), new.join(name))?;
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
    let installed = process::run(npm.current_dir(&new).env("PWD", &new));
    let outcome = installed.and_then(|()| put_in_place(&new, folder));
    if outcome.is_err() {
        fs::remove_dir_all(&new)?;
    }
    outcome
}

fn put_in_place(new: &Path, folder: &Path) -> Outcome {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    Ok(fs::rename(new, folder)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn installation_is_current_while_both_files_are_the_same() {
        let (source, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for name in PACKAGE_FILES {
            fs::write(source.path().join(name), "{}").unwrap();
            fs::write(folder.path().join(name), "{}").unwrap();
        }
        let is_current = || is_current(source.path(), folder.path()).unwrap();
        assert!(!is_current());
        fs::create_dir(folder.path().join("node_modules")).unwrap();
        assert!(is_current());
        fs::write(source.path().join("package-lock.json"), "{\"a\": 1}").unwrap();
        assert!(!is_current());
    }

    #[test]
    fn missing_package_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = is_current(folder.path(), folder.path()).unwrap_err();
        assert!(error.to_string().contains("package.json"), "{error}");
    }
}
