//! Builds the program `terrace` for the tests.

use std::path::PathBuf;

use crate::{Outcome, process, workspace::Workspace};

/// Builds the server and returns its path. `--workspace --tests` gives its dependencies the same features as in the tests, so
/// none of them is compiled twice. It builds the tests too.
///
/// # Errors
/// When it does not compile.
pub(crate) fn build(workspace: &Workspace) -> Outcome<PathBuf> {
    let selection = ["build", "--workspace", "--tests", "--bin", "terrace"];
    process::run(workspace.cargo()?.args(selection))?;
    Ok(workspace.target.join("debug/terrace"))
}
