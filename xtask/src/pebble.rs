//! Installs the authority for tests, Pebble, that the tests of certificates start.

use std::process::Command;

use crate::{Outcome, apt, process};

/// The package.
const PACKAGE: &str = "pebble";

/// Its programs: the server and its resolver. The server alone might be another program of that name.
const PROGRAMS: [&str; 2] = ["pebble", "pebble-challtestsrv"];

/// Installs [`PACKAGE`], unless its programs are there already. It has no service.
///
/// # Errors
/// When this is not Debian, or the user may not install packages, or apt fails; the message names the package.
pub(crate) fn install_for_tests() -> Outcome {
    let is_there = |program| process::succeeds(Command::new(program).arg("-help"));
    if PROGRAMS.into_iter().all(is_there) {
        return Ok(());
    }
    apt::check()
        .and_then(|()| apt::install(&[PACKAGE]))
        .map_err(|error| format!("{error}\nThe tests start an authority: install {PACKAGE}").into())
}
