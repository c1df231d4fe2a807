//! The program `terrace` as the tests run it.

use std::path::PathBuf;

use crate::{Outcome, process, workspace::Workspace};

/// Builds the server and returns its path. Its dependencies have the features that they have in the whole workspace, with
/// which the tests are built as well, so that none of them is compiled twice.
///
/// # Errors
/// When it does not compile.
pub(crate) fn build(workspace: &Workspace) -> Outcome<PathBuf> {
    let selection = ["build", "--workspace", "--bin", "terrace"];
    process::run(workspace.cargo()?.args(selection))?;
    Ok(workspace.target.join("debug/terrace"))
}
