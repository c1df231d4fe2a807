//! Installs the servers that the tests start, and the client, unless they are there already. None is started. Postgres has a module of its own.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::{Outcome, apt, process, wheel};

/// # Errors
/// When this is not Debian, or the user may not install packages, or apt fails; the message names the package.
pub(crate) fn redis() -> Outcome {
    const SERVER: &str = "redis-server";
    let is_there = answers(SERVER, "--version");
    install(is_there, SERVER, || {
        apt::install_without_service(SERVER, SERVER)
    })
}

/// The authority for tests, which has no service.
///
/// # Errors
/// As [`redis`].
pub(crate) fn pebble() -> Outcome {
    const PACKAGE: &str = "pebble";
    // The server alone might be another program of that name. The second one is its resolver.
    let is_there = [PACKAGE, "pebble-challtestsrv"].map(|program| answers(program, "-help"));
    install(is_there == [true; 2], PACKAGE, || apt::install(&[PACKAGE]))
}

/// The load balancer.
///
/// # Errors
/// As [`redis`].
pub(crate) fn haproxy() -> Outcome {
    const SERVER: &str = "haproxy";
    // Debian's folder is in the `PATH` of root only.
    let is_there = Path::new("/usr/sbin").join(SERVER).exists() || answers(SERVER, "-v");
    install(is_there, SERVER, || {
        apt::install_without_service(SERVER, SERVER)
    })
}

/// The client that users of the documentation type.
///
/// # Errors
/// As [`redis`].
pub(crate) fn curl() -> Outcome {
    const CLIENT: &str = "curl";
    install(answers(CLIENT, "--version"), CLIENT, || {
        apt::install(&[CLIENT])
    })
}

/// The server of messages: the one of PyPI, or Debian's where there is none. Returns the program.
///
/// # Errors
/// As [`redis`].
pub(crate) fn nats() -> Outcome<PathBuf> {
    const SERVER: &str = "nats-server";
    match wheel::NATS.program() {
        Ok(program) => Ok(program),
        Err(error) => {
            eprintln!("{error}; Debian's version is taken");
            // Debian's folder is in the `PATH` of root only.
            let program = Path::new("/usr/sbin").join(SERVER);
            install(program.exists(), SERVER, || {
                apt::install_without_service(SERVER, SERVER)
            })?;
            Ok(program)
        }
    }
}

/// Whether a program ends well with this argument.
fn answers(program: &str, argument: &str) -> bool {
    process::succeeds(Command::new(program).arg(argument))
}

fn install(is_there: bool, package: &str, install: impl FnOnce() -> Outcome) -> Outcome {
    if is_there {
        return Ok(());
    }
    apt::check()
        .and_then(|()| install())
        .map_err(|error| format!("{error}\nThe tests start it: install {package}").into())
}
