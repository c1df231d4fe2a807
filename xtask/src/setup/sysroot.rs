//! Makes a toolchain for guests from Debian's compiler: the standard library, built for the guest targets, and links to
//! everything else.
//!
//! ```text
//! ~/.cache/terrace/guest-sysroot/<version of rustc-web>/
//!   bin/rustc                       runs Debian's rustc with this sysroot
//!   bin/cargo                       -> Debian's cargo
//!   lib/rustlib/<guest target>/lib  the standard library, built here; for WASI, Debian's C library beside it
//!   lib/rustlib/<host>/lib          -> Debian's: build scripts and procedural macros need it
//!   lib/rustlib/<host>/bin          -> the active toolchain's: rust-lld and wasm-component-ld
//! ```

use std::{
    fs::{self, File},
    io,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::Command,
};

use super::{
    FALLBACK_TOOLCHAIN, GUEST_TARGETS, debian, has_standard_library, without_outer_toolchain,
};
use crate::{Outcome, process, workspace::cache_folder};

/// The linker of components, which Debian does not package.
const COMPONENT_LINKER: &str = "wasm-component-ld";

/// An empty crate. To compile it, cargo builds the standard library.
const SEED_MANIFEST: &str = "[package]\nname = \"terrace-seed\"\nedition = \"2024\"\n[workspace]\n";

/// Whether rustup's [`FALLBACK_TOOLCHAIN`] is complete and was built with this version of Debian's compiler. The compiler cannot
/// read libraries of another version.
pub(super) fn is_current(version: &str) -> bool {
    folder()
        .is_ok_and(|folder| is_complete(&folder.join(version)) && is_linked(&folder.join(version)))
}

/// Builds the sysroot and links it as a rustup toolchain. An interrupted build never looks complete.
///
/// # Errors
/// When something cannot be built or written, or the active toolchain has no linker for components.
pub(super) fn build(version: &str) -> Outcome {
    let folder = folder()?;
    let _lock = lock(&folder)?;
    let sysroot = folder.join(version);
    // Another process may have built it while this one waited for the lock.
    if !is_complete(&sysroot) {
        build_in(&folder.join("unfinished"), &sysroot)?;
    }
    process::run(
        Command::new("rustup")
            .args(["toolchain", "link", FALLBACK_TOOLCHAIN])
            .arg(&sysroot),
    )?;
    remove_others(&folder, &sysroot)
}

/// Adds a target to the sysroot of that version, if it is not there.
///
/// # Errors
/// When it cannot be built or written.
pub(super) fn add(version: &str, target: &str) -> Outcome {
    let folder = folder()?;
    let _lock = lock(&folder)?;
    let place = target_folder(&folder.join(version), target);
    if has_standard_library(&place.join("lib")) {
        return Ok(());
    }
    let unfinished = folder.join("unfinished");
    remove(&unfinished)?;
    build_target(&unfinished, target)?;
    remove(&place)?;
    let built = target_folder(&unfinished, target);
    fs::rename(&built, &place).map_err(|error| cannot("rename", &built, &error))?;
    remove(&unfinished)
}

/// Takes the lock, which keeps other processes from building until the file is dropped.
fn lock(folder: &Path) -> Outcome<File> {
    fs::create_dir_all(folder).map_err(|error| cannot("create", folder, &error))?;
    let path = folder.join("lock");
    let lock = File::create(&path).map_err(|error| cannot("create", &path, &error))?;
    lock.lock().map_err(|error| cannot("lock", &path, &error))?;
    Ok(lock)
}

/// Builds in a folder of another name and renames it as the last step.
fn build_in(unfinished: &Path, sysroot: &Path) -> Outcome {
    remove(unfinished)?;
    link_host(unfinished, sysroot)?;
    for target in GUEST_TARGETS {
        build_target(unfinished, target)?;
    }
    remove(sysroot)?;
    Ok(fs::rename(unfinished, sysroot).map_err(|error| cannot("rename", unfinished, &error))?)
}

/// Builds the libraries of one target into the unfinished sysroot.
fn build_target(unfinished: &Path, target: &str) -> Outcome {
    eprintln!("setup: building the standard library for {target} (about a minute)");
    let seed = unfinished.join("seed");
    write(&seed.join("Cargo.toml"), SEED_MANIFEST)?;
    write(&seed.join("src/lib.rs"), "#![no_std]\n")?;
    build_standard_library(&seed, target)?;
    let libraries = target_folder(unfinished, target).join("lib");
    copy_libraries(&seed, target, &libraries)?;
    remove(&seed)
}

/// Links the compiler, cargo, the host's libraries and the linkers into the sysroot.
fn link_host(unfinished: &Path, sysroot: &Path) -> Outcome {
    let host = target_folder(unfinished, &debian_rustc("host-tuple")?);
    fs::create_dir_all(&host).map_err(|error| cannot("create", &host, &error))?;
    link(&linkers()?, &host.join("bin"))?;
    link(
        Path::new(&debian_rustc("target-libdir")?),
        &host.join("lib"),
    )?;
    let quoted = sysroot.to_string_lossy().replace('\'', r"'\''");
    let rustc = unfinished.join("bin/rustc");
    write(
        &rustc,
        &format!(
            "#!/bin/sh\nexec {} --sysroot '{quoted}' \"$@\"\n",
            debian::RUSTC
        ),
    )?;
    fs::set_permissions(&rustc, fs::Permissions::from_mode(0o755))
        .map_err(|error| cannot("change", &rustc, &error))?;
    link(Path::new(debian::CARGO), &unfinished.join("bin/cargo"))
}

/// The folder of the active toolchain with rust-lld and the linker of components.
fn linkers() -> Outcome<PathBuf> {
    let rustc = |what| process::output(Command::new("rustc").args(["--print", what]));
    let folder = target_folder(Path::new(&rustc("sysroot")?), &rustc("host-tuple")?).join("bin");
    if folder.join(COMPONENT_LINKER).exists() {
        return Ok(folder);
    }
    let folder = folder.display();
    Err(format!(
        "{folder} has no {COMPONENT_LINKER}: use a toolchain of rustup (`rustup default stable`)"
    )
    .into())
}

/// Bitcode is embedded so that guests can be linked with optimisation across crates, the standard library included.
fn build_standard_library(seed: &Path, target: &str) -> Outcome {
    let mut cargo = Command::new(debian::CARGO);
    without_outer_toolchain(&mut cargo);
    cargo.current_dir(seed).args([
        "build",
        "--release",
        "-Zbuild-std=std,panic_abort",
        "--target",
        target,
    ]);
    cargo
        .args(["--target-dir", "target"])
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    cargo
        .env("RUSTC", debian::RUSTC)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTFLAGS", "-Cembed-bitcode=yes");
    process::run(&mut cargo)
}

fn copy_libraries(seed: &Path, target: &str, libraries: &Path) -> Outcome {
    let built = seed.join("target").join(target).join("release/deps");
    for entry in built
        .read_dir()
        .map_err(|error| cannot("read", &built, &error))?
    {
        let file = entry?.path();
        let is_seed = file
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with("libterrace_seed"));
        if file
            .extension()
            .is_some_and(|extension| extension == "rlib")
            && !is_seed
        {
            copy(&file, libraries)?;
        }
    }
    if target.contains("-wasi") {
        for file in debian::wasi_libc_files()? {
            copy(&file, &libraries.join("self-contained"))?;
        }
    }
    Ok(())
}

/// Whether every part is there, and every link leads somewhere: an update of the active toolchain may have moved its files.
fn is_complete(sysroot: &Path) -> bool {
    let has_target =
        |target: &&str| has_standard_library(&target_folder(sysroot, target).join("lib"));
    let hosts = sysroot
        .join("lib/rustlib")
        .read_dir()
        .into_iter()
        .flatten()
        .flatten();
    sysroot.join("bin/rustc").exists()
        && sysroot.join("bin/cargo").exists()
        && GUEST_TARGETS.iter().all(has_target)
        && hosts
            .into_iter()
            .any(|host| host.path().join("bin").join(COMPONENT_LINKER).exists())
}

/// Whether rustup's toolchain is this sysroot.
fn is_linked(sysroot: &Path) -> bool {
    let mut rustc = Command::new("rustc");
    without_outer_toolchain(&mut rustc);
    rustc
        .env("RUSTUP_TOOLCHAIN", FALLBACK_TOOLCHAIN)
        .args(["--print", "sysroot"]);
    process::output(&mut rustc).is_ok_and(|printed| Path::new(&printed) == sysroot)
}

/// Removes the sysroots of other compiler versions.
fn remove_others(folder: &Path, sysroot: &Path) -> Outcome {
    for entry in folder
        .read_dir()
        .map_err(|error| cannot("read", folder, &error))?
    {
        let path = entry?.path();
        if path.is_dir() && path != sysroot {
            remove(&path)?;
        }
    }
    Ok(())
}

fn folder() -> Outcome<PathBuf> {
    Ok(cache_folder()?.join("guest-sysroot"))
}

fn target_folder(sysroot: &Path, target: &str) -> PathBuf {
    sysroot.join("lib/rustlib").join(target)
}

fn debian_rustc(print: &str) -> Outcome<String> {
    let mut rustc = Command::new(debian::RUSTC);
    without_outer_toolchain(&mut rustc);
    process::output(rustc.args(["--print", print]))
}

fn copy(file: &Path, folder: &Path) -> Outcome {
    fs::create_dir_all(folder).map_err(|error| cannot("create", folder, &error))?;
    let name = file
        .file_name()
        .ok_or_else(|| format!("{} is not a file", file.display()))?;
    fs::copy(file, folder.join(name)).map_err(|error| cannot("copy", file, &error))?;
    Ok(())
}

fn link(original: &Path, path: &Path) -> Outcome {
    Ok(symlink(original, path).map_err(|error| cannot("create", path, &error))?)
}

fn write(file: &Path, text: &str) -> Outcome {
    let folder = file
        .parent()
        .ok_or_else(|| format!("{} has no folder", file.display()))?;
    fs::create_dir_all(folder).map_err(|error| cannot("create", folder, &error))?;
    Ok(fs::write(file, text).map_err(|error| cannot("write", file, &error))?)
}

fn remove(folder: &Path) -> Outcome {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(cannot("remove", folder, &error).into())
        }
        _ => Ok(()),
    }
}

fn cannot(what: &str, path: &Path, error: &io::Error) -> String {
    format!("cannot {what} {}: {error}", path.display())
}

#[cfg(test)]
mod tests;
