//! `terrace edge`.

use super::arguments::EdgeArguments;
use super::console::Console;
use super::error::CommandError;
use super::up;
use crate::serving::Serving;

/// Serves an origin until SIGTERM or Ctrl-C.
pub(crate) fn run(arguments: &EdgeArguments, console: Console) -> Result<(), CommandError> {
    Ok(up::serve(console, Serving::edge(&arguments.options())?)?)
}
