//! What Debian has to offer when the Rust download site cannot be reached: a compiler, the sources of its standard
//! library, and a C library for WASI.

use std::{path::Path, process::Command};

use crate::{Outcome, apt, process};

/// Where the package `rustc-web` puts the compiler.
pub(super) const RUSTC: &str = "/usr/bin/rustc";

/// Where the package `cargo-web` puts cargo.
pub(super) const CARGO: &str = "/usr/bin/cargo";

/// Where the package `wasi-libc` puts the C library and its start-up objects.
pub(super) const WASI_LIBC: &str = "/usr/lib/wasm32-wasi";

/// The package whose version says which compiler this is, its Debian revision included.
const RUSTC_PACKAGE: &str = "rustc-web";

/// What is needed, and nothing else. Versions are not pinned: they move with Debian's security updates.
const PACKAGES: [&str; 4] = [RUSTC_PACKAGE, "cargo-web", "rust-web-src", "wasi-libc"];

/// The version of Debian's compiler, `None` when it is not installed.
pub(super) fn rustc_version() -> Option<String> {
    if !apt::is_installed(RUSTC_PACKAGE) {
        return None;
    }
    process::output(Command::new("dpkg-query").args([
        "--show",
        "--showformat",
        "${Version}",
        RUSTC_PACKAGE,
    ]))
    .ok()
}

/// Installs those of [`PACKAGES`] that are missing.
///
/// # Errors
/// When this is not Debian, or the user may not install packages, or apt fails; the message names the packages.
pub(super) fn install_packages() -> Outcome {
    apt::install(&PACKAGES)
}

/// The files of the C library that the linker looks for beside Rust's own: archives and start-up objects.
///
/// # Errors
/// When the folder cannot be read.
pub(super) fn wasi_libc_files() -> Outcome<Vec<std::path::PathBuf>> {
    let folder = Path::new(WASI_LIBC);
    let entries = folder
        .read_dir()
        .map_err(|error| format!("cannot read {WASI_LIBC}: {error}"))?;
    let mut files = Vec::new();
    for entry in entries {
        let file = entry?.path();
        if file
            .extension()
            .is_some_and(|extension| extension == "a" || extension == "o")
        {
            files.push(file);
        }
    }
    Ok(files)
}
