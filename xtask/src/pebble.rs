//! Installs the authority for tests, Pebble, that the tests of certificates start.

use std::process::Command;

use crate::{Outcome, apt, process};

/// The package of the server and of its resolver, and the server's program.
const SERVER: &str = "pebble";

/// Installs [`SERVER`], unless it is there already. It has no service.
///
/// # Errors
/// When this is not Debian, or the user may not install packages, or apt fails; the message names the package.
pub(crate) fn install_for_tests() -> Outcome {
    if process::succeeds(Command::new(SERVER).arg("-help")) {
        return Ok(());
    }
    apt::check()
        .and_then(|()| apt::install(&[SERVER]))
        .map_err(|error| format!("{error}\nThe tests start an authority: install {SERVER}").into())
}
