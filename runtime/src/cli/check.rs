//! `terrace check`.

use super::arguments::CheckArguments;
use super::console::Console;
use super::error::CommandError;
use super::event::Event;
use crate::manifest::App;

/// Finds everything that is wrong with an app, all at once.
pub(crate) fn run(arguments: &CheckArguments, console: Console) -> Result<(), CommandError> {
    crate::serving::check(&arguments.options())?;
    let app = App::load(&arguments.manifest.from)?;
    console.tell(&Event::Fine {
        manifest: &app.manifest,
        components: app.components.len(),
        routes: app.routes().count(),
    });
    Ok(())
}
