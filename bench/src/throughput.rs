//! Measures requests per second and latencies: contestants in turn, round after round.

use std::path::Path;

use serde::Serialize;

use crate::{
    Outcome,
    contestant::Contestant,
    finding::{Finding, Row, in_rounds},
    limits::MAX_START_TIME,
    load::{Load, Measured},
    memory::Memory,
    options::Settings,
    plot::Chart,
    server::Server,
    statistics::Summary,
    table::{Table, count, figure, mebibytes, ratio},
};

/// How a workload is measured.
#[derive(Clone, Copy)]
pub(crate) struct Plan<'a> {
    /// Rounds; every contestant has a turn in each.
    pub(crate) rounds: u32,
    /// The measured load.
    pub(crate) load: Load,
    /// The load before it, which is not measured.
    pub(crate) warm_up: Load,
    /// The script that makes wrk report as JSON. h2load's log goes beside it.
    pub(crate) script: &'a Path,
}

impl<'a> Plan<'a> {
    /// As the settings say.
    pub(crate) fn of(settings: &Settings, script: &'a Path) -> Self {
        Self {
            rounds: settings.rounds,
            load: settings.load(),
            warm_up: settings.warm_up(),
            script,
        }
    }
}

/// One request to several contestants. The first one is Terrace.
#[derive(Serialize)]
pub(crate) struct Workload {
    /// The request.
    pub(crate) title: String,
    /// One row per contestant.
    pub(crate) rows: Vec<Row<Rates>>,
}

/// The summary of one contestant's rounds.
#[derive(Clone, Serialize)]
pub(crate) struct Rates {
    #[serde(flatten)]
    pub(crate) figures: Figures,
    /// Right after the last round, with its connections just closed.
    pub(crate) memory_after_load: Memory,
    /// The requests per second of the first contestant, divided by these.
    pub(crate) terrace_ratio: Option<f64>,
    /// The aim for that ratio.
    pub(crate) aim: Option<f64>,
}

/// What the load generator measured in several rounds.
#[derive(Clone, Serialize)]
pub(crate) struct Figures {
    pub(crate) requests_per_second: Summary,
    p50_microseconds: Summary,
    p99_microseconds: Summary,
}

impl Figures {
    /// The header of [`Self::cells`].
    pub(crate) const HEADER: [&str; 5] = ["requests/s", "least", "most", "p50 ms", "p99 ms"];

    /// Summarises at least one round.
    pub(crate) fn of(rounds: &[Measured]) -> Option<Self> {
        let of = |value: fn(&Measured) -> f64| Summary::of(rounds.iter().map(value));
        Some(Self {
            requests_per_second: of(|measured| measured.requests_per_second)?,
            p50_microseconds: of(|measured| measured.p50_microseconds)?,
            p99_microseconds: of(|measured| measured.p99_microseconds)?,
        })
    }

    /// For the terminal.
    pub(crate) fn cells(&self) -> Vec<String> {
        vec![
            count(self.requests_per_second.median),
            count(self.requests_per_second.least),
            count(self.requests_per_second.most),
            figure(self.p50_microseconds.median / 1000.0),
            figure(self.p99_microseconds.median / 1000.0),
        ]
    }
}

/// The requests per second of the first row.
pub(crate) fn of_first<T>(rows: &[Row<T>], figures: impl Fn(&T) -> &Figures) -> Option<f64> {
    let first = rows.first()?.finding.measured()?;
    Some(figures(first).requests_per_second.median)
}

struct Sample {
    measured: Measured,
    memory: Memory,
}

/// Measures every contestant in every round.
pub(crate) async fn measure(title: &str, contestants: &[Contestant], plan: &Plan<'_>) -> Workload {
    let take_turn = async |contestant: &Contestant| take_turn(contestant, plan).await;
    let summarise = |samples: &[Sample], of: &Contestant| summarise(samples, of.aim);
    let rows = in_rounds(title, contestants, plan.rounds, take_turn, summarise);
    let mut rows = rows.await;
    compare_with_first(&mut rows);
    Workload {
        title: title.to_owned(),
        rows,
    }
}

/// Starts a new process for each turn, so that no contestant runs while another one is measured.
async fn take_turn(contestant: &Contestant, plan: &Plan<'_>) -> Outcome<Sample> {
    let server = Server::start(contestant, MAX_START_TIME).await?;
    let url = contestant.url(server.address);
    plan.warm_up.press(&url, plan.script).await?;
    let measured = plan.load.press(&url, plan.script).await?;
    let memory = server.memory()?;
    Ok(Sample { measured, memory })
}

fn summarise(samples: &[Sample], aim: Option<f64>) -> Option<Rates> {
    let rounds: Vec<_> = samples.iter().map(|sample| sample.measured).collect();
    Some(Rates {
        figures: Figures::of(&rounds)?,
        memory_after_load: samples.last()?.memory,
        terrace_ratio: None,
        aim,
    })
}

fn compare_with_first(rows: &mut [Row<Rates>]) {
    let Some(first) = of_first(rows, |rates| &rates.figures) else {
        return;
    };
    for row in rows.iter_mut().skip(1) {
        if let Finding::Measured(rates) = &mut row.finding {
            rates.terrace_ratio = Some(first / rates.figures.requests_per_second.median);
        }
    }
}

impl Workload {
    /// For the terminal.
    pub(crate) fn table(&self) -> Table {
        let header = [&Figures::HEADER[..], &["terrace ÷ this", "aim", "RSS MiB"]].concat();
        let mut table = Table::new(&self.title, &header);
        for row in &self.rows {
            table.add(&row.name, &row.finding, cells);
        }
        table
    }

    /// For the plot.
    pub(crate) fn chart(&self) -> Chart {
        let mut chart = Chart::new(&self.title, "requests/s");
        for row in &self.rows {
            chart.add(&row.name, &row.finding, |rates| {
                rates.figures.requests_per_second.median
            });
        }
        chart
    }
}

fn cells(rates: &Rates) -> Vec<String> {
    let mut cells = rates.figures.cells();
    cells.extend([
        rates.terrace_ratio.map_or_else(String::new, ratio),
        rates
            .aim
            .map_or_else(String::new, |aim| format!("≥ {}", ratio(aim))),
        mebibytes(rates.memory_after_load.rss_kib),
    ]);
    cells
}
