//! Installs the Redis server that the tests start.

use std::process::Command;

use crate::{Outcome, apt, process};

/// The package of the server, its program and its service.
const SERVER: &str = "redis-server";

/// Installs [`SERVER`], unless it is there already. Nothing is started.
///
/// # Errors
/// When this is not Debian, or the user may not install packages, or apt fails; the message names the package.
pub(crate) fn install_for_tests() -> Outcome {
    if process::succeeds(Command::new(SERVER).arg("--version")) {
        return Ok(());
    }
    apt::check()
        .and_then(|()| apt::install_without_service(SERVER, SERVER))
        .map_err(|error| format!("{error}\nThe tests start Redis: install {SERVER}").into())
}
