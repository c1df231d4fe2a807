//! Builds the program `terrace` for the tests.

use std::path::PathBuf;

use crate::{Outcome, process, workspace::Workspace};

/// Builds the server and returns its path. `--workspace` gives its dependencies the same features as in the tests, so none of
/// them is compiled twice.
///
/// # Errors
/// When it does not compile.
pub(crate) fn build(workspace: &Workspace) -> Outcome<PathBuf> {
    let selection = ["build", "--workspace", "--bin", "terrace"];
    process::run(workspace.cargo()?.args(selection))?;
    Ok(workspace.target.join("debug/terrace"))
}
