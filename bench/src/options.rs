//! The command line: what to measure, and for how long.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, ValueEnum};
use serde::Serialize;

use crate::load::Load;

/// Measures Terrace beside other servers, in one run on this machine.
#[derive(Parser)]
#[command(name = "cargo xtask bench")]
pub(crate) struct Options {
    #[command(flatten)]
    pub(crate) files: Files,
    #[command(flatten)]
    pub(crate) settings: Settings,
}

/// Files that were built for the bench. `cargo xtask bench` fills these in.
#[derive(Args)]
pub(crate) struct Files {
    /// The program `terrace`
    #[arg(long, hide = true)]
    pub(crate) terrace: PathBuf,
    /// The folder of the functions' `.wasm` files
    #[arg(long, hide = true)]
    pub(crate) guests: PathBuf,
    /// The program `native`
    #[arg(long, hide = true)]
    pub(crate) native: PathBuf,
    /// The program `native_sql`
    #[arg(long, hide = true)]
    pub(crate) native_sql: PathBuf,
    /// The program `native_queue`
    #[arg(long, hide = true)]
    pub(crate) native_queue: PathBuf,
    /// The URL of a Postgres database that is empty
    #[arg(long, hide = true)]
    pub(crate) postgres: Option<String>,
    /// The URL of a NATS server that writes through
    #[arg(long, hide = true)]
    pub(crate) nats: Option<String>,
    /// The program that fills the database of conduit
    #[arg(long, hide = true)]
    pub(crate) seeder: PathBuf,
    /// The folder with the functions' folders, built for Cloudflare
    #[arg(long, hide = true)]
    pub(crate) workers: Option<PathBuf>,
    /// The folder for results and intermediate files
    #[arg(long, hide = true)]
    pub(crate) output: PathBuf,
    /// Another `terrace`, such as that of an earlier commit, to measure right after the first in `hello`, `fresh`, `start`,
    /// `cache`, `proxy` and `https`
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) against: Option<PathBuf>,
}

/// How it is measured.
#[derive(Args, Clone, Debug, Serialize)]
pub(crate) struct Settings {
    /// Seconds of load in each round
    #[arg(long, default_value_t = 4)]
    pub(crate) seconds: u64,
    /// Rounds; the median counts
    #[arg(long, default_value_t = 3)]
    pub(crate) rounds: u32,
    /// Connections of the load generator
    #[arg(long, default_value_t = 32)]
    pub(crate) connections: u32,
    /// Threads of the load generator
    #[arg(long, default_value_t = 1)]
    pub(crate) threads: u32,
    /// Starts of each server
    #[arg(long, default_value_t = 10)]
    pub(crate) starts: u32,
    /// Distinct functions of the app in the part `functions`
    #[arg(long, default_value_t = 1_000)]
    pub(crate) functions: usize,
    /// Measure these parts only
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Part::ALL)]
    pub(crate) only: Vec<Part>,
}

/// A part of the bench.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Part {
    /// Hello, with reused instances
    Hello,
    /// Hello, with a new instance for each request
    Fresh,
    /// Conduit: a list of articles, and one article
    Conduit,
    /// Conduit beside native servers with the same statements, on SQLite and on Postgres
    Sql,
    /// Messages through a queue, beside native servers on the same engines
    Queues,
    /// Static files from the cache, beside nginx
    Assets,
    /// Hits and misses of the HTTP cache
    Cache,
    /// An edge that passes requests on, without its cache
    Proxy,
    /// Hits of the HTTP cache with TLS and HTTP/2
    Https,
    /// Hello and conduit, on Terrace and on workerd
    Workers,
    /// Several nodes behind an edge, whose function waits
    Nodes,
    /// Start-up time and memory at rest
    Start,
    /// One app with many functions
    Functions,
}

impl Part {
    const ALL: [Self; 13] = [
        Self::Hello,
        Self::Fresh,
        Self::Conduit,
        Self::Sql,
        Self::Queues,
        Self::Assets,
        Self::Cache,
        Self::Proxy,
        Self::Https,
        Self::Workers,
        Self::Nodes,
        Self::Start,
        Self::Functions,
    ];
}

impl Settings {
    /// Whether to measure a part.
    pub(crate) fn includes(&self, part: Part) -> bool {
        self.only.contains(&part)
    }

    /// The load that is measured.
    pub(crate) fn load(&self) -> Load {
        Load {
            threads: self.threads,
            connections: self.connections,
            duration: Duration::from_secs(self.seconds),
        }
    }

    /// The load before it: one second, in which connections, pools and just-in-time compilers settle.
    pub(crate) fn warm_up(&self) -> Load {
        Load {
            duration: Duration::from_secs(1),
            ..self.load()
        }
    }
}
