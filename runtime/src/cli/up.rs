//! `terrace up`, and the serving that it shares with `terrace dev` and `terrace edge`.

use super::arguments::ServeArguments;
use super::build::Builder;
use super::console::Console;
use super::error::CommandError;
use super::event::{BundleServed, Event, Ready};
use super::selection;
use super::service_manager;
use crate::manifest::App;
use crate::serving::{Serving, StartError, Taken};

mod follow;

/// The addresses of an edge on the machine of a node, which has those that are the default.
const EDGE_ADDRESSES: &str = "--listen 127.0.0.1:8080 --admin 127.0.0.1:8081";

/// Serves an app until SIGTERM or Ctrl-C.
pub(crate) fn run(arguments: &ServeArguments, console: Console) -> Result<(), CommandError> {
    // First, because commands that build would inherit them.
    let sockets = service_manager::sockets()?;
    if arguments.build {
        let app = App::load_unbuilt(&arguments.manifest.from)?;
        let components = selection::components(&app, "--only", &arguments.only)?;
        Builder::new(console).build_all(&components)?;
    }
    let (serving, reloader) = Serving::up(&arguments.options(), &sockets)?;
    drop(sockets);
    let Some(taken) = reloader.taken().cloned() else {
        return Ok(serve(console, serving, None)?);
    };
    tell(console, &taken);
    let folder = &arguments.manifest.from;
    if folder.is_dir() {
        let followed = follow::start(folder.clone(), console, reloader, &taken);
        followed.map_err(|error| CommandError::Failed(error.to_string().into()))?;
    }
    let next = format!(
        "`terrace edge --origin http://{} {EDGE_ADDRESSES}` stands before it; repeat `--origin` for further servers",
        serving.http()
    );
    Ok(serve(console, serving, Some(next))?)
}

/// Tells which bundle is served, and why no newer one is.
fn tell(console: Console, taken: &Taken) {
    for (file, faults) in &taken.refused {
        let message = faults.to_string();
        console.tell(&Event::BundleRefused { file, message });
    }
    let served = BundleServed::new(&taken.file, &taken.bundle);
    console.tell(&Event::BundleServed(served));
}

/// Serves, and prints the addresses once requests are answered, then the command that may follow.
pub(crate) fn serve(
    console: Console,
    serving: Serving,
    next: Option<String>,
) -> Result<(), StartError> {
    let app = serving.name().to_owned();
    let http = format!("http://{}", serving.http());
    let https = serving.https().map(|address| format!("https://{address}"));
    let admin = serving.admin().map(|address| format!("http://{address}"));
    serving.run(|| {
        console.tell(&Event::Ready(Ready {
            app: &app,
            http,
            https,
            admin,
        }));
        if let Some(next) = next {
            console.next(next);
        }
        service_manager::tell_ready();
    })
}
