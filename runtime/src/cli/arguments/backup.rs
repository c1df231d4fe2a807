//! The arguments of `terrace backup` and `terrace restore`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::DatabaseArguments;

/// The arguments of `terrace backup`.
#[derive(Debug, Args)]
pub(crate) struct BackupArguments {
    /// The folder to make; it must not exist
    #[arg(value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub(crate) folder: PathBuf,
    #[command(flatten)]
    pub(crate) database: DatabaseArguments,
}

/// The arguments of `terrace restore`.
#[derive(Debug, Args)]
pub(crate) struct RestoreArguments {
    /// The folder that `terrace backup` made
    #[arg(value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub(crate) folder: PathBuf,
    #[command(flatten)]
    pub(crate) database: DatabaseArguments,
}
