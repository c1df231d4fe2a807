//! `terrace edge`.

use super::arguments::EdgeArguments;
use super::console::Console;
use super::error::CommandError;
use super::event::Event;
use crate::edge::EdgeServing;

/// Serves an origin until SIGTERM or Ctrl-C.
pub(crate) fn run(arguments: &EdgeArguments, console: Console) -> Result<(), CommandError> {
    let serving = EdgeServing::start(&arguments.options())?;
    let origin = serving.origin().to_string();
    let http = format!("http://{}", serving.http());
    let admin = serving.admin().map(|address| format!("http://{address}"));
    serving.run(|| {
        console.tell(&Event::Ready {
            app: &origin,
            http,
            admin,
        });
    })?;
    Ok(())
}
