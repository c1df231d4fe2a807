//! `terrace up`, and the serving that it shares with `terrace dev` and `terrace edge`.

use super::arguments::ServeArguments;
use super::build::Builder;
use super::console::Console;
use super::error::CommandError;
use super::event::{Event, Ready};
use super::selection;
use crate::manifest::App;
use crate::serving::{Serving, StartError};

/// Serves an app until SIGTERM or Ctrl-C.
pub(crate) fn run(arguments: &ServeArguments, console: Console) -> Result<(), CommandError> {
    if arguments.build {
        let app = App::load_unbuilt(&arguments.manifest.from)?;
        let components = selection::components(&app, "--only", &arguments.only)?;
        Builder::new(console).build_all(&components)?;
    }
    let (serving, _) = Serving::up(arguments.options())?;
    Ok(serve(console, serving)?)
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
    })
}
