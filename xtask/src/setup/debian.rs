//! Debian's packages for guests, for machines that cannot reach the Rust download site: a compiler, the sources of its
//! standard library, and a C library for WASI.

use std::{path::Path, process::Command};

use crate::{Outcome, apt, process};

/// The compiler of the package `rustc-web`.
pub(super) const RUSTC: &str = "/usr/bin/rustc";

/// The cargo of the package `cargo-web`.
pub(super) const CARGO: &str = "/usr/bin/cargo";

/// The C library and its start-up objects, from the package `wasi-libc`.
pub(super) const WASI_LIBC: &str = "/usr/lib/wasm32-wasi";

/// The package whose version identifies the compiler, with its Debian revision.
const RUSTC_PACKAGE: &str = "rustc-web";

/// The packages that are needed. Versions are not pinned, so that Debian's security updates apply.
const PACKAGES: [&str; 4] = [RUSTC_PACKAGE, "cargo-web", "rust-web-src", "wasi-libc"];

/// The version of Debian's compiler; `None` if it is not installed.
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

/// Installs missing [`PACKAGES`].
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
