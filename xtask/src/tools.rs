//! Tools from crates.io that are not part of cargo. Missing ones are built once, into the cache folder.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::{Outcome, process, workspace::cache_folder};

/// A cargo subcommand from crates.io.
pub(crate) struct Tool {
    /// Its package and program.
    package: &'static str,
    /// Its name as a subcommand of cargo.
    subcommand: &'static str,
    /// The versions to install: a range, so that a later release that needs a newer compiler or has other options does not
    /// break the checks.
    version: &'static str,
    /// Arguments for `cargo install`.
    features: &'static [&'static str],
}

/// Builds components with a WIT world of their own.
pub(crate) const COMPONENT: Tool = Tool {
    package: "cargo-component",
    subcommand: "component",
    version: "^0.21",
    features: &[],
};

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
    // All features except updating itself.
    features: &["--no-default-features", "--features", "default-no-update"],
};

impl Tool {
    /// The command that runs it. Installs it if it is missing.
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
            let mut install = install(self.package, self.version, &folder);
            process::run(install.arg("--locked").args(self.features))?;
        }
        Ok(self.call(Command::new(program)))
    }

    fn works(&self, program: Command) -> bool {
        process::succeeds(self.call(program).arg("--version"))
    }

    fn call(&self, mut program: Command) -> Command {
        program.arg(self.subcommand);
        program
    }
}

/// A program from crates.io that works only with the version of a library that is in `Cargo.lock`.
pub(crate) struct Companion {
    /// Its package.
    package: &'static str,
    /// Its program, whose `--version` ends with the version.
    program: &'static str,
    /// The library.
    library: &'static str,
    /// Arguments for `cargo install`.
    arguments: &'static [&'static str],
}

/// Builds a crate for Cloudflare.
pub(crate) const WORKER_BUILD: Companion = Companion {
    package: "worker-build",
    program: "worker-build",
    library: "worker",
    arguments: &["--locked"],
};

/// Makes the bindings of a WebAssembly module to JavaScript.
pub(crate) const WASM_BINDGEN: Companion = Companion {
    package: "wasm-bindgen-cli",
    program: "wasm-bindgen",
    library: "wasm-bindgen",
    // Not with its own lock file: a registry that lags behind may lack a version in it. Its only feature is TLS for its test
    // runner.
    arguments: &["--no-default-features"],
};

impl Companion {
    /// The path of the program. Installs it if it is missing or has another version. `lock` is the text of `Cargo.lock`.
    ///
    /// # Errors
    /// When it can be neither found nor installed, or the lock does not have the library.
    pub(crate) fn program(&self, lock: &str) -> Outcome<PathBuf> {
        let version = locked_version(lock, self.library)
            .ok_or_else(|| format!("Cargo.lock has no `{}`", self.library))?;
        let folder = cache_folder()?.join("tools");
        let program = folder.join("bin").join(self.program);
        if !is_version(&program, version) {
            let mut install = install(self.package, &format!("={version}"), &folder);
            process::run(install.args(self.arguments))?;
        }
        Ok(program)
    }
}

/// Installs without optimisation, which would take longer to build than it could ever save here.
fn install(package: &str, version: &str, folder: &Path) -> Command {
    eprintln!("installing {package} (some minutes, once)");
    let mut cargo = Command::new("cargo");
    cargo.args(["install", "--debug", package, "--version", version]);
    // Nobody debugs these programs. Debug information would take a third of the build's time.
    cargo.env("CARGO_PROFILE_DEV_DEBUG", "false");
    // Builds in a folder of its own, wherever the workspace builds.
    cargo
        .arg("--root")
        .arg(folder)
        .env_remove("CARGO_TARGET_DIR");
    cargo
}

/// Whether a program starts and has that version.
fn is_version(program: &Path, version: &str) -> bool {
    let printed = process::output(Command::new(program).arg("--version"));
    printed.is_ok_and(|printed| printed.split_whitespace().last() == Some(version))
}

/// The version of a package in the text of a `Cargo.lock`.
fn locked_version<'l>(lock: &'l str, package: &str) -> Option<&'l str> {
    let name = format!("name = \"{package}\"");
    let mut lines = lock.lines().skip_while(|line| *line != name).skip(1);
    let version = lines.next()?.strip_prefix("version = \"")?;
    version.strip_suffix('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = "version = 4\n\n[[package]]\nname = \"worker-macros\"\nversion = \"0.8.6\"\n\n\
        [[package]]\nname = \"worker\"\nversion = \"0.8.7\"\nsource = \"a registry\"\n";

    #[test]
    fn version_of_a_library_is_the_one_in_the_lock() {
        assert_eq!(locked_version(LOCK, "worker"), Some("0.8.7"));
        assert_eq!(locked_version(LOCK, "work"), None);
    }

    #[test]
    fn companion_of_a_library_that_is_not_used_is_an_error_that_names_it() {
        let error = WASM_BINDGEN.program(LOCK).unwrap_err().to_string();
        assert_eq!(error, "Cargo.lock has no `wasm-bindgen`");
    }

    #[test]
    fn program_of_another_version_is_not_taken() {
        let rustc = Path::new("rustc");
        assert!(!is_version(rustc, "0.0.1"));
        assert!(!is_version(Path::new("no-such-program"), "0.0.1"));
    }
}
