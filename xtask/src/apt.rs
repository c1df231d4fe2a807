//! Finds and installs Debian packages.

use std::{
    io::{IsTerminal as _, stdin},
    process::Command,
};

use crate::{Outcome, process};

/// Debian asks this program whether a service may start. None is there by default.
const SERVICE_POLICY: &str = "/usr/sbin/policy-rc.d";

/// Installs the packages that are missing.
///
/// # Errors
/// When this is not Debian, or the user may not install packages, or apt fails; the message names the packages.
pub(crate) fn install(packages: &[&str]) -> Outcome {
    let missing: Vec<&str> = packages
        .iter()
        .copied()
        .filter(|package| !is_installed(package))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    check().map_err(|error| format!("{error}; it needs {}", packages.join(", ")))?;
    eprintln!("installing {} with apt-get", missing.join(", "));
    // The update fails if one of several sources is unreachable. The packages may be there all the same, so try to install.
    if let Err(error) = process::run(apt_get()?.arg("update")) {
        eprintln!("{error}; continuing with the present package lists");
    }
    process::run(
        apt_get()?
            .args(["install", "--yes", "--no-install-recommends"])
            .args(&missing),
    )
    .map_err(|error| {
        format!(
            "{error}\nInstall these packages yourself: {}",
            missing.join(" ")
        )
        .into()
    })
}

/// Installs a package with a service that Debian would start at once, and with the machine. It does neither.
///
/// # Errors
/// As [`install`].
pub(crate) fn install_without_service(package: &str, service: &str) -> Outcome {
    let refuse = format!(
        "[ -e {SERVICE_POLICY} ] || {{ printf '#!/bin/sh\\nexit 101\\n' >{SERVICE_POLICY}; chmod +x {SERVICE_POLICY}; echo made; }}"
    );
    let refused = process::output(as_root("sh")?.args(["-c", &refuse]))?;
    let installed = install(&[package]);
    if refused == "made" {
        process::run(as_root("rm")?.arg(SERVICE_POLICY))?;
    }
    installed?;
    process::run(as_root("update-rc.d")?.args([service, "disable"]))
}

/// Whether a package is installed, as dpkg says.
pub(crate) fn is_installed(package: &str) -> bool {
    let status = Command::new("dpkg-query")
        .args(["--show", "--showformat", "${db:Status-Status}", package])
        .output();
    status.is_ok_and(|output| output.stdout == b"installed")
}

/// # Errors
/// When this is not Debian.
pub(crate) fn check() -> Outcome {
    match process::succeeds(Command::new("apt-get").arg("--version")) {
        true => Ok(()),
        false => Err("this is not a Debian machine (no apt-get)".into()),
    }
}

/// `apt-get`. It must not ask for a time zone or the like.
fn apt_get() -> Outcome<Command> {
    let mut apt_get = as_root("apt-get")?;
    apt_get.env("DEBIAN_FRONTEND", "noninteractive");
    Ok(apt_get)
}

/// A program, with `sudo` unless the user is root. Without a terminal, sudo must not wait for a password.
pub(crate) fn as_root(program: &str) -> Outcome<Command> {
    if process::output(Command::new("id").arg("-u"))? == "0" {
        return Ok(Command::new(program));
    }
    let mut sudo = Command::new("sudo");
    if !stdin().is_terminal() {
        sudo.arg("--non-interactive");
    }
    sudo.arg(program);
    Ok(sudo)
}
