//! Measures the time from the start of a process to its first response, and its memory then.

use serde::Serialize;

use crate::{
    Outcome,
    contestant::Contestant,
    finding::{Row, Series},
    limits::MAX_START_TIME,
    memory::Memory,
    plot::Chart,
    server::Server,
    statistics::Summary,
    table::{Table, figure, mebibytes},
};

/// The starts of all contestants.
#[derive(Serialize)]
pub(crate) struct Starts {
    /// The number of starts of each.
    pub(crate) starts: u32,
    /// One row per contestant and kind of start.
    pub(crate) rows: Vec<Row<Start>>,
}

/// The starts of one contestant.
#[derive(Clone, Serialize)]
pub(crate) struct Start {
    /// From the start of the process to its first answer.
    pub(crate) milliseconds: Summary,
    /// The memory after its first response, before any load, at the last start.
    pub(crate) memory_at_rest: Memory,
}

/// Whether a start finds compiled code.
#[derive(Clone, Copy, PartialEq)]
enum Compiled {
    Nothing,
    Everything,
}

struct Runner {
    contestant: Contestant,
    compiled: Compiled,
    series: Series<Sample>,
}

struct Sample {
    milliseconds: f64,
    memory: Memory,
}

const TITLE: &str = "start to first answer, and memory at rest";

/// Starts every contestant in turn, `starts` times. Those that keep compiled code start once without and once with it.
pub(crate) async fn measure(contestants: &[Contestant], starts: u32) -> Starts {
    let mut runners: Vec<Runner> = contestants.iter().flat_map(runners).collect();
    for round in 1..=starts {
        eprintln!("{TITLE}: round {round} of {starts}");
        for runner in &mut runners {
            runner.take_turn().await;
        }
    }
    let rows = runners.into_iter().map(|runner| Row {
        name: runner.contestant.name,
        finding: runner.series.conclude(summarise),
    });
    let rows = rows.collect();
    Starts { starts, rows }
}

/// Cold before warm: in each round, the warm start finds the code of the cold one.
fn runners(contestant: &Contestant) -> Vec<Runner> {
    let runner = |contestant: Contestant, compiled| Runner {
        series: Series::of(&contestant),
        contestant,
        compiled,
    };
    if !contestant.keeps_compiled_code() {
        return vec![runner(contestant.clone(), Compiled::Everything)];
    }
    let named = |suffix| contestant.named(&format!("{}, {suffix}", contestant.name));
    vec![
        runner(named("cold: nothing compiled"), Compiled::Nothing),
        runner(named("warm: compiled before"), Compiled::Everything),
    ]
}

impl Runner {
    async fn take_turn(&mut self) {
        if self.series.goes_on() {
            let outcome = self.start().await;
            self.series.note(&self.contestant.name, outcome);
        }
    }

    async fn start(&self) -> Outcome<Sample> {
        if self.compiled == Compiled::Nothing {
            self.contestant.forget()?;
        }
        let server = Server::start(&self.contestant, MAX_START_TIME).await?;
        Ok(Sample {
            milliseconds: server.started_in_milliseconds(),
            memory: server.memory()?,
        })
    }
}

fn summarise(samples: &[Sample]) -> Option<Start> {
    Some(Start {
        milliseconds: Summary::of(samples.iter().map(|sample| sample.milliseconds))?,
        memory_at_rest: samples.last()?.memory,
    })
}

impl Starts {
    /// For the terminal.
    pub(crate) fn table(&self) -> Table {
        let mut table = Table::new(TITLE, &["ms", "least", "most", "RSS MiB", "PSS MiB"]);
        for row in &self.rows {
            table.add(&row.name, &row.finding, |start| {
                vec![
                    figure(start.milliseconds.median),
                    figure(start.milliseconds.least),
                    figure(start.milliseconds.most),
                    mebibytes(start.memory_at_rest.rss_kib),
                    mebibytes(start.memory_at_rest.pss_kib),
                ]
            });
        }
        table
    }

    /// For the plot: first the times, then the memory.
    pub(crate) fn charts(&self) -> [Chart; 2] {
        let mut times = Chart::new("start to first answer", "ms");
        let mut memory = Chart::new("memory at rest (PSS)", "MiB");
        for Row { name, finding } in &self.rows {
            times.add(name, finding, |start| start.milliseconds.median);
            memory.add(name, finding, |start| start.memory_at_rest.pss_mib());
        }
        [times, memory]
    }
}
