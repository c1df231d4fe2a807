//! `cargo xtask bench`: builds everything that the bench needs, then becomes the bench, which measures and reports.

mod peers;

use std::{
    env,
    ffi::{OsStr, OsString},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    Outcome, guests, postgres, process, setup, stores::Nats, wheel, worker, workspace::Workspace,
};

/// The variable with the path of a built `terrace` to measure instead of this clone's.
const TERRACE_VARIABLE: &str = "TERRACE_BIN";

/// The variable with the folder of built functions to measure instead of this clone's.
const GUESTS_VARIABLE: &str = "TERRACE_GUESTS";

/// An option of this task and not of the bench: first installs the peers.
const INSTALL_PEERS: &str = "--install-peers";

/// An option of this task: measures only the store of the edge cache.
const STORE: &str = "--store";

/// The part of the bench that needs [`WORKERS`].
const WORKERS_PART: &str = "workers";

/// The parts of the bench that need a Postgres server.
const POSTGRES_PARTS: [&str; 2] = ["sql", QUEUES_PART];

/// The part of the bench that needs a NATS server too.
const QUEUES_PART: &str = "queues";

/// The functions that are also built for Cloudflare.
const WORKERS: [&str; 2] = ["hello", "conduit"];

/// Builds and then becomes the bench, so that signals reach it and it can end the servers that it started. Returns only on
/// failure. `arguments` are the bench's, except [`INSTALL_PEERS`] and [`STORE`].
///
/// # Errors
/// When something does not build, or a peer cannot be installed.
pub(crate) fn run(mut arguments: Vec<OsString>) -> Outcome {
    if take(&mut arguments, INSTALL_PEERS) {
        peers::install()?;
    }
    let workspace = Workspace::read()?;
    if take(&mut arguments, STORE) {
        let built = build(&workspace, &["--package", "terrace-bench-store"])?;
        let mut bench = Command::new(built.join("terrace-bench-store"));
        return Err(become_it(
            bench.args(arguments).current_dir(&workspace.root),
        ));
    }
    let terrace = match variable(TERRACE_VARIABLE) {
        Some(program) => program,
        None => build(&workspace, &["--package", "terrace"])?.join("terrace"),
    };
    let guests = match variable(GUESTS_VARIABLE) {
        Some(folder) => folder,
        None => guests::build(&workspace, setup::guest_toolchain()?)?,
    };
    // Each in a call of its own: in one call they would share the features of their dependencies, and the measured server
    // would differ from the released one.
    let examples = build(&workspace, &["--package", "conduit", "--example", "seed"])?;
    let built = build(&workspace, &["--package", "terrace-bench"])?;
    let mut bench = Command::new(built.join("terrace-bench"));
    if wants(&arguments, WORKERS_PART) {
        WORKERS
            .iter()
            .try_for_each(|function| worker::build(&workspace, function))?;
        bench.arg("--workers").arg(worker::folder(&workspace));
    }
    let _nats = start_servers(&mut bench, &arguments, &workspace.target);
    bench.arg("--terrace").arg(terrace.canonicalize()?);
    bench.arg("--guests").arg(guests.canonicalize()?);
    bench.arg("--native").arg(built.join("native"));
    bench.arg("--native-sql").arg(built.join("native_sql"));
    bench.arg("--native-queue").arg(built.join("native_queue"));
    bench.arg("--seeder").arg(examples.join("examples/seed"));
    bench.arg("--output").arg(workspace.target.join("bench"));
    bench.args(arguments).env("PATH", path_with_peers()?);
    Err(become_it(&mut bench))
}

/// Starts the servers that the parts need, each without data. The rows say that there is none if that fails. They end with this
/// process, also when it has become the bench.
fn start_servers(bench: &mut Command, arguments: &[OsString], target: &Path) -> Option<Nats> {
    if POSTGRES_PARTS.iter().any(|part| wants(arguments, part)) {
        let folder = target.join("bench-postgres");
        match postgres::install().and_then(|()| postgres::serve_new(&folder)) {
            Ok(url) => drop(bench.arg("--postgres").arg(url)),
            Err(error) => eprintln!("no Postgres server: {error}"),
        }
    }
    if !wants(arguments, QUEUES_PART) {
        return None;
    }
    // Debian's server is too old to write through, and to be measured as a durable one.
    match wheel::NATS
        .program()
        .and_then(|program| Nats::start(&program, &target.join("bench-nats"), ""))
    {
        Ok(nats) => {
            bench.arg("--nats").arg(&nats.url);
            Some(nats)
        }
        Err(error) => {
            eprintln!("no NATS server: {error}");
            None
        }
    }
}

/// Becomes a program. Returns why that failed.
fn become_it(program: &mut Command) -> Box<dyn std::error::Error> {
    let error = program.exec();
    format!("cannot start {}: {error}", process::words(program)).into()
}

/// Builds a release and returns the folder of its programs.
fn build(workspace: &Workspace, selection: &[&str]) -> Outcome<PathBuf> {
    let mut cargo = workspace.cargo()?;
    process::run(cargo.args(["build", "--release"]).args(selection))?;
    Ok(workspace.target.join("release"))
}

/// Removes an option, and returns whether it was there.
fn take(arguments: &mut Vec<OsString>, option: &str) -> bool {
    let given = arguments.len();
    arguments.retain(|argument| argument != option);
    arguments.len() < given
}

/// Whether the bench measures a part: it measures all unless `--only` names some.
fn wants(arguments: &[OsString], part: &str) -> bool {
    let words = arguments.iter().map(|argument| argument.to_string_lossy());
    let words: Vec<_> = words.collect();
    let is_named = |word: &str| word.split([',', '=']).any(|name| name == part);
    !words.iter().any(|word| word.starts_with("--only")) || words.iter().any(|word| is_named(word))
}

/// The user's `PATH`, followed by the folders in which this task installs peers.
fn path_with_peers() -> Outcome<OsString> {
    let own = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&own).chain(peers::folders()?);
    Ok(env::join_paths(folders)?)
}

fn variable(name: impl AsRef<OsStr>) -> Option<PathBuf> {
    let value = env::var_os(name).filter(|value| !value.is_empty());
    value.map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_option_is_taken_out_wherever_it_stands() {
        let mut arguments = ["--rounds", "5", INSTALL_PEERS]
            .map(OsString::from)
            .to_vec();
        assert!(take(&mut arguments, INSTALL_PEERS));
        assert_eq!(arguments, ["--rounds", "5"]);
        assert!(!take(&mut arguments, INSTALL_PEERS));
    }

    #[test]
    fn parts_are_wanted_unless_others_alone_are_named() {
        let wants = |arguments: &[&str]| {
            let arguments: Vec<_> = arguments.iter().map(OsString::from).collect();
            super::wants(&arguments, WORKERS_PART)
        };
        assert!(wants(&["--rounds", "5"]));
        assert!(wants(&["--only", "hello,workers"]));
        assert!(wants(&["--only=workers"]));
        assert!(!wants(&["--only", "hello"]));
    }
}
