//! The arguments of `terrace bundle`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::ManifestArguments;

/// The arguments of `terrace bundle`.
#[derive(Debug, Args)]
pub(crate) struct BundleArguments {
    #[command(flatten)]
    pub(crate) manifest: ManifestArguments,
    /// The file to write
    #[arg(short, long, value_name = "FILE", default_value = "app.terrace", value_hint = ValueHint::FilePath)]
    pub(crate) output: PathBuf,
    /// Sign it with this private key: Ed25519, as PEM (PKCS#8)
    #[arg(long, value_name = "KEY", value_hint = ValueHint::FilePath)]
    pub(crate) sign: Option<PathBuf>,
    /// Check a bundle and show what is in it, instead of making one
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with_all = ["from", "output", "sign"])]
    pub(crate) list: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}
