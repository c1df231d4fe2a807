//! `terrace check`. Finding the faults is left to `serving`.

use super::arguments::CheckArguments;
use super::console::Console;
use super::error::CommandError;
use super::event::Event;
use crate::manifest::App;

/// Reports all faults of an app at once.
pub(crate) fn run(arguments: &CheckArguments, console: Console) -> Result<(), CommandError> {
    crate::serving::check(&arguments.options(), arguments.portable)?;
    let app = App::load(&arguments.manifest.from)?;
    console.tell(&Event::Fine {
        manifest: &app.manifest,
        components: app.components.len(),
        routes: app.routes().count(),
    });
    Ok(())
}
