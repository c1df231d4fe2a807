//! `cargo xtask setup`: makes sure that functions can be compiled to WebAssembly.
//!
//! The normal way is `rustup target add`. If the download is impossible, a Debian machine builds the targets from the
//! library sources in Debian's packages, into a rustup toolchain of its own.

mod debian;
mod sysroot;

use std::{fmt, path::Path, process::Command, time::Duration};

use crate::{Outcome, process};

/// The targets of guests.
pub(crate) const GUEST_TARGETS: &[&str] = &[COMPONENT_TARGET, WORKER_TARGET];

/// The target for Terrace and Spin.
pub(crate) const COMPONENT_TARGET: &str = "wasm32-wasip2";

/// The target for Cloudflare.
pub(crate) const WORKER_TARGET: &str = "wasm32-unknown-unknown";

/// The name of the rustup toolchain that is built from Debian's sources.
const FALLBACK_TOOLCHAIN: &str = "terrace-guest";

/// Time for `rustup target add`. A download takes some seconds. If a network drops packets instead of refusing them, rustup's
/// retries would take far longer.
const MAX_DOWNLOAD_TIME: Duration = Duration::from_secs(90);

/// The toolchain that compiles guests on this machine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum GuestToolchain {
    /// The active one: it has every guest target.
    Active,
    /// [`FALLBACK_TOOLCHAIN`], built here from Debian's sources.
    Fallback,
}

impl GuestToolchain {
    /// Its cargo.
    pub(crate) fn cargo(self) -> Command {
        match self {
            Self::Active => {
                Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            }
            Self::Fallback => {
                let mut cargo = Command::new("rustup");
                cargo.args(["run", FALLBACK_TOOLCHAIN, "cargo"]);
                without_outer_toolchain(&mut cargo);
                cargo
            }
        }
    }

    /// Makes a program that calls cargo use this toolchain.
    pub(crate) fn give_to(self, program: &mut Command) {
        if self == Self::Fallback {
            without_outer_toolchain(program);
            program.env("RUSTUP_TOOLCHAIN", FALLBACK_TOOLCHAIN);
        }
    }
}

impl fmt::Display for GuestToolchain {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Active => write!(
                formatter,
                "guests: the active toolchain has {}",
                GUEST_TARGETS.join(", ")
            ),
            Self::Fallback => {
                write!(
                    formatter,
                    "guests: toolchain {FALLBACK_TOOLCHAIN} has {}",
                    GUEST_TARGETS.join(", ")
                )
            }
        }
    }
}

/// Finds, installs or builds the toolchain for guests. If there is one, this takes a few calls of `rustc --print`.
///
/// # Errors
/// When the targets can neither be downloaded nor built; the message has both reasons.
pub(crate) fn guest_toolchain() -> Outcome<GuestToolchain> {
    if has_guest_targets(|| Command::new("rustc")) {
        return Ok(GuestToolchain::Active);
    }
    if debian::rustc_version().is_some_and(|version| sysroot::is_current(&version)) {
        return Ok(GuestToolchain::Fallback);
    }
    eprintln!(
        "setup: downloading {} with rustup",
        GUEST_TARGETS.join(", ")
    );
    let Err(no_download) = process::run_within(
        Command::new("rustup")
            .args(["target", "add"])
            .args(GUEST_TARGETS)
            .env("RUST_BACKTRACE", "0"),
        MAX_DOWNLOAD_TIME,
    ) else {
        return Ok(GuestToolchain::Active);
    };
    eprintln!(
        "setup: {no_download}\nsetup: so the targets are built from Debian's library sources instead"
    );
    build_fallback().map_err(|no_fallback| no_way(&*no_download, &*no_fallback))?;
    Ok(GuestToolchain::Fallback)
}

fn build_fallback() -> Outcome {
    debian::install_packages()?;
    let version =
        debian::rustc_version().ok_or("Debian's rustc is not there after its installation")?;
    sysroot::build(&version)
}

/// Adds another target to the toolchain, if it is missing.
///
/// # Errors
/// When it can't be downloaded, or can't be built for [`FALLBACK_TOOLCHAIN`].
pub(crate) fn add_target(toolchain: GuestToolchain, target: &str) -> Outcome {
    let mut rustup = Command::new("rustup");
    match toolchain {
        GuestToolchain::Active if has_target(Command::new("rustc"), target) => Ok(()),
        GuestToolchain::Active => {
            process::run_within(rustup.args(["target", "add", target]), MAX_DOWNLOAD_TIME)
        }
        GuestToolchain::Fallback => sysroot::add(
            &debian::rustc_version().ok_or("Debian's rustc is not there")?,
            target,
        ),
    }
}

/// Whether a compiler has the standard library of every guest target.
fn has_guest_targets(rustc: impl Fn() -> Command) -> bool {
    GUEST_TARGETS
        .iter()
        .all(|target| has_target(rustc(), target))
}

/// Whether a compiler has the standard library of that target.
fn has_target(mut rustc: Command, target: &str) -> bool {
    let folder = process::output(rustc.args(["--print", "target-libdir", "--target", target]));
    folder.is_ok_and(|folder| has_standard_library(Path::new(&folder)))
}

/// Whether a folder of libraries contains `std`.
fn has_standard_library(folder: &Path) -> bool {
    let files = folder.read_dir().into_iter().flatten().flatten();
    files
        .into_iter()
        .any(|file| file.file_name().to_string_lossy().starts_with("libstd-"))
}

/// Removes the variables with which `cargo run` points at the toolchain that built this program. Another toolchain must not
/// load its libraries.
fn without_outer_toolchain(command: &mut Command) {
    for name in ["CARGO", "RUSTC", "RUSTUP_TOOLCHAIN", "LD_LIBRARY_PATH"] {
        command.env_remove(name);
    }
}

fn no_way(no_download: &dyn std::error::Error, no_fallback: &dyn std::error::Error) -> String {
    format!(
        "functions cannot be compiled to WebAssembly here.\n\
         The download failed: {no_download}\n\
         Building from Debian's sources failed: {no_fallback}\n\
         Remove one of the two causes, then run `cargo xtask setup` again."
    )
}
