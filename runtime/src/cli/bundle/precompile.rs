//! Compiles the components of an app for a bundle. Whether a server takes the code is left to `serving`.

use std::collections::BTreeMap;

use crate::bundle::CompiledCode;
use crate::deployment;
use crate::engine::{self, Precompiler, Target};
use crate::fault::{Fault, Faults, Reason};
use crate::manifest::App;

/// The code of each component for each of these processors, in the order of a bundle. Components that are the same share theirs.
pub(super) fn all(app: &App, targets: &[Target]) -> Result<Vec<(CompiledCode, Vec<u8>)>, Faults> {
    let mut compiled = BTreeMap::new();
    for target in targets {
        let failed = |error| fault(app, *target, &error);
        let precompiler = Precompiler::new(*target).map_err(failed)?;
        for component in app.functions() {
            let wasm = deployment::wasm(app, component)?;
            let (digest, name) = (engine::digest(&wasm), target.name());
            let key = (digest.clone(), name);
            if compiled.contains_key(&key) {
                continue;
            }
            let code = precompiler.compile(&wasm).map_err(failed)?;
            let entry = CompiledCode::new(
                &component.id,
                digest,
                name,
                precompiler.fingerprint(),
                &code,
            );
            compiled.insert(key, (entry, code));
        }
    }
    Ok(compiled.into_values().collect())
}

fn fault(app: &App, target: Target, error: &impl std::fmt::Display) -> Fault {
    let what = format!("cannot be compiled for {}: {error:#}", target.name());
    Fault::new(&app.manifest, Reason::new(what))
}
