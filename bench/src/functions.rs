//! Measures the start and the memory of one app with many functions.

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

/// The aim for the warm start of 1,000 functions, in milliseconds.
const WARM_START_AIM: &str = "< 5000";

/// The aim for the memory of 1,000 functions, in MiB.
const MEMORY_AIM: &str = "< 1024";

/// The results for an app of so many functions.
#[derive(Serialize)]
pub(crate) struct Functions {
    /// The number of distinct functions.
    pub(crate) count: usize,
    /// The first start, which compiles every function, in milliseconds.
    first_start: Finding<f64>,
    /// A later start, which finds all of them compiled, in milliseconds.
    warm_start: Finding<WarmStart>,
    /// After one request to each function.
    memory_after_requests: Finding<Memory>,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct WarmStart {
    milliseconds: f64,
    /// After the first answer.
    memory: Memory,
}

/// Starts the app without and with compiled code, then requests every function once.
pub(crate) async fn measure(contestant: &Contestant, count: usize) -> Functions {
    let first_start = compile(contestant, count).await;
    let first_start = Finding::of(first_start.map(|server| server.started_in_milliseconds()));
    eprintln!("{count} functions: starting again, then one request to each");
    let server = Server::start(contestant, MAX_START_TIME).await;
    let (warm_start, memory_after_requests) = match server {
        Ok(server) => (
            Finding::of(warm_start(&server)),
            Finding::of(ask_each(&server, count).await),
        ),
        Err(error) => (
            Finding::Failed(error.to_string()),
            Finding::Missing("a start".to_owned()),
        ),
    };
    Functions {
        count,
        first_start,
        warm_start,
        memory_after_requests,
    }
}

fn warm_start(server: &Server) -> Outcome<WarmStart> {
    Ok(WarmStart {
        milliseconds: server.started_in_milliseconds(),
        memory: server.memory()?,
    })
}

async fn ask_each(server: &Server, count: usize) -> Outcome<Memory> {
    for number in 0..count {
        let (status, content) = client::get(server.address, &format!("/f{number}")).await?;
        if status != 200 || !content.contains(GREETING) {
            return Err(format!("function {number} of {count} answers {status}: {content}").into());
        }
    }
    server.memory()
}

/// Runs the first start and shows its progress.
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

/// Prints how many functions are compiled, until it is dropped.
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
        table.add("first start, compiling all", &self.first_start, |start| {
            vec![figure(*start)]
        });
        table.add("warm start", &self.warm_start, |start| {
            let memory = memory_cells(start.memory, "");
            let start = [figure(start.milliseconds), WARM_START_AIM.to_owned()];
            start.into_iter().chain(memory).collect()
        });
        let name = "after one request to each";
        table.add(name, &self.memory_after_requests, |memory| {
            let memory = memory_cells(*memory, MEMORY_AIM);
            [String::new(), String::new()]
                .into_iter()
                .chain(memory)
                .collect()
        });
        table
    }

    /// Whether nothing failed.
    pub(crate) fn is_complete(&self) -> bool {
        self.first_start.measured().is_some()
            && self.warm_start.measured().is_some()
            && self.memory_after_requests.measured().is_some()
    }
}

fn memory_cells(memory: Memory, aim: &str) -> [String; 3] {
    [
        mebibytes(memory.rss_kib),
        mebibytes(memory.pss_kib),
        aim.to_owned(),
    ]
}
