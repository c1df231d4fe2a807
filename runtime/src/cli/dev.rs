//! `terrace dev`: serves the app and follows changes. `watcher` sees them, `debounce` collects them, `project` decides
//! what each asks for, and `session` builds and swaps.

use std::collections::BTreeSet;
use std::io;
use std::sync::mpsc::{self, Receiver};

use super::arguments::ServeArguments;
use super::build::Builder;
use super::console::Console;
use super::error::CommandError;
use super::event::Event;
use super::up;
use crate::clock;
use crate::fault::Reason;
use crate::server::PassedSockets;
use crate::serving::{Serving, ServingOptions};

mod debounce;
mod project;
mod session;
mod watcher;

use debounce::{Changes, Debounce};
use project::Project;
use session::Session;
use watcher::Watcher;

/// Builds and serves an app until SIGTERM or Ctrl-C.
pub(crate) fn run(arguments: &ServeArguments, console: Console) -> Result<(), CommandError> {
    let project = Project::load(arguments)?;
    let (sender, changes) = mpsc::channel();
    // Before the first build, so that no change during it is missed.
    let watcher = Watcher::start(&project, sender).map_err(unwatchable)?;
    for component in project.unwatched() {
        console.tell(&Event::NotWatched { component });
    }
    Builder::new(console).build_all(&project.components())?;
    let served = project.stamps();
    let options = ServingOptions {
        follows_itself: true,
        ..arguments.options()
    };
    let (serving, reloader) = Serving::up(&options, &PassedSockets::default())?;
    let session = Session {
        console,
        builder: Builder::new(console).without_spinner(),
        project,
        served,
        pending: BTreeSet::new(),
        watcher,
        reload: Box::new(move || reloader.reload()),
    };
    follow(session, changes).map_err(unwatchable)?;
    Ok(up::serve(console, serving, None)?)
}

fn unwatchable(error: impl std::fmt::Display) -> CommandError {
    let reason = Reason::new(format!("the app's files cannot be watched: {error}"));
    CommandError::Failed(reason.help("`terrace up --build` serves it without watching"))
}

/// Follows changes on a thread of its own, which ends with the process.
fn follow(
    mut session: Session,
    changes: Receiver<notify::Result<notify::Event>>,
) -> io::Result<()> {
    session.watch();
    let follow = move || {
        let mut debounce = Debounce::default();
        while let Some(changes) = next(&mut debounce, &session.project, &changes) {
            session.take_up(&changes);
        }
    };
    std::thread::Builder::new()
        .name("dev".to_owned())
        .spawn(follow)?;
    Ok(())
}

/// The next changes that concern the project, once no file has changed for a moment.
fn next(
    debounce: &mut Debounce,
    project: &Project,
    events: &Receiver<notify::Result<notify::Event>>,
) -> Option<Changes> {
    loop {
        if let Some(changes) = debounce.take(clock::now()) {
            return Some(changes);
        }
        let event = match debounce.due() {
            None => events.recv().ok()?,
            Some(due) => match events.recv_timeout(due.saturating_duration_since(clock::now())) {
                Ok(event) => event,
                Err(mpsc::RecvTimeoutError::Timeout) => continue,
                Err(mpsc::RecvTimeoutError::Disconnected) => return None,
            },
        };
        if let Some(changes) = watcher::changes(event, project) {
            debounce.note(changes, clock::now());
        }
    }
}
