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
    if let Some(taken) = reloader.taken().cloned() {
        tell(console, &taken);
        let folder = &arguments.manifest.from;
        if folder.is_dir() {
            let followed = follow::start(folder.clone(), console, reloader, &taken);
            followed.map_err(|error| CommandError::Failed(error.to_string().into()))?;
        }
    }
    Ok(serve(console, serving)?)
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

/// Serves, and prints the addresses once requests are answered.
pub(crate) fn serve(console: Console, serving: Serving) -> Result<(), StartError> {
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
        service_manager::tell_ready();
    })
}
