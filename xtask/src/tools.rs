//! Tools of the checks that cargo does not come with. Those that are missing are built once, into the cache folder.

use std::{path::Path, process::Command};

use crate::{Outcome, process, workspace::cache_folder};

/// A cargo subcommand from crates.io.
pub(crate) struct Tool {
    /// Its package and program.
    package: &'static str,
    /// What follows `cargo` when it is called.
    subcommand: &'static str,
    /// What is installed when it is missing: a range, so that a later release that needs a newer compiler or has
    /// other options does not break the checks.
    version: &'static str,
    /// What it is built with, as arguments of `cargo install`.
    features: &'static [&'static str],
}

/// Checks licences, sources and duplicates of the dependencies.
pub(crate) const DENY: Tool = Tool {
    package: "cargo-deny",
    subcommand: "deny",
    version: "^0.20",
    features: &[],
};

/// Runs the tests.
pub(crate) const NEXTEST: Tool = Tool {
    package: "cargo-nextest",
    subcommand: "nextest",
    version: ">=0.9.143, <0.10",
    // All but updating itself.
    features: &["--no-default-features", "--features", "default-no-update"],
};

impl Tool {
    /// The command that runs it, installed if it was missing.
    ///
    /// # Errors
    /// When it can be neither found nor installed.
    pub(crate) fn command(&self) -> Outcome<Command> {
        if self.works(Command::new(self.package)) {
            return Ok(self.call(Command::new(self.package)));
        }
        let folder = cache_folder()?.join("tools");
        let program = folder.join("bin").join(self.package);
        if !self.works(Command::new(&program)) {
            eprintln!("installing {} (some minutes, once)", self.package);
            process::run(&mut self.install(&folder))?;
        }
        Ok(self.call(Command::new(program)))
    }

    /// Without optimisation, which takes nearly three times as long to build as it could ever save here.
    fn install(&self, folder: &Path) -> Command {
        let mut cargo = Command::new("cargo");
        cargo.args(["install", "--locked", "--debug", self.package]);
        cargo.args(["--version", self.version]).args(self.features);
        // Built in a folder of its own, wherever the workspace builds.
        cargo
            .arg("--root")
            .arg(folder)
            .env_remove("CARGO_TARGET_DIR");
        cargo
    }

    fn works(&self, program: Command) -> bool {
        process::succeeds(self.call(program).arg("--version"))
    }

    fn call(&self, mut program: Command) -> Command {
        program.arg(self.subcommand);
        program
    }
}
