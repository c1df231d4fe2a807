//! What is done about changes: builds, and the swap. Whatever fails, the last good build goes on serving.

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
    /// How the sources were when they were loaded, or found to be no use. One that is otherwise now is new.
    pub(super) served: Stamps,
    /// The components to be built as soon as the manifest is right.
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
            // Before the build, so that what changes during it is seen.
            self.watch();
        }
        if plan.manifest && !self.adopt_manifest() {
            return;
        }
        self.build();
        self.swap(plan.manifest);
    }

    /// Reads the manifest again. Whether it is right.
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

    /// Builds what is pending, and all that is built from it. One failure does not keep the others back.
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
        // What they left behind, if anything, is not worth a try.
        let mut stamps = self.project.stamps();
        let left = |id| stamps.remove_entry(&id);
        self.served.extend(failed.into_iter().filter_map(left));
        self.watch();
    }

    /// Swaps the app if one of its sources is not the one that is served, or if the manifest is another.
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

    /// Watches what there is now: builds make directories, and manifests name others.
    pub(super) fn watch(&mut self) {
        if let Err(error) = self.watcher.restart(&self.project) {
            let reason = Reason::new(format!("changes may go unseen: {error}"));
            self.console.tell(&Event::from(&reason));
        }
    }
}

#[cfg(test)]
mod tests;
