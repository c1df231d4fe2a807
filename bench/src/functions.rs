//! One app of many functions: how long it takes to start, and what it holds in memory.

use std::{fs, path::Path};

use serde::Serialize;
use tokio::time::sleep;

use crate::{
    Outcome, client,
    contestant::{Contestant, GREETING},
    finding::Finding,
    limits::{MAX_COMPILE_TIME_PER_FUNCTION, MAX_START_TIME, PROGRESS_INTERVAL},
    memory::Memory,
    server::Server,
    table::{Table, figure, mebibytes},
};

/// What the warm start of 1,000 functions is to take, in milliseconds.
const WARM_START_AIM: &str = "< 5000";

/// What 1,000 functions are to hold in memory, in MiB.
const MEMORY_AIM: &str = "< 1024";

/// The outcome for an app of so many functions.
#[derive(Serialize)]
pub(crate) struct Functions {
    /// How many distinct functions the app has.
    pub(crate) count: usize,
    /// What was found.
    #[serde(flatten)]
    pub(crate) finding: Finding<Figures>,
}

/// What was measured.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Figures {
    /// The first start, which compiles every function.
    first_start_milliseconds: f64,
    /// A later one, which finds all of them compiled.
    warm_start_milliseconds: f64,
    /// After the first answer of the warm start.
    memory_at_start: Memory,
    /// After one request to each function.
    memory_after_requests: Memory,
}

/// Starts the app without and with compiled code, and then asks every function once.
pub(crate) async fn measure(contestant: &Contestant, count: usize) -> Functions {
    let finding = match start_twice(contestant, count).await {
        Ok(figures) => Finding::Measured(figures),
        Err(error) => Finding::Failed(error.to_string()),
    };
    Functions { count, finding }
}

async fn start_twice(contestant: &Contestant, count: usize) -> Outcome<Figures> {
    let first = compile(contestant, count).await?.started_in;
    eprintln!("{count} functions: starting again, then one request to each");
    let server = Server::start(contestant, MAX_START_TIME).await?;
    let memory_at_start = server.memory()?;
    for number in 0..count {
        let (status, content) = client::get(server.address, &format!("/f{number}")).await?;
        if status != 200 || !content.contains(GREETING) {
            return Err(format!("function {number} answers {status}: {content}").into());
        }
    }
    Ok(Figures {
        first_start_milliseconds: first.as_secs_f64() * 1000.0,
        warm_start_milliseconds: server.started_in.as_secs_f64() * 1000.0,
        memory_at_start,
        memory_after_requests: server.memory()?,
    })
}

/// The first start, with progress.
async fn compile(contestant: &Contestant, count: usize) -> Outcome<Server> {
    eprintln!("{count} functions: the first start compiles all of them, which takes some minutes");
    let functions = u32::try_from(count)?;
    let limit = MAX_START_TIME + MAX_COMPILE_TIME_PER_FUNCTION * functions;
    let state = contestant.state_folder();
    tokio::select! {
        server = Server::start(contestant, limit) => server,
        () = tell_progress(&state, count) => Err("progress ended before the start".into()),
    }
}

/// Tells how many functions are compiled, until it is dropped.
async fn tell_progress(state: &Path, count: usize) {
    loop {
        sleep(PROGRESS_INTERVAL).await;
        eprintln!("  {} of {count} compiled", compiled(state));
    }
}

/// The files of compiled code.
fn compiled(state: &Path) -> usize {
    let files = fs::read_dir(state.join("cache"))
        .into_iter()
        .flatten()
        .flatten();
    files
        .filter(|file| {
            file.path()
                .extension()
                .is_some_and(|extension| extension == "cwasm")
        })
        .count()
}

impl Functions {
    /// For the terminal.
    pub(crate) fn table(&self) -> Table {
        let title = format!("{} distinct functions in one process", self.count);
        let header = ["start ms", "aim", "RSS MiB", "PSS MiB", "aim"];
        let mut table = Table::new(&title, &header);
        let Functions { finding, .. } = self;
        table.add("first start, compiling all", finding, |figures| {
            vec![figure(figures.first_start_milliseconds)]
        });
        table.add("warm start", finding, |figures| {
            let Memory { rss_kib, pss_kib } = figures.memory_at_start;
            vec![
                figure(figures.warm_start_milliseconds),
                WARM_START_AIM.to_owned(),
                mebibytes(rss_kib),
                mebibytes(pss_kib),
                String::new(),
            ]
        });
        table.add("after one request to each", finding, |figures| {
            let Memory { rss_kib, pss_kib } = figures.memory_after_requests;
            vec![
                String::new(),
                String::new(),
                mebibytes(rss_kib),
                mebibytes(pss_kib),
                MEMORY_AIM.to_owned(),
            ]
        });
        table
    }
}
