//! Has the operating system watch the files of a project, and picks the events that concern it.

use std::collections::BTreeSet;
use std::sync::mpsc::Sender;

use notify::event::{EventKind, ModifyKind};
use notify::{RecommendedWatcher, Watcher as _};

use super::debounce::Changes;
use super::project::Project;

type Events = Sender<notify::Result<notify::Event>>;

/// Watches the files of a project as long as it lives.
pub(super) struct Watcher {
    events: Events,
    /// Dropped when the next one has taken over.
    current: RecommendedWatcher,
}

impl Watcher {
    /// Watches the folders of a project and sends what happens there to `events`.
    ///
    /// # Errors
    /// The operating system refuses, usually because other programs watch too much.
    pub(super) fn start(project: &Project, events: Events) -> notify::Result<Self> {
        let current = watch(project, events.clone())?;
        Ok(Self { events, current })
    }

    /// Watches the folders that the project has now. On an error the earlier ones stay watched.
    ///
    /// # Errors
    /// The operating system refuses.
    pub(super) fn restart(&mut self, project: &Project) -> notify::Result<()> {
        self.current = watch(project, self.events.clone())?;
        Ok(())
    }
}

fn watch(project: &Project, events: Events) -> notify::Result<RecommendedWatcher> {
    let mut watcher = notify::recommended_watcher(events)?;
    for (root, mode) in project.roots() {
        if root.is_dir() {
            tolerate_missing(watcher.watch(&root, mode))?;
        }
    }
    Ok(watcher)
}

/// A folder may go away between the check and the watching, as build folders do.
fn tolerate_missing(result: notify::Result<()>) -> notify::Result<()> {
    match result {
        Err(error) if matches!(error.kind, notify::ErrorKind::PathNotFound) => Ok(()),
        result => result,
    }
}

/// The changes of an event that concern the project; none if there are no such.
pub(super) fn changes(event: notify::Result<notify::Event>, project: &Project) -> Option<Changes> {
    let Ok(event) = event else {
        return Some(Changes::Unknown);
    };
    if event.need_rescan() {
        return Some(Changes::Unknown);
    }
    // Builds read their inputs. If reading counted, each build would start the next.
    if matches!(event.kind, EventKind::Access(_)) {
        return None;
    }
    // A folder that is only changed, as by `chmod`, is still the one that is watched.
    let is_elsewhere = match event.kind {
        EventKind::Modify(kind) => matches!(kind, ModifyKind::Name(_)),
        _ => true,
    };
    let concerned = event
        .paths
        .into_iter()
        .filter(|path| project.concerns(path) || (is_elsewhere && project.is_above_a_place(path)));
    let files: BTreeSet<_> = concerned.collect();
    (!files.is_empty()).then_some(Changes::Files(files))
}
