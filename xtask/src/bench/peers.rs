//! The peers that Terrace is measured against: where they are kept, and how they are installed.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::{Outcome, apt, process, workspace::cache_folder};

/// The release of wasmtime's command line that has the engine of Terrace.
const WASMTIME_VERSION: &str = "^48";

/// What is installed for all users: Debian's package, its program, and the option with which that says its version.
const DEBIAN_PACKAGES: [(&str, &str, &str); 3] = [
    ("nginx-light", "/usr/sbin/nginx", "-v"),
    ("varnish", "/usr/sbin/varnishd", "-V"),
    ("wrk", "wrk", "-v"),
];

/// Installs what is missing: `wasmtime` and `workerd` into the cache folder, nginx, Varnish and wrk on the machine.
///
/// # Errors
/// When one of them cannot be installed. The bench runs without it all the same.
pub(crate) fn install() -> Outcome {
    let folder = cache_folder()?;
    if !folder.join("tools/bin/wasmtime").exists() && !is_installed("wasmtime", "--version") {
        eprintln!("installing wasmtime (about ten minutes, once)");
        process::run(&mut cargo_install(&folder.join("tools")))?;
    }
    if !folder.join("bench/node_modules/workerd").exists() {
        process::run(
            Command::new("npm")
                .args(["install", "--no-audit", "--no-fund", "--prefix"])
                .arg(folder.join("bench"))
                .arg("workerd"),
        )?;
    }
    let missing: Vec<&str> = DEBIAN_PACKAGES
        .into_iter()
        .filter(|(_, program, option)| !is_installed(program, option))
        .map(|(package, _, _)| package)
        .collect();
    apt::install(&missing)
}

/// The folders in which installed peers are found, besides those of the user's `PATH`.
///
/// # Errors
/// When the user's cache folder is unknown.
pub(crate) fn folders() -> Outcome<Vec<PathBuf>> {
    let folder = cache_folder()?;
    let modules = folder.join("bench/node_modules");
    let mut folders = vec![folder.join("tools/bin")];
    // The programs themselves come before the script that starts one of them, which would be measured too.
    folders.extend(programs_of_workerd(&modules));
    folders.push(modules.join(".bin"));
    Ok(folders)
}

/// npm has one package for each platform and installs the one that fits.
fn programs_of_workerd(modules: &Path) -> Vec<PathBuf> {
    let packages = modules.join("@cloudflare").read_dir();
    let packages = packages.into_iter().flatten().flatten();
    packages.map(|package| package.path().join("bin")).collect()
}

fn cargo_install(folder: &Path) -> Command {
    let mut cargo = Command::new("cargo");
    cargo.args(["install", "--locked", "wasmtime-cli", "--version"]);
    cargo.arg(WASMTIME_VERSION).arg("--root").arg(folder);
    // Built in a folder of its own, wherever the workspace builds.
    cargo.env_remove("CARGO_TARGET_DIR");
    cargo
}

/// Whether a program starts. wrk ends its version with exit code 1, so how it ends says nothing.
fn is_installed(program: &str, option: &str) -> bool {
    Command::new(program).arg(option).output().is_ok()
}
