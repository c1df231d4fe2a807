//! The steps of a deployment that take long: each is done on a thread of its own.

use std::path::Path;

use storage::sql::migrations::breaking;

use super::Node;
use super::active::Candidate;
use crate::block_on::block_on;
use crate::bundle::Bundle;
use crate::fault::{Fault, Faults, Reason};
use crate::rollout::Version;
use crate::serving::inputs::AppInputs;
use crate::serving::{StartError, failed};

/// Which versions may be deployed.
pub(super) struct Rules {
    /// Whether it is one that was served before.
    pub(super) rollback: bool,
    /// Whether anything goes.
    pub(super) force: bool,
    /// The versions so far, the newest first.
    pub(super) known: Vec<Version>,
}

/// Checks a bundle, and all that this server needs for its app.
pub(super) fn stage(
    node: &Node,
    candidate: &mut Candidate,
    file: &Path,
    digest: &str,
    rules: &Rules,
) -> Result<(), StartError> {
    let (inputs, bundle) = node.reloader.prepare(file)?;
    let refused = |reason: Reason| StartError::from(Faults::from(Fault::new(file, reason)));
    if bundle.digest != digest {
        return Err(refused(
            "is another bundle than the one that was sent".into(),
        ));
    }
    rules.check_age(&bundle).map_err(refused)?;
    if !rules.rollback {
        let faults = check_migrations(node, &inputs, rules.force);
        faults.map_err(|error| inputs.renamed_error(error))?;
    }
    candidate.bundle = bundle.digest;
    candidate.inputs = Some(inputs);
    Ok(())
}

/// Opens what the app needs, and applies its migrations.
pub(super) fn migrate(node: &Node, candidate: &mut Candidate) -> Result<(), StartError> {
    match &candidate.inputs {
        Some(inputs) => node.reloader.migrate(inputs),
        None => Err(failed("the bundle was not checked")),
    }
}

/// Loads the app and makes an instance of each component, if that was not done before.
pub(super) fn load(node: &Node, candidate: &mut Candidate) -> Result<(), StartError> {
    if candidate.app.is_some() {
        return Ok(());
    }
    // Another server has applied them, unless this one has a database of its own.
    migrate(node, candidate)?;
    let Some(inputs) = &candidate.inputs else {
        return Ok(());
    };
    let app = node.reloader.load(inputs)?;
    let warm_up = block_on(app.deployment.warm_up()).map_err(failed)?;
    warm_up.map_err(|(component, failure)| {
        failed(format!(
            "an instance of `{component}` cannot be made: {failure}"
        ))
    })?;
    candidate.app = Some(app);
    Ok(())
}

impl Rules {
    /// Checks that a bundle is not older than what runs.
    fn check_age(&self, bundle: &Bundle) -> Result<(), Reason> {
        let Some(current) = self.known.first() else {
            return Ok(());
        };
        if self.rollback || self.force || current.stamp.digest == bundle.digest {
            return Ok(());
        }
        let help = "`terrace deploy --rollback` goes back by one version, `--force` deploys it all the same";
        let mut known = self.known.iter();
        if known.any(|version| version.stamp.digest == bundle.digest) {
            let what = "was deployed before, and a newer version runs";
            return Err(Reason::new(what).help(help));
        }
        let (new, runs) = (&bundle.index.version, &current.version);
        if is_older(new, runs) {
            let what = format!("has version {new}, and {runs} runs");
            return Err(Reason::new(what).help(help));
        }
        Ok(())
    }
}

/// Whether a version comes before another one by its numbers.
fn is_older(new: &str, runs: &str) -> bool {
    let both = numbers(new).zip(numbers(runs));
    both.is_some_and(|(new, runs)| new < runs)
}

/// The numbers of a version; `None` if it is not made of numbers.
fn numbers(version: &str) -> Option<Vec<u64>> {
    let core = version.split(['-', '+']).next()?;
    core.split('.').map(|number| number.parse().ok()).collect()
}

/// Checks that migrations fit those that were applied, and unless `force` that the version before can live with them.
fn check_migrations(node: &Node, inputs: &AppInputs, force: bool) -> Result<(), StartError> {
    let state = &node.reloader.loader.state;
    for migrations in &inputs.migrations {
        // One that was not used so far has no version before.
        let Some(database) = state.database(&migrations.label) else {
            continue;
        };
        let pending = block_on(migrations.pending(&database)).map_err(failed)??;
        if force || pending.len() == migrations.files.len() {
            continue;
        }
        let found = breaking(pending.iter().map(|pending| pending.migration));
        let faults = found.into_iter().map(|found| {
            let what = format!(
                "line {} {}; the version before could not live with it",
                found.line, found.what
            );
            let help = "deploy a version that does not need it any more, and then the migration; or deploy with `--force`";
            Fault::new(migrations.file(&found.migration), Reason::new(what).help(help))
        });
        Faults(faults.collect()).or(())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_their_numbers() {
        assert!(
            is_older("1.2", "1.10") && is_older("1.2", "1.2.1") && is_older("0.9.0-beta", "1.0.0")
        );
        assert!(!is_older("2.0", "1.9") && !is_older("1.2", "1.2"));
        assert!(!is_older("", "1.2") && !is_older("one", "two"));
    }
}
