//! Installs the load balancer that the tests of the PROXY protocol start.

use std::{path::Path, process::Command};

use crate::{Outcome, apt, process};

/// The package of the server, its program and its service.
const SERVER: &str = "haproxy";

/// Installs [`SERVER`], unless it is there already. Nothing is started.
///
/// # Errors
/// When this is not Debian, or the user may not install packages, or apt fails; the message names the package.
pub(crate) fn install_for_tests() -> Outcome {
    // Debian's folder is in the `PATH` of root only.
    if Path::new("/usr/sbin").join(SERVER).exists()
        || process::succeeds(Command::new(SERVER).arg("-v"))
    {
        return Ok(());
    }
    apt::check()
        .and_then(|()| apt::install_without_service(SERVER, SERVER))
        .map_err(|error| format!("{error}\nThe tests start HAProxy: install {SERVER}").into())
}
