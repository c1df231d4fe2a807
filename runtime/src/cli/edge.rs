//! `terrace edge`.

use super::arguments::EdgeArguments;
use super::console::Console;
use super::error::CommandError;
use super::service_manager;
use super::up;
use crate::serving::Serving;

/// Serves an origin until SIGTERM or Ctrl-C.
pub(crate) fn run(arguments: &EdgeArguments, console: Console) -> Result<(), CommandError> {
    let sockets = service_manager::sockets()?;
    let serving = Serving::edge(&arguments.options(), &sockets)?;
    drop(sockets);
    Ok(up::serve(console, serving, None)?)
}
