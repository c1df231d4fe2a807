//! Owns the swap of an app for another while it is served.
//! When to swap is left to the command line and to `deploying`.

use std::path::Path;
use std::sync::Arc;

use super::bundles::Taken;
use super::current_app::{Current, Handles};
use super::inputs::AppInputs;
use super::migrations;
use super::open;
use super::precompiled;
use super::relaying;
use super::{ServingOptions, StartError, failed};
use crate::bundle::Bundle;
use crate::cache::EdgeCache;
use crate::cluster::Announcer;
use crate::deployment::{Deployment, Loader};
use crate::fault::{Fault, Faults, Reason};

/// The owner of responses of which nobody knows which app gave them.
const NOBODY: &str = "";

/// Replaces the app while it is served.
#[derive(Clone)]
pub struct Reloader {
    pub(super) options: Arc<ServingOptions>,
    /// The name of the app.
    pub(super) name: String,
    pub(super) taken: Option<Taken>,
    pub(super) loader: Arc<Loader>,
    pub(super) current: Arc<Current>,
    pub(super) cache: Option<EdgeCache>,
    pub(super) announcer: Option<Arc<Announcer>>,
}

/// An app that is loaded, whether or not it is served.
#[derive(Clone)]
pub(super) struct Loaded {
    pub(super) deployment: Arc<Deployment>,
    /// Another digest is another app.
    pub(super) digest: String,
}

impl Loaded {
    /// Loads the app, whose state is open.
    pub(super) fn new(loader: &Loader, inputs: &AppInputs) -> Result<Self, StartError> {
        let deployment = loader.load(&inputs.app, inputs.rendered()?)?;
        Ok(Self {
            deployment,
            digest: inputs.digest()?,
        })
    }
}

impl Reloader {
    /// Reads the app again and swaps it in as a whole. Requests that have begun end in the app that they began in.
    ///
    /// # Errors
    /// As [`super::Serving::up`]; the app that is served stays.
    pub fn reload(&self) -> Result<(), StartError> {
        let inputs = AppInputs::read(&self.options)?;
        inputs.check_alike(1)?;
        self.take(&inputs)
    }

    /// Reads the app of the bundle in `file`, and checks that this process can serve it.
    ///
    /// # Errors
    /// Whatever is wrong with it.
    pub(super) fn prepare(&self, file: &Path) -> Result<(AppInputs, Bundle), StartError> {
        let options = ServingOptions {
            manifest: file.to_owned(),
            ..ServingOptions::clone(&self.options)
        };
        let inputs = AppInputs::read(&options)?;
        let Some(bundle) = inputs.unpacked.as_ref().map(|of| of.bundle.clone()) else {
            return Err(Faults::from(Fault::new(file, "is no bundle")).into());
        };
        let fits = self.check_fits(file, &inputs);
        fits.map_err(|faults| inputs.renamed(faults))?;
        Ok((inputs, bundle))
    }

    /// Swaps in the app of a bundle, and gives its facts; none if it is the one with the digest that is `served`.
    ///
    /// # Errors
    /// Whatever is wrong with it, found before anything is changed; or the failure of an engine.
    pub fn swap_in(&self, file: &Path, served: &str) -> Result<Option<Bundle>, StartError> {
        let (inputs, bundle) = self.prepare(file)?;
        if bundle.digest == served {
            return Ok(None);
        }
        let taken = self.take(&inputs);
        taken.map_err(|error| inputs.renamed_error(error))?;
        Ok(Some(bundle))
    }

    /// The bundle that the server has begun with, if it has one.
    #[must_use]
    pub fn taken(&self) -> Option<&Taken> {
        self.taken.as_ref()
    }

    /// Checks that this process can serve the app of the bundle in `file`.
    fn check_fits(&self, file: &Path, inputs: &AppInputs) -> Result<(), Faults> {
        let refused = |what: String, help: &str| Fault::new(file, Reason::new(what).help(help));
        if inputs.app.name != self.name {
            let (own, name) = (&self.name, &inputs.app.name);
            let what = format!("has the app `{name}`, and this server serves `{own}`");
            return Err(refused(what, "give each app a folder of its own").into());
        }
        if open::memory(inputs) > self.loader.engine.memory() {
            let what = "has a component with more `memory` than this process can give";
            let help = "start a new process with `terrace up --take-over`";
            return Err(refused(what.to_owned(), help).into());
        }
        inputs.check_alike(1)?;
        precompiled::take(&self.loader.engine, inputs).report(file);
        open::check_components(&self.loader.engine, inputs)
    }

    fn take(&self, inputs: &AppInputs) -> Result<(), StartError> {
        self.migrate(inputs)?;
        let loaded = self.load(inputs)?;
        self.serve(&loaded);
        Ok(())
    }

    /// Opens what the app needs, and applies its migrations.
    pub(super) fn migrate(&self, inputs: &AppInputs) -> Result<(), StartError> {
        // The app may name databases and stores that it did not have when it was started.
        let state = &self.loader.state;
        state.open(&inputs.config, &inputs.app).map_err(failed)?;
        open::open_queues(inputs, &self.loader.queues)?;
        migrations::apply_all(&inputs.migrations, state)?;
        relaying::check(&inputs.app.outboxes, state)
    }

    /// Loads the app, whose migrations are applied.
    pub(super) fn load(&self, inputs: &AppInputs) -> Result<Loaded, StartError> {
        Loaded::new(&self.loader, inputs)
    }

    /// The app with new handles.
    pub(super) fn handles(&self, app: &Loaded) -> Handles {
        Handles::new(&app.deployment, &self.loader)
    }

    /// Swaps the app in.
    pub(super) fn serve(&self, app: &Loaded) {
        let digest = &app.digest;
        let announcer = self.announcer.iter();
        announcer.for_each(|announcer| announcer.set_digest(digest));
        let cache = self.cache.iter();
        // Requests that begin now may be answered by either app.
        cache.clone().for_each(|cache| cache.set_owner(NOBODY));
        // New handles, by which consumers notice a swap even if it was undone before they looked.
        self.current.replace(self.handles(app));
        cache.for_each(|cache| {
            cache.set_owner(digest);
            // The new app may answer otherwise.
            cache.clear();
        });
    }
}
