//! Owns the swap of an app for another while it is served.
//! When to swap is left to the command line.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::app_digest;
use super::current_app::Handles;
use super::inputs::AppInputs;
use super::migrations;
use super::open;
use super::relaying;
use super::{ServingOptions, StartError, failed};
use crate::cache::EdgeCache;
use crate::cluster::Announcer;
use crate::deployment::Loader;

/// The owner of responses of which nobody knows which app gave them.
const NOBODY: &str = "";

/// Replaces the app while it is served.
#[derive(Clone)]
pub struct Reloader {
    pub(super) options: Arc<ServingOptions>,
    pub(super) loader: Arc<Loader>,
    pub(super) current: Arc<ArcSwap<Handles>>,
    pub(super) cache: Option<EdgeCache>,
    pub(super) announcer: Option<Arc<Announcer>>,
}

impl Reloader {
    /// Reads the app again and swaps it in as a whole. Requests that have begun end in the app that they began in.
    ///
    /// # Errors
    /// As [`super::Serving::up`]; the app that is served stays.
    pub fn reload(&self) -> Result<(), StartError> {
        let inputs = AppInputs::read(&self.options)?;
        inputs.check_alike(1)?;
        // The app may name databases and stores that it did not have when it was started.
        let state = &self.loader.state;
        state.open(&inputs.config, &inputs.app).map_err(failed)?;
        open::open_queues(&inputs, &self.loader.queues)?;
        migrations::apply_all(&inputs.migrations, state)?;
        relaying::check(&inputs.app.outboxes, state)?;
        let deployment = self.loader.load(&inputs.app, inputs.rendered()?)?;
        let handles = Handles::new(&deployment, &self.loader);
        let digest = app_digest::of(&inputs.app).map_err(failed)?;
        let announcer = self.announcer.iter();
        announcer.for_each(|announcer| announcer.set_digest(&digest));
        let cache = self.cache.iter();
        // Requests that begin now may be answered by either app.
        cache.clone().for_each(|cache| cache.set_owner(NOBODY));
        self.current.store(Arc::new(handles));
        cache.for_each(|cache| {
            cache.set_owner(&digest);
            // The new app may answer otherwise.
            cache.clear();
        });
        Ok(())
    }
}
