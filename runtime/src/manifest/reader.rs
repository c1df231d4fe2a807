//! The state that the modules for parts of a manifest share while they read it.

use std::path::PathBuf;

use super::{Artefacts, LabelUse};

/// The state of reading a manifest.
pub(super) struct Reader<'d> {
    /// The directory to which paths are relative.
    pub(super) directory: PathBuf,
    /// Whether built files must exist.
    pub(super) artefacts: Artefacts,
    /// The application variables, which templates may name.
    pub(super) variables: Vec<&'d str>,
    /// The labels found so far.
    pub(super) labels: Vec<LabelUse>,
}
