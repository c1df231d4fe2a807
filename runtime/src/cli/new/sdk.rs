//! Where a new project finds the `terrace-sdk` crate. It is not on crates.io yet, so projects name its folder.

use std::fs;
use std::path::{Path, PathBuf};

use crate::fault::Reason;

/// The crate in the checkout that this command was built from, whether that is still there or not.
pub(super) fn of_this_checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../sdk")
}

/// The folder of the crate: the one that was `given`, else the one of the `checkout`.
///
/// # Errors
/// The crate is not there.
pub(super) fn locate(given: Option<&Path>, checkout: &Path) -> Result<PathBuf, Reason> {
    let folder = given.unwrap_or(checkout);
    if let Some(folder) = folder.canonicalize().ok().filter(|folder| is_sdk(folder)) {
        return Ok(folder);
    }
    let reason = match given {
        Some(_) => Reason::new(format!(
            "`{}` is not the `terrace-sdk` crate",
            folder.display()
        )),
        None => Reason::new(
            "the checkout that this command was built from is gone, and `terrace-sdk` is not on crates.io yet",
        ),
    };
    Err(reason.help("name the folder `sdk` of a checkout of Terrace: `--sdk path/to/terrace/sdk`"))
}

fn is_sdk(folder: &Path) -> bool {
    let manifest = fs::read_to_string(folder.join("Cargo.toml"));
    let manifest = manifest
        .ok()
        .and_then(|text| text.parse::<toml::Table>().ok());
    let name = manifest
        .as_ref()
        .and_then(|table| table.get("package")?.get("name")?.as_str());
    name == Some("terrace-sdk")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crate_called(name: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let manifest = format!("[package]\nname = '{name}'\n");
        fs::write(folder.path().join("Cargo.toml"), manifest).unwrap();
        folder
    }

    #[test]
    fn folder_that_was_given_comes_before_the_checkout() {
        let given = crate_called("terrace-sdk");
        let checkout = crate_called("terrace-sdk");
        let located = |given| locate(given, checkout.path()).unwrap();
        assert_eq!(
            located(Some(given.path())),
            given.path().canonicalize().unwrap()
        );
        assert_eq!(located(None), checkout.path().canonicalize().unwrap());
    }

    #[test]
    fn other_crates_and_missing_checkouts_are_refused_with_what_to_do() {
        let other = crate_called("other");
        let reason = locate(Some(other.path()), Path::new("/nowhere")).unwrap_err();
        assert!(
            reason.message.contains("is not the `terrace-sdk` crate"),
            "{reason:?}"
        );
        let reason = locate(None, Path::new("/nowhere")).unwrap_err();
        assert!(
            reason.message.contains("not on crates.io yet"),
            "{reason:?}"
        );
        assert!(reason.suggestion.unwrap().contains("--sdk"));
    }
}
