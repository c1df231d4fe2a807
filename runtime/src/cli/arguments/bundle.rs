//! The arguments of `terrace bundle`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::ManifestArguments;
use crate::engine::Target;

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
    /// Add compiled code of the components, for this machine's processor or those that are named: servers that trust the signature need not compile
    #[arg(long, value_name = "PROCESSOR,…", value_delimiter = ',', num_args = 0..=1, require_equals = true, default_missing_value = "native", value_parser = Target::parse, requires = "sign")]
    pub(crate) precompile: Vec<Target>,
    /// Check a bundle and show what is in it, instead of making one
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with_all = ["from", "output", "sign", "precompile"])]
    pub(crate) list: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}
