//! Users of conduit, who come at a constant rate, however long the answers take: an open loop. `cargo xtask cluster` starts it;
//! docs/cluster.md says what the users do and how to read the table.

mod figures;
mod journey;
mod plot;
mod user;

use std::{
    error::Error,
    fs,
    io::{self, IsTerminal as _},
    net::SocketAddr,
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use clap::Parser;
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Instant, sleep_until},
};

use crate::{
    figures::{Figures, Process},
    journey::Site,
    user::User,
};

/// The result of a step. People read the errors.
type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// Articles that are there before the first user comes.
const ARTICLES: usize = 50;

/// The time for the journeys that are under way when no more begin. They have nine steps, with a pause before each.
const LAST_JOURNEYS: Duration = Duration::from_secs(60);

/// Puts the load of conduit's users on a server, and judges every answer.
#[derive(Parser)]
#[command(name = "journeys")]
struct Options {
    /// The address of a server; of several, each user has one
    #[arg(long, required = true)]
    address: Vec<SocketAddr>,
    /// Users who come in each second
    #[arg(long)]
    rate: u32,
    /// Seconds in which users come
    #[arg(long)]
    seconds: u32,
    /// The name and the admin address of each process, as in `edge=127.0.0.1:3001`
    #[arg(long)]
    process: Vec<String>,
    /// The folder for the plot
    #[arg(long)]
    output: PathBuf,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(&Options::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether every request had the right answer.
async fn run(options: &Options) -> Outcome<bool> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let mut author = User::new(options.address[0], since.as_millis().to_string());
    let slugs = author.publish(ARTICLES).await?;
    let site = Arc::new(Site {
        addresses: options.address.clone(),
        run: since.as_millis().to_string(),
        slugs,
    });
    let begun = Instant::now();
    let figures = load(options, &site, begun).await;
    fs::create_dir_all(&options.output)?;
    let plot = options.output.join("journeys.svg");
    fs::write(&plot, plot::svg(&figures.by_second()))?;
    print!("{figures}");
    let mut processes = Vec::new();
    for process in &options.process {
        let process = Process::ask(process).await?;
        println!("{process}");
        processes.push(process);
    }
    if let Some(together) = figures::of_edges(&processes) {
        println!("{together}");
    }
    println!("{}", plot.display());
    Ok(figures.are_all_fine())
}

/// Begins a journey at each tick, and waits for all of them.
async fn load(options: &Options, site: &Arc<Site>, begun: Instant) -> Figures {
    let (samples, mut taken) = mpsc::unbounded_channel();
    let mut journeys = JoinSet::new();
    let mut figures = Figures::since(begun);
    let count = options.rate * options.seconds;
    let shows_progress = io::stderr().is_terminal();
    for index in 0..count {
        let intended = begun + Duration::from_secs(1) * index / options.rate;
        sleep_until(intended).await;
        let (site, samples) = (Arc::clone(site), samples.clone());
        journeys.spawn(async move { journey::make(&site, index, intended, &samples).await });
        if shows_progress && index % options.rate == 0 {
            let second = index / options.rate;
            eprint!("\rusers come: {second} of {} s ", options.seconds);
        }
        while let Ok(sample) = taken.try_recv() {
            figures.add(sample);
        }
        while journeys.try_join_next().is_some() {}
    }
    if shows_progress {
        eprintln!("\rthe last users leave      ");
    }
    let end = Instant::now() + LAST_JOURNEYS;
    while let Ok(Some(_)) = tokio::time::timeout_at(end, journeys.join_next()).await {}
    journeys.abort_all();
    drop(samples);
    while let Some(sample) = taken.recv().await {
        figures.add(sample);
    }
    figures
}
