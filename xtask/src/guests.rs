//! `cargo xtask guests`: builds the functions, and the guests of the tests, to WebAssembly.

use std::path::PathBuf;

use crate::{
    Outcome, process,
    setup::{COMPONENT_TARGET, GuestToolchain},
    workspace::Workspace,
};

/// The target folder of guests, from the root. It is passed explicitly: `spin.toml` names the files in it, so neither
/// `CARGO_TARGET_DIR` nor a setting of the user may move it.
const TARGET_FOLDER: &str = "target";

/// The linker's messages for a guest that uses `std::net`.
const MISSING_SOCKETS: [&str; 2] = ["undefined symbol: getaddrinfo", "undefined symbol: socket"];

/// Builds every guest and returns the folder that holds the `.wasm` files.
///
/// # Errors
/// When a guest does not compile; the compiler's message has been shown.
pub(crate) fn build(workspace: &Workspace, toolchain: GuestToolchain) -> Outcome<PathBuf> {
    build_with(&[], workspace, toolchain)
}

/// The same with further arguments for cargo.
///
/// # Errors
/// As [`build`].
pub(crate) fn build_with(
    arguments: &[&str],
    workspace: &Workspace,
    toolchain: GuestToolchain,
) -> Outcome<PathBuf> {
    let mut cargo = toolchain.cargo();
    cargo
        .current_dir(&workspace.root)
        .args(["build", "--profile", "guest"]);
    cargo.args(["--target", COMPONENT_TARGET, "--target-dir", TARGET_FOLDER]);
    cargo.args(packages(workspace)).args(arguments);
    let (status, heard) = process::run_and_listen(&mut cargo)?;
    if status.success() {
        return Ok(workspace
            .root
            .join(TARGET_FOLDER)
            .join(COMPONENT_TARGET)
            .join("guest"));
    }
    Err(format!(
        "`{}` failed ({status}){}",
        process::words(&cargo),
        advice(&heard)
    )
    .into())
}

/// The arguments that select all guests.
pub(crate) fn packages(workspace: &Workspace) -> impl Iterator<Item = &str> {
    workspace
        .guests
        .iter()
        .flat_map(|guest| ["--package", guest])
}

/// Advice about a failure that the toolchain causes and not the guest.
fn advice(heard: &str) -> &'static str {
    if MISSING_SOCKETS.iter().any(|words| heard.contains(words)) {
        "\nA guest uses `std::net`, which Debian's C library for WASI does not have: use outbound HTTP \
         instead, or build where `rustup target add wasm32-wasip2` works."
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_sockets_are_explained() {
        let heard = "rust-lld: error: undefined symbol: getaddrinfo\n>>> referenced by net.rs";
        assert!(advice(heard).contains("outbound HTTP"));
    }

    #[test]
    fn other_failures_need_no_advice() {
        assert_eq!(advice("error[E0308]: mismatched types"), "");
    }
}
