//! The tasks of this repository, run as `cargo xtask TASK`. One file per task.

mod apt;
mod bench;
mod cache_tests;
mod cargo_component;
mod child;
mod cluster;
mod counts;
mod dist;
mod fuzz;
mod guests;
mod npm;
mod postgres;
mod process;
mod progress;
mod server;
mod setup;
mod sql_logic;
mod stores;
mod test_servers;
#[cfg(test)]
mod tidy;
mod tools;
mod up;
mod verify;
mod wheel;
mod worker;
mod workspace;

use std::{error::Error, ffi::OsString, process::ExitCode};

use clap::{Parser, Subcommand};

use crate::workspace::Workspace;

/// The result of a task. People read the errors, so they are boxed messages and not types.
type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// Development tasks of Terrace.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

/// One task. The doc comments are the help texts.
#[derive(Subcommand)]
enum Task {
    /// Install the WebAssembly targets, or build them from Debian's packages
    Setup,
    /// Compile the functions, and the guests of the tests, to WebAssembly
    Guests,
    /// Set up, build the server and the functions, and serve the sample app
    Up {
        /// `--postgres` starts a Postgres server beside the app. All others are passed on to `terrace up`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Start several nodes with Postgres, Redis and an edge, and put the load of conduit's users on them: see docs/cluster.md
    Cluster(cluster::Options),
    /// Measure Terrace beside other servers: see docs/bench.md
    Bench {
        /// `--install-peers` first installs missing servers, `--store` measures only the cache's store. All others are passed
        /// on to the bench: `cargo xtask bench -- --help` lists them
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Run http-cache-tests against `terrace edge`: see docs/http-cache.md
    CacheTests(cache_tests::Options),
    /// Install cargo-component, build `functions/slugs` with it, and test it in an app: see docs/composition.md
    CargoComponent,
    /// Build a function for Cloudflare and print its size: see docs/targets.md
    Worker(worker::Options),
    /// Run files of SQLite's sqllogictest on Postgres, through the portable dialect
    SqlLogic(sql_logic::Options),
    /// Build a Debian package and an archive of the program, with systemd units and checksums: see docs/deploy.md
    Dist(dist::Options),
    /// Fuzz the parsers of untrusted bytes, for a minute by default
    Fuzz(fuzz::Options),
    /// Run all checks and tests, as CI does
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

/// Runs a task, and returns whether its checks passed.
fn run(task: Task) -> Outcome<bool> {
    match task {
        Task::Setup => eprintln!("{}", setup::guest_toolchain()?),
        Task::Guests => {
            let folder = guests::build(&Workspace::read()?, setup::guest_toolchain()?)?;
            println!("{}", folder.display());
        }
        Task::Up { arguments } => up::serve(&Workspace::read()?, arguments)?,
        Task::Cluster(options) => return cluster::run(&Workspace::read()?, &options),
        Task::Bench { arguments } => bench::run(arguments)?,
        Task::CacheTests(options) => return cache_tests::run(&Workspace::read()?, &options),
        Task::CargoComponent => cargo_component::test(&Workspace::read()?)?,
        Task::Worker(options) => worker::run(&Workspace::read()?, &options)?,
        Task::SqlLogic(options) => return sql_logic::run(&Workspace::read()?, &options),
        Task::Dist(options) => {
            let files = dist::make(&Workspace::read()?, &options)?;
            files.iter().for_each(|file| println!("{}", file.display()));
        }
        Task::Fuzz(options) => fuzz::run(&Workspace::read()?, &options)?,
        Task::Test => return verify::everything(),
    }
    Ok(true)
}
