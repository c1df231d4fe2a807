//! `terrace-bench` measures Terrace beside other servers. `cargo xtask bench` builds what it needs and starts it;
//! docs/bench.md says how it measures and how to read its tables.

mod apps;
mod client;
mod contestant;
mod finding;
mod functions;
mod limits;
mod lineup;
mod load;
mod machine;
mod memory;
mod nodes;
mod options;
mod paced;
mod plot;
mod programs;
mod queues;
mod results;
mod server;
mod start;
mod statistics;
mod table;
mod throughput;

use std::{error::Error, fs, path::Path, process::ExitCode};

use clap::Parser as _;
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    functions::Functions,
    limits::MAX_START_TIME,
    lineup::{Compared, HITS, Lineup, MISSES, MISSES_OF_CONDUIT, PASSED_ON, SECURE_HITS},
    machine::Machine,
    options::{Options, Part, Settings},
    programs::Peers,
    queues::Queues,
    results::Results,
    server::Server,
    start::Starts,
    throughput::{Plan, Workload},
};

/// The result of a step. People read the errors, so they are boxed messages and not types.
type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// How wrk reports.
const REPORT_SCRIPT: &str = include_str!("report.lua");

/// How wrk reports if it requests each URL once.
const ONCE_SCRIPT: &str = concat!(include_str!("once.lua"), include_str!("report.lua"));

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run_until_signal(&Options::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the bench. A signal drops it, and with it every process that it started.
async fn run_until_signal(options: &Options) -> Outcome<bool> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        outcome = run(options) => outcome,
        _ = interrupt.recv() => Err("interrupted".into()),
        _ = terminate.recv() => Err("asked to end".into()),
    }
}

/// Measures, prints and writes. Returns whether all measurements of Terrace succeeded.
async fn run(options: &Options) -> Outcome<bool> {
    let output = &options.files.output;
    fs::create_dir_all(output)?;
    let output = output.canonicalize()?;
    let work = output.join("work");
    let results = measure(options, &work).await?;
    results.write(&output)?;
    println!("{results}");
    println!("{}", output.join("results.json").display());
    println!("{}", output.join("bench.svg").display());
    fs::remove_dir_all(&work)?;
    Ok(results.has_all_of_terrace())
}

/// Every part in turn.
async fn measure(options: &Options, work: &Path) -> Outcome<Results> {
    if work.exists() {
        fs::remove_dir_all(work)?;
    }
    fs::create_dir_all(work)?;
    let script = work.join("report.lua");
    fs::write(&script, REPORT_SCRIPT)?;
    let once = work.join("once.lua");
    fs::write(&once, ONCE_SCRIPT)?;
    let machine = Machine::here();
    eprintln!("{machine}");
    let peers = Peers::find().await;
    peers.path("wrk")?;
    let lineup = Lineup::new(&options.files, &peers, work);
    let mut workloads = workloads(options, &lineup, &script).await?;
    if options.settings.includes(Part::Cache) {
        workloads.extend(caches(&options.settings, &lineup, &script, &once).await?);
    }
    workloads.extend(edges(&options.settings, &lineup, &script).await?);
    let queues = queues(&options.settings, &lineup).await?;
    let nodes = match options.settings.includes(Part::Nodes) {
        true => Some(nodes::measure(&lineup, &options.settings, &script).await?),
        false => None,
    };
    let starts = starts(options, &lineup).await?;
    let functions = functions(options, &lineup).await?;
    Ok(Results {
        machine,
        settings: options.settings.clone(),
        peers,
        workloads,
        queues,
        nodes,
        starts,
        functions,
    })
}

async fn workloads(
    options: &Options,
    lineup: &Lineup<'_>,
    script: &Path,
) -> Outcome<Vec<Workload>> {
    let settings = &options.settings;
    let plan = Plan::of(settings, script);
    let mut workloads = Vec::new();
    if settings.includes(Part::Hello) {
        let contestants = lineup.hello()?;
        workloads.push(throughput::measure("hello, reused instances", &contestants, &plan).await);
    }
    if settings.includes(Part::Fresh) {
        let contestants = lineup.fresh()?;
        let title = "hello, an instance per request";
        workloads.push(throughput::measure(title, &contestants, &plan).await);
    }
    if settings.includes(Part::Conduit) {
        for contestant in lineup.conduit().await? {
            let title = format!("conduit, GET {}, 1,000 articles", contestant.path);
            workloads.push(throughput::measure(&title, &[contestant], &plan).await);
        }
    }
    if settings.includes(Part::Sql) {
        workloads.extend(compare(&lineup.sql().await?, plan).await);
    }
    if settings.includes(Part::Assets) {
        workloads.extend(compare(&lineup.assets()?, plan).await);
    }
    if settings.includes(Part::Workers) {
        let contestants = lineup.hello_of_workers()?;
        let title = "hello on Terrace and on workerd";
        workloads.push(throughput::measure(title, &contestants, &plan).await);
        let contestants = lineup.conduit_of_workers().await?;
        let title = "conduit on Terrace and on workerd, a list of 20 of 1,000 articles";
        workloads.push(throughput::measure(title, &contestants, &plan).await);
    }
    Ok(workloads)
}

/// Measures Terrace and one other server, with the script of each comparison.
async fn compare(all: &[Compared], plan: Plan<'_>) -> Vec<Workload> {
    let mut workloads = Vec::new();
    for compared in all {
        let plan = Plan {
            script: &compared.script,
            ..plan
        };
        workloads.push(throughput::measure(&compared.title, &compared.contestants, &plan).await);
    }
    workloads
}

/// Measures queues on each engine.
async fn queues(settings: &Settings, lineup: &Lineup<'_>) -> Outcome<Vec<Queues>> {
    let mut queues = Vec::new();
    if settings.includes(Part::Queues) {
        for compared in &lineup.queues()? {
            queues.push(queues::measure(compared, settings).await);
        }
    }
    Ok(queues)
}

/// Measures hits and misses, all in front of the same origin.
async fn caches(
    settings: &Settings,
    lineup: &Lineup<'_>,
    script: &Path,
    once: &Path,
) -> Outcome<Vec<Workload>> {
    let origin = Server::start(&lineup.origin()?, MAX_START_TIME).await?;
    let plan = Plan::of(settings, script);
    let mut workloads = Vec::new();
    for asked in HITS {
        let contestants = lineup.caches(origin.address, asked)?;
        workloads.push(throughput::measure(asked.title, &contestants, &plan).await);
    }
    let plan = Plan {
        load: settings.load().of_one_connection(),
        warm_up: settings.warm_up().of_one_connection(),
        script: once,
        ..plan
    };
    let contestants = lineup.caches_without_aims(origin.address)?;
    workloads.push(throughput::measure(MISSES.title, &contestants, &plan).await);
    let contestants = lineup.conduit_behind_a_cache().await?;
    workloads.push(throughput::measure(MISSES_OF_CONDUIT.title, &contestants, &plan).await);
    Ok(workloads)
}

/// Measures reverse proxies, and caches with TLS, in front of the same origin.
async fn edges(settings: &Settings, lineup: &Lineup<'_>, script: &Path) -> Outcome<Vec<Workload>> {
    let mut workloads = Vec::new();
    let [passes_on, is_secure] = [Part::Proxy, Part::Https].map(|part| settings.includes(part));
    if !passes_on && !is_secure {
        return Ok(workloads);
    }
    let origin = Server::start(&lineup.origin()?, MAX_START_TIME).await?;
    let plan = Plan::of(settings, script);
    for asked in PASSED_ON.into_iter().filter(|_| passes_on) {
        let contestants = lineup.proxies(origin.address, asked)?;
        workloads.push(throughput::measure(asked.title, &contestants, &plan).await);
    }
    if is_secure {
        let contestants = lineup.secure_caches(origin.address)?;
        workloads.push(throughput::measure(SECURE_HITS.title, &contestants, &plan).await);
    }
    Ok(workloads)
}

async fn starts(options: &Options, lineup: &Lineup<'_>) -> Outcome<Option<Starts>> {
    if !options.settings.includes(Part::Start) {
        return Ok(None);
    }
    let contestants = lineup.starts()?;
    Ok(Some(
        start::measure(&contestants, options.settings.starts).await,
    ))
}

async fn functions(options: &Options, lineup: &Lineup<'_>) -> Outcome<Option<Functions>> {
    let settings = &options.settings;
    if !settings.includes(Part::Functions) {
        return Ok(None);
    }
    let contestant = lineup.functions(settings.functions)?;
    Ok(Some(
        functions::measure(&contestant, settings.functions).await,
    ))
}
