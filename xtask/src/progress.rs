//! Runs a cargo build and prints its progress with an estimate of the remaining time.
//!
//! Cargo's own bar counts packages, needs a terminal and estimates nothing. A few packages take most of the time, so this
//! module weighs packages by the time that they take.

use std::{
    collections::BTreeSet,
    io::{BufRead as _, BufReader, Read},
    process::{Command, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{Outcome, process};

/// How often a line is printed.
const INTERVAL: Duration = Duration::from_secs(15);

/// The packages that take longest, in seconds of one core, from `cargo build --timings`.
const SECONDS: [(&str, u64); 13] = [
    ("cranelift-assembler-x64", 10),
    ("cranelift-codegen", 110),
    ("edge-cache", 12),
    ("libsqlite3-sys", 20),
    ("pulley-interpreter", 8),
    ("terrace", 80),
    ("tokio", 11),
    ("wasmparser", 8),
    ("wasmtime", 45),
    ("wasmtime-environ", 25),
    ("wasmtime-internal-cranelift", 20),
    ("wasmtime-wasi", 25),
    ("wasmtime-wasi-http", 8),
];

/// The average of all other packages, in seconds of one core.
const SECONDS_OF_OTHERS: u64 = 1;

/// A package as name and version.
type Package = (String, String);

/// How far a build is.
struct Progress {
    began: Instant,
    /// Packages that are not built yet.
    left: BTreeSet<Package>,
    /// The weight of the packages that are built, in seconds of one core.
    done: u64,
    /// The number of cores, for the estimate before the speed is measured.
    cores: u64,
}

/// Builds `package` with a command that begins `cargo build`, and prints the progress. `packages` comes from
/// [`packages_of`].
///
/// # Errors
/// When cargo can't be started or fails; it has printed the reason.
pub(crate) fn build(cargo: &mut Command, package: &str, packages: BTreeSet<Package>) -> Outcome {
    cargo.args(["--quiet", "--message-format", "json-render-diagnostics"]);
    let child = cargo.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
    let mut child = child.map_err(|error| process::cannot_start(cargo, &error))?;
    let messages = child
        .stdout
        .take()
        .expect("standard output was piped above");
    let (sender, receiver) = mpsc::channel();
    let reader = thread::spawn(move || {
        for (package, is_fresh) in artefacts(messages) {
            // The receiver lives as long as this sender.
            drop(sender.send((package, is_fresh)));
        }
    });
    Progress::new(packages).follow(package, &receiver);
    // Nothing below needs the reader's result, so a panic in it does not matter.
    drop(reader.join());
    process::expect_success(cargo, child.wait()?)
}

/// A package and all its dependencies.
///
/// # Errors
/// When cargo fails, for instance because a package cannot be downloaded.
pub(crate) fn packages_of(mut cargo: Command, package: &str) -> Outcome<BTreeSet<Package>> {
    cargo.args(["tree", "--package", package, "--edges", "normal,build"]);
    cargo.args(["--prefix", "none", "--format", "{p}"]);
    Ok(process::output(&mut cargo)?
        .lines()
        .filter_map(package_of_tree)
        .collect())
}

/// `name v1.2.3 (proc-macro)` of `cargo tree`.
fn package_of_tree(line: &str) -> Option<Package> {
    let (name, rest) = line.split_once(" v")?;
    let version = rest.split(' ').next()?;
    Some((name.to_owned(), version.to_owned()))
}

/// `registry+https://…#name@1.2.3` or `path+file:///…/name#1.2.3` of cargo's messages.
fn package_of_id(id: &str) -> Option<Package> {
    let (place, name_and_version) = id.rsplit_once('#')?;
    let folder = || {
        (
            place.rsplit('/').next().unwrap_or_default(),
            name_and_version,
        )
    };
    let (name, version) = name_and_version.split_once('@').unwrap_or_else(folder);
    Some((name.to_owned(), version.to_owned()))
}

/// The package in a message of cargo, and whether it was already compiled.
fn artefacts(messages: impl Read) -> impl Iterator<Item = (Package, bool)> {
    let lines = BufReader::new(messages).lines().map_while(Result::ok);
    lines.filter_map(|line| {
        let message: Value = serde_json::from_str(&line).ok()?;
        let is_program = message["target"]["kind"][0] == "custom-build";
        if message["reason"] != "compiler-artifact" || is_program {
            return None;
        }
        Some((
            package_of_id(message["package_id"].as_str()?)?,
            message["fresh"] == true,
        ))
    })
}

fn seconds_of(package: &Package) -> u64 {
    let known = SECONDS.iter().find(|(name, _)| *name == package.0);
    known.map_or(SECONDS_OF_OTHERS, |(_, seconds)| *seconds)
}

impl Progress {
    fn new(packages: BTreeSet<Package>) -> Self {
        let cores = thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
        Self {
            began: Instant::now(),
            left: packages,
            done: 0,
            cores,
        }
    }

    /// Prints a line at each interval until the build ends.
    fn follow(mut self, package: &str, artefacts: &Receiver<(Package, bool)>) {
        let mut next = self.began + INTERVAL;
        loop {
            match artefacts.recv_timeout(next.saturating_duration_since(Instant::now())) {
                Ok((done, is_fresh)) => self.note(&done, is_fresh),
                Err(RecvTimeoutError::Timeout) => {
                    eprintln!("building {package}: {}", self.line(self.began.elapsed()));
                    next = Instant::now() + INTERVAL;
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn note(&mut self, package: &Package, is_fresh: bool) {
        if self.left.remove(package) && !is_fresh {
            self.done += seconds_of(package);
        }
    }

    /// The progress after some time, such as `64 %, 3 min so far, about 2 min left`.
    fn line(&self, elapsed: Duration) -> String {
        let left: u64 = self.left.iter().map(seconds_of).sum();
        let all = (left + self.done).max(1);
        // The first packages are small and say little about the speed of the machine.
        let remaining = if self.done * 5 < all {
            left / self.cores
        } else {
            left * elapsed.as_secs() / self.done
        };
        let percent = self.done * 100 / all;
        format!(
            "{percent} %, {} so far, about {} left",
            time(elapsed.as_secs()),
            time(remaining)
        )
    }
}

/// A time for people.
fn time(seconds: u64) -> String {
    if seconds < 90 {
        format!("{seconds} s")
    } else {
        format!("{} min", (seconds + 30) / 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str) -> Package {
        (name.to_owned(), "1.0.0".to_owned())
    }

    #[test]
    fn packages_are_the_same_in_the_tree_and_in_messages() {
        let ids = [
            "registry+https://example.org/index#name@1.0.0",
            "path+file:///clone/name#1.0.0",
        ];
        for id in ids {
            assert_eq!(package_of_id(id), Some(package("name")));
        }
        assert_eq!(
            package_of_tree("name v1.0.0 (proc-macro)"),
            Some(package("name"))
        );
    }

    #[test]
    fn artefacts_are_read_from_messages() {
        let library = r#"{"reason":"compiler-artifact","package_id":"x#a@1.0.0","target":{"kind":["lib"]},"fresh":true}"#;
        let script = r#"{"reason":"compiler-artifact","package_id":"x#b@1.0.0","target":{"kind":["custom-build"]},"fresh":false}"#;
        let messages = format!("{library}\n{script}\nnoise\n");
        assert_eq!(
            artefacts(messages.as_bytes()).collect::<Vec<_>>(),
            [(package("a"), true)]
        );
    }

    #[test]
    fn line_tells_how_far_a_build_is_and_how_long_it_will_take() {
        let names = ["terrace", "wasmtime", "other"].map(package);
        let mut progress = Progress::new(names.into());
        progress.cores = 2;
        let line = progress.line(Duration::from_secs(15));
        assert_eq!(line, "0 %, 15 s so far, about 63 s left");
        progress.note(&package("wasmtime"), false);
        progress.note(&package("other"), true);
        let line = progress.line(Duration::from_secs(120));
        assert_eq!(line, "36 %, 2 min so far, about 4 min left");
    }
}
