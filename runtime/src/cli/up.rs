//! `terrace up`, and what it has in common with `terrace dev`.

use super::arguments::ServeArguments;
use super::build::Builder;
use super::console::Console;
use super::error::CommandError;
use super::event::Event;
use super::selection;
use crate::manifest::App;
use crate::serving::Serving;

/// Serves an app until it is asked to end.
pub(crate) fn run(arguments: &ServeArguments, console: Console) -> Result<(), CommandError> {
    if arguments.build {
        let app = App::load_unbuilt(&arguments.manifest.from)?;
        let components = selection::components(&app, "--only", &arguments.only)?;
        Builder::new(console).build_all(&components)?;
    }
    let serving = Serving::start(arguments.options())?;
    announce(console, &serving);
    Ok(serving.run()?)
}

/// Tells that an app is served, and where.
pub(crate) fn announce(console: Console, serving: &Serving) {
    console.tell(&Event::Ready {
        app: serving.app_name(),
        http: format!("http://{}", serving.http()),
        admin: serving.admin().map(|address| format!("http://{address}")),
    });
}
