//! What Debian has to offer when the Rust download site cannot be reached: a compiler, the sources of its standard
//! library, and a C library for WASI.

use std::{
    io::{IsTerminal as _, stdin},
    path::Path,
    process::Command,
};

use crate::{Outcome, process};

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
    if !is_installed(RUSTC_PACKAGE) {
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
    let missing: Vec<&str> = PACKAGES
        .into_iter()
        .filter(|package| !is_installed(package))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    if !process::succeeds(Command::new("apt-get").arg("--version")) {
        return Err(format!(
            "this is not a Debian machine (no apt-get); it needs {}",
            PACKAGES.join(", ")
        )
        .into());
    }
    eprintln!(
        "setup: installing {} with apt-get (about 150 MB)",
        missing.join(", ")
    );
    // One unreachable source among several fails the update, though the packages may be there: the installation
    // below is what decides.
    if let Err(error) = process::run(apt_get()?.arg("update")) {
        eprintln!("setup: {error}; going on with the package lists that are there");
    }
    process::run(
        apt_get()?
            .args(["install", "--yes", "--no-install-recommends"])
            .args(&missing),
    )
    .map_err(|error| {
        format!(
            "{error}\nInstall these packages yourself: {}",
            missing.join(" ")
        )
        .into()
    })
}

fn is_installed(package: &str) -> bool {
    let status = Command::new("dpkg-query")
        .args(["--show", "--showformat", "${db:Status-Status}", package])
        .output();
    status.is_ok_and(|output| output.stdout == b"installed")
}

/// `apt-get`, through `sudo` for all but root. Without a terminal sudo must not wait for a password.
fn apt_get() -> Outcome<Command> {
    if process::output(Command::new("id").arg("-u"))? == "0" {
        return Ok(Command::new("apt-get"));
    }
    let mut sudo = Command::new("sudo");
    if !stdin().is_terminal() {
        sudo.arg("--non-interactive");
    }
    sudo.arg("apt-get");
    Ok(sudo)
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
