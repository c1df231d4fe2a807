//! `cargo xtask cargo-component`: builds `functions/slugs` with cargo-component and tests it in an app. A task of its own,
//! because nothing else needs cargo-component.

use std::{fs, path::Path};

use crate::{
    Outcome, guests, process,
    setup::{self, GuestToolchain},
    tools, verify,
    workspace::Workspace,
};

/// cargo-component compiles for this target, and turns the modules into components itself.
const TARGET: &str = "wasm32-wasip1";

/// Builds `functions/slugs` and tests it in an app.
///
/// # Errors
/// When a tool cannot be installed, something does not compile, or the test fails.
pub(crate) fn test(workspace: &Workspace) -> Outcome {
    let toolchain = setup::guest_toolchain()?;
    let guests = guests::build(workspace, toolchain)?;
    setup::add_target(toolchain, TARGET)?;
    build(workspace, toolchain, &guests)?;
    let mut nextest = verify::nextest(workspace, &guests)?;
    nextest.args(["--package", "terrace-tests", "--run-ignored", "only"]);
    process::run(nextest.args(["--filterset", "binary(composition)"]))
}

/// Builds the component and puts it beside the other guests.
fn build(workspace: &Workspace, toolchain: GuestToolchain, guests: &Path) -> Outcome {
    let target = workspace.root.join("target/cargo-component");
    let mut cargo = tools::COMPONENT.command()?;
    toolchain.give_to(&mut cargo);
    cargo.current_dir(workspace.root.join("functions/slugs"));
    cargo.args(["build", "--release", "--locked", "--target-dir"]);
    process::run(cargo.arg(&target))?;
    let built = target.join(TARGET).join("release/slugs.wasm");
    fs::copy(&built, guests.join("slugs.wasm"))
        .map_err(|error| format!("cannot copy {}: {error}", built.display()))?;
    Ok(())
}
