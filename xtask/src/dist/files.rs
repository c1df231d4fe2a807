//! Puts files into the folders that packages are made of, with modes that do not depend on this machine.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use crate::Outcome;

/// Copies a file, with its folders.
///
/// # Errors
/// When it cannot be copied; the message names it.
pub(super) fn put(from: &Path, to: &Path, mode: u32) -> Outcome {
    let folder = to.parent().ok_or("a file of the package has a folder")?;
    fs::create_dir_all(folder)?;
    fs::copy(from, to).map_err(|error| format!("{} cannot be copied: {error}", from.display()))?;
    fs::set_permissions(to, fs::Permissions::from_mode(mode))?;
    Ok(())
}

/// Gives folders the same mode, whatever the umask is.
///
/// # Errors
/// When one cannot be read or changed.
pub(super) fn fix_folders(folder: &Path) -> Outcome {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        // A link may lead out of the folder.
        if entry.file_type()?.is_dir() {
            fix_folders(&entry.path())?;
        }
    }
    Ok(())
}
