//! Chooses the bundle that a server begins with. The files are `unpacked`'s, the swap for a newer one is left to `reload`.

use std::path::PathBuf;

use super::inputs::AppInputs;
use super::open;
use super::precompiled::{self, Precompiled};
use super::unpacked::{BundleFile, named};
use super::{ServingOptions, StartError};
use crate::bundle::Bundle;
use crate::fault::{Fault, Faults, Reason};

/// The bundle that a server has begun with.
#[derive(Clone, Debug)]
pub struct Taken {
    /// The file.
    pub file: PathBuf,
    /// Its facts.
    pub bundle: Bundle,
    /// The newest bundle of the folder then, whether or not it was refused.
    pub newest: BundleFile,
    /// The newer ones that were refused, each with its faults.
    pub refused: Vec<(PathBuf, Faults)>,
    /// What became of its compiled code.
    pub(super) precompiled: Precompiled,
}

impl Taken {
    /// Says in the log what became of its compiled code.
    pub(super) fn report(&self) {
        self.precompiled.report(&self.file);
    }
}

/// Loads the app that `options` name: of a folder with bundles the newest that has no faults. A bundle that a running server would
/// have refused does not keep one from starting.
pub(super) fn load_newest<T>(
    options: &ServingOptions,
    load: impl Fn(&AppInputs, Option<Taken>) -> Result<T, StartError>,
) -> Result<T, StartError> {
    let files = named(&options.manifest);
    let mut refused = Vec::new();
    for file in &files {
        let options = ServingOptions {
            manifest: file.path.clone(),
            ..options.clone()
        };
        let judged = judged(&options).map_err(StartError::from);
        let loaded = judged.and_then(|(inputs, bundle, precompiled)| {
            let taken = Taken {
                file: file.path.clone(),
                bundle,
                newest: files[0].clone(),
                refused: refused.clone(),
                precompiled,
            };
            load(&inputs, Some(taken)).map_err(|error| inputs.renamed_error(error))
        });
        match loaded {
            Err(StartError::Faults(faults)) => refused.push((file.path.clone(), faults)),
            loaded => return loaded,
        }
    }
    // The newest one is what the user wants.
    if let Some((_, faults)) = refused.into_iter().next() {
        return Err(faults.into());
    }
    let inputs = AppInputs::read(options)?;
    inputs.check_alike(1)?;
    load(&inputs, None)
}

/// The inputs of one bundle, with all that can be judged before anything is opened.
fn judged(options: &ServingOptions) -> Result<(AppInputs, Bundle, Precompiled), Faults> {
    let inputs = AppInputs::read(options)?;
    let compiled_code = &inputs.config.cache_directory;
    let engine = open::engine(&inputs, Some(compiled_code));
    let engine = engine.map_err(|error| open::fault(&inputs, &error))?;
    let mut precompiled = Precompiled::None;
    let judged = inputs.check_alike(1).and_then(|()| {
        precompiled = precompiled::take(&engine, &inputs);
        open::check_components(&engine, &inputs)
    });
    judged.map_err(|faults| inputs.renamed(faults))?;
    let Some(unpacked) = &inputs.unpacked else {
        let reason = Reason::new("was a bundle a moment ago, and is none any more");
        return Err(Fault::new(&options.manifest, reason).into());
    };
    let bundle = unpacked.bundle.clone();
    Ok((inputs, bundle, precompiled))
}
