//! What the parts of a manifest need of the whole while they are read, and what they add to it.

use std::path::PathBuf;

use super::{Artefacts, LabelUse};

/// What every part of the manifest is read with.
pub(super) struct Reader<'d> {
    /// What paths are relative to.
    pub(super) directory: PathBuf,
    /// Whether built files must be there.
    pub(super) artefacts: Artefacts,
    /// The application variables, which templates may name.
    pub(super) variables: Vec<&'d str>,
    /// The labels found so far.
    pub(super) labels: Vec<LabelUse>,
}
