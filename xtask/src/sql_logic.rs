//! `cargo xtask sql-logic FOLDER`: runs files of SQLite's sqllogictest on Postgres, through the portable dialect.
//!
//! A test of the crate `terrace-storage` does the work, because it has both engines.

use std::path::PathBuf;

use clap::Args;

use crate::{Outcome, postgres, workspace::Workspace};

/// The test that runs the files.
const TEST: &str = "dialect::tests::sql_logic::files_of_the_folder_give_what_they_say";

/// Tells the test the folder.
const FOLDER_VARIABLE: &str = "TERRACE_SQL_LOGIC";

/// Which files.
#[derive(Args)]
pub(crate) struct Options {
    /// The folder; its `.test` files are run, those of folders inside it too
    folder: PathBuf,
}

/// Runs the files, and returns whether none of their results differed.
///
/// # Errors
/// When the folder is not there, there is no Postgres, or the test does not compile.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Outcome<bool> {
    let folder = &options.folder;
    let folder = folder
        .canonicalize()
        .map_err(|error| format!("{}: {error}", folder.display()))?;
    postgres::install()?;
    let mut cargo = workspace.cargo()?;
    cargo.args(["test", "--quiet", "--package", "terrace-storage", "--lib"]);
    cargo.args(["--", "--exact", TEST, "--ignored", "--nocapture"]);
    cargo.env(FOLDER_VARIABLE, folder);
    cargo.env("RUST_BACKTRACE", "0");
    Ok(cargo.status()?.success())
}
