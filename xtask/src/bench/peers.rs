//! Finds and installs the servers that Terrace is measured against.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::{Outcome, apt, process, workspace::cache_folder};

/// The version of wasmtime's command line with the same engine as Terrace.
const WASMTIME_VERSION: &str = "^48";

/// Programs from Debian's packages: the package, the program, and the option that prints its version.
const DEBIAN_PACKAGES: [(&str, &str, &str); 5] = [
    ("nginx-light", "/usr/sbin/nginx", "-v"),
    ("varnish", "/usr/sbin/varnishd", "-V"),
    ("haproxy", "/usr/sbin/haproxy", "-v"),
    ("wrk", "wrk", "-v"),
    ("nghttp2-client", "h2load", "--version"),
];

/// Installs missing servers: `wasmtime` and `workerd` into the cache folder; the others on the machine.
///
/// # Errors
/// When one of them cannot be installed. The bench also runs without it.
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

/// The folders with installed servers, besides those in the user's `PATH`.
///
/// # Errors
/// When the user's cache folder is unknown.
pub(crate) fn folders() -> Outcome<Vec<PathBuf>> {
    let folder = cache_folder()?;
    let modules = folder.join("bench/node_modules");
    let mut folders = vec![folder.join("tools/bin")];
    // The programs come before npm's script that starts one of them, so that the bench does not measure the script.
    folders.extend(programs_of_workerd(&modules));
    folders.push(modules.join(".bin"));
    Ok(folders)
}

/// npm has one package per platform and installs the matching one.
fn programs_of_workerd(modules: &Path) -> Vec<PathBuf> {
    let packages = modules.join("@cloudflare").read_dir();
    let packages = packages.into_iter().flatten().flatten();
    packages.map(|package| package.path().join("bin")).collect()
}

fn cargo_install(folder: &Path) -> Command {
    let mut cargo = Command::new("cargo");
    cargo.args(["install", "--locked", "wasmtime-cli", "--version"]);
    cargo.arg(WASMTIME_VERSION).arg("--root").arg(folder);
    // Builds in a folder of its own, wherever the workspace builds.
    cargo.env_remove("CARGO_TARGET_DIR");
    cargo
}

/// Whether a program starts. Its exit code does not count, because wrk prints its version with exit code 1.
fn is_installed(program: &str, option: &str) -> bool {
    Command::new(program).arg(option).output().is_ok()
}
