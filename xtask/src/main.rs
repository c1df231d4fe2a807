//! The tasks of this repository, run as `cargo xtask TASK`. One file per task.

mod apt;
mod bench;
mod cache_tests;
mod cargo_component;
mod counts;
mod fuzz;
mod guests;
mod npm;
mod process;
mod progress;
mod server;
mod setup;
#[cfg(test)]
mod tidy;
mod tools;
mod up;
mod verify;
mod worker;
mod workspace;

use std::{error::Error, ffi::OsString, process::ExitCode};

use clap::{Parser, Subcommand};

use crate::workspace::Workspace;

/// What every task returns. Errors are read by a person, so they are boxed messages and not types.
type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// Development tasks of Terrace.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

/// One task; the doc comments are the help a person reads.
#[derive(Subcommand)]
enum Task {
    /// Make sure that functions can be compiled to WebAssembly on this machine
    Setup,
    /// Build the functions, and the guests of the tests, to WebAssembly
    Guests,
    /// Set up, build everything, and serve the sample app of `spin.toml`
    Up {
        /// Passed on to `terrace up`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Measure Terrace side by side with its peers: see docs/bench.md
    Bench {
        /// `--install-peers` first installs the peers that are missing. All others are passed on to the bench:
        /// `cargo xtask bench -- --help` shows them
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Run http-cache-tests, the outside judge of the HTTP cache, against `terrace edge`: see docs/http-cache.md
    CacheTests(cache_tests::Options),
    /// Install cargo-component, build `functions/slugs` with it, and test it in an app: see docs/composition.md
    CargoComponent,
    /// Build a function for Cloudflare as it would be deployed, and say how large it is: see docs/targets.md
    Worker(worker::Options),
    /// Try the parsers of hostile bytes with random and guided input, for a minute unless told otherwise
    Fuzz(fuzz::Options),
    /// All checks and tests: what CI runs
    #[command(alias = "ci")]
    Test,
}

fn main() -> ExitCode {
    match run(Arguments::parse().task) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs a task and returns whether what it checked is in order.
fn run(task: Task) -> Outcome<bool> {
    match task {
        Task::Setup => eprintln!("{}", setup::guest_toolchain()?),
        Task::Guests => {
            let folder = guests::build(&Workspace::read()?, setup::guest_toolchain()?)?;
            println!("{}", folder.display());
        }
        Task::Up { arguments } => up::serve(&Workspace::read()?, &arguments)?,
        Task::Bench { arguments } => bench::run(arguments)?,
        Task::CacheTests(options) => return cache_tests::run(&Workspace::read()?, &options),
        Task::CargoComponent => cargo_component::test(&Workspace::read()?)?,
        Task::Worker(options) => worker::run(&Workspace::read()?, &options)?,
        Task::Fuzz(options) => fuzz::run(&Workspace::read()?, &options)?,
        Task::Test => return verify::everything(),
    }
    Ok(true)
}
