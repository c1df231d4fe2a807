//! Builds and swaps what has changed. If that fails, the app goes on as it was.

use std::collections::BTreeSet;
use std::mem;

use super::debounce::Changes;
use super::project::{Project, Stamps};
use super::watcher::Watcher;
use crate::cli::build::{Builder, Order};
use crate::cli::console::Console;
use crate::cli::event::Event;
use crate::clock;
use crate::fault::Reason;
use crate::serving::StartError;

/// An app that is served and followed.
pub(super) struct Session {
    pub(super) console: Console,
    pub(super) builder: Builder,
    pub(super) project: Project,
    pub(super) watcher: Watcher,
    /// How the files of the components were when they were loaded, or when their build failed.
    pub(super) served: Stamps,
    /// The components to build as soon as the manifest is right.
    pub(super) pending: BTreeSet<String>,
    /// Loads the app and swaps it in.
    pub(super) reload: Box<dyn FnMut() -> Result<(), StartError> + Send>,
}

impl Session {
    /// Does what changes ask for.
    pub(super) fn take_up(&mut self, changes: &Changes) {
        let plan = self.project.plan(changes);
        self.pending.extend(plan.build);
        if plan.settings {
            let file = self.project.settings();
            self.console.tell(&Event::RestartNeeded { file });
        }
        if plan.folders {
            self.project.resolve_again();
            // Before the build, so that no change during it is missed.
            self.watch();
        }
        if (plan.manifest || plan.mounts) && !self.adopt_manifest() {
            return;
        }
        self.build();
        self.swap(plan.manifest);
    }

    /// Reads the manifest again, and says whether it is right.
    fn adopt_manifest(&mut self) -> bool {
        match self.project.reload() {
            Ok(project) => {
                self.pending.extend(project.built_otherwise(&self.project));
                self.project = project;
                self.watch();
                true
            }
            Err(faults) => {
                let message = faults.to_string();
                self.console.tell(&Event::SwapFailed { message });
                false
            }
        }
    }

    /// Builds the pending components, and those that are built from them. After a failure it goes on with the next.
    fn build(&mut self) {
        let pending = mem::take(&mut self.pending);
        if pending.is_empty() {
            return;
        }
        let mut failed = Vec::new();
        for component in Order::of(&self.project.components()).with_dependents(&pending) {
            if let Err(failure) = self.builder.build(component) {
                self.console.tell(&failure.event());
                failed.push(component.id.clone());
            }
        }
        // Their files are not tried.
        let mut stamps = self.project.stamps();
        let left = |id| stamps.remove_entry(&id);
        self.served.extend(failed.into_iter().filter_map(left));
        self.watch();
    }

    /// Swaps the app if a file of a component has changed since it was loaded, or if the manifest has.
    fn swap(&mut self, manifest: bool) {
        let found = self.project.stamps();
        let is_new = |id: &&String| self.served.get(*id) != found.get(*id);
        let components: Vec<_> = found.keys().filter(is_new).map(String::as_str).collect();
        if components.is_empty() && !manifest {
            return;
        }
        let started = clock::now();
        if let Err(error) = (self.reload)() {
            let message = error.to_string();
            return self.console.tell(&Event::SwapFailed { message });
        }
        self.console.tell(&Event::Swapped {
            components,
            milliseconds: clock::now().duration_since(started).as_millis(),
        });
        self.served = found;
    }

    /// Watches the folders that there are now: builds make some, and the manifest may name others.
    pub(super) fn watch(&mut self) {
        if let Err(error) = self.watcher.restart(&self.project) {
            let reason = Reason::new(format!("changes may go unseen: {error}"));
            self.console.tell(&Event::from(&reason));
        }
    }
}

#[cfg(test)]
mod tests;
