//! What the users met: a table by step, a line by second, and a line by process.

use std::{collections::BTreeMap, fmt, time::Duration};

use http::Request;
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpStream,
    time::{Instant, timeout},
};

use crate::{
    Outcome,
    journey::{STEPS, Sample},
};

/// The time for the metrics of a process.
const MAX_METRICS_TIME: Duration = Duration::from_secs(5);

/// Failures that are printed.
const SHOWN_FAILURES: usize = 5;

/// All samples of a load.
pub(crate) struct Figures {
    begun: Instant,
    samples: Vec<Sample>,
}

/// The requests of one second.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Second {
    pub(crate) requests: usize,
    pub(crate) failures: usize,
    /// In milliseconds.
    pub(crate) p99: f64,
}

impl Figures {
    pub(crate) fn since(begun: Instant) -> Self {
        Self {
            begun,
            samples: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, sample: Sample) {
        self.samples.push(sample);
    }

    /// Whether there were requests, and all had the right answer.
    pub(crate) fn are_all_fine(&self) -> bool {
        let mut samples = self.samples.iter();
        !self.samples.is_empty() && samples.all(|sample| sample.failure.is_none())
    }

    /// The requests by the second in which they were meant to be sent.
    pub(crate) fn by_second(&self) -> Vec<Second> {
        let mut seconds = BTreeMap::<u64, Vec<&Sample>>::new();
        for sample in &self.samples {
            let second = (sample.intended - self.begun).as_secs();
            seconds.entry(second).or_default().push(sample);
        }
        let last = seconds.keys().last().map_or(0, |last| last + 1);
        let of = |second| {
            let samples = seconds.remove(&second).unwrap_or_default();
            let failures = samples.iter().filter(|sample| sample.failure.is_some());
            Second {
                requests: samples.len(),
                failures: failures.count(),
                p99: percentile(&samples, 0.99),
            }
        };
        (0..last).map(of).collect()
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut failures = self
            .samples
            .iter()
            .filter_map(|sample| Some((STEPS[sample.step], sample.failure.as_ref()?)));
        for (step, failure) in failures.by_ref().take(SHOWN_FAILURES) {
            writeln!(out, "{step} failed: {failure}")?;
        }
        writeln!(
            out,
            "{:<16}{:>9}{:>9}{:>9}{:>9}{:>10}{:>9}",
            "", "requests", "failed", "p50 ms", "p99 ms", "p99.9 ms", "most ms"
        )?;
        let all = (usize::MAX, "all");
        for (step, name) in STEPS.into_iter().enumerate().chain([all]) {
            let is_of_it = |sample: &&Sample| step == usize::MAX || sample.step == step;
            let samples: Vec<_> = self.samples.iter().filter(is_of_it).collect();
            let failed = samples.iter().filter(|sample| sample.failure.is_some());
            writeln!(
                out,
                "{name:<16}{:>9}{:>9}{:>9.1}{:>9.1}{:>10.1}{:>9.1}",
                samples.len(),
                failed.count(),
                percentile(&samples, 0.5),
                percentile(&samples, 0.99),
                percentile(&samples, 0.999),
                percentile(&samples, 1.0),
            )?;
        }
        let length = self.by_second().len().max(1);
        writeln!(out, "{} requests per second", self.samples.len() / length)
    }
}

/// The time, in milliseconds, within which this part of the answers came; 0 without any.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a position among samples is small and not negative"
)]
fn percentile(samples: &[&Sample], part: f64) -> f64 {
    let mut times: Vec<_> = samples.iter().map(|sample| sample.taken).collect();
    times.sort();
    let position = ((times.len() as f64 * part).ceil() as usize).saturating_sub(1);
    times
        .get(position)
        .map_or(0.0, |time| time.as_secs_f64() * 1000.0)
}

/// What a process says of itself.
pub(crate) struct Process {
    name: String,
    /// Absent if it does not answer.
    served: Option<Served>,
}

/// The counts of a process.
struct Served {
    requests: f64,
    /// Those that its cache was asked for, and those that it answered.
    asked: f64,
    hits: f64,
    refused: f64,
    /// Statements that read, and those of them that ran on replicas.
    reads: f64,
    on_replicas: f64,
}

impl Process {
    /// Asks a process, which is written as `NAME=ADDRESS`.
    pub(crate) async fn ask(process: &str) -> Outcome<Self> {
        let (name, address) = process
            .split_once('=')
            .ok_or("a process is written as NAME=ADDRESS")?;
        let metrics = timeout(MAX_METRICS_TIME, metrics(address)).await;
        let metrics = metrics.ok().and_then(Result::ok);
        let served = metrics.map(|metrics| Served {
            requests: sum(&metrics, "terrace_requests_total", ""),
            asked: sum(&metrics, "terrace_cache_requests_total", ""),
            hits: sum(&metrics, "terrace_cache_requests_total", "=\"hit\""),
            refused: sum(&metrics, "terrace_failures_total", ""),
            reads: sum(&metrics, "terrace_sql_reads_total", ""),
            on_replicas: sum(&metrics, "terrace_sql_replica_reads_total", ""),
        });
        Ok(Self {
            name: name.to_owned(),
            served,
        })
    }
}

impl fmt::Display for Process {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        let Some(served) = &self.served else {
            return write!(out, "{name}: it does not answer");
        };
        let Served {
            requests,
            asked,
            hits,
            refused,
            reads,
            on_replicas,
        } = served;
        let ratio = percent(*hits, *asked);
        write!(
            out,
            "{name}: {requests:.0} requests, {ratio:.0} % of them from the cache, {refused:.0} failures"
        )?;
        if *on_replicas > 0.0 {
            let ratio = percent(*on_replicas, *reads);
            write!(out, "; {ratio:.0} % of {reads:.0} reads on replicas")?;
        }
        Ok(())
    }
}

/// A line about all edges, if there are several: how many requests their caches answered, and how many came to the nodes.
pub(crate) fn of_edges(processes: &[Process]) -> Option<String> {
    let of = |kind: &str| {
        let ours = processes
            .iter()
            .filter(|process| process.name.starts_with(kind));
        let served = ours.filter_map(|process| process.served.as_ref());
        served.collect::<Vec<_>>()
    };
    let (edges, nodes) = (of("edge"), of("node"));
    if edges.len() < 2 {
        return None;
    }
    let requests = |of: &[&Served]| of.iter().map(|served| served.requests).sum::<f64>();
    let asked = edges.iter().map(|served| served.asked).sum();
    let ratio = percent(edges.iter().map(|served| served.hits).sum(), asked);
    let through = percent(requests(&nodes), requests(&edges));
    Some(format!(
        "the edges together: {ratio:.0} % of {asked:.0} requests from their caches; {through:.0} % came to a node"
    ))
}

fn percent(part: f64, all: f64) -> f64 {
    100.0 * part / all.max(1.0)
}

/// The sum of the samples of a metric whose labels contain a text.
fn sum(metrics: &str, name: &str, label: &str) -> f64 {
    let lines = metrics.lines().filter(|line| {
        let is_it = line.strip_prefix(name);
        is_it.is_some_and(|rest| rest.starts_with(['{', ' ']) && rest.contains(label))
    });
    lines
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        // Not `sum`, which is -0 without any.
        .fold(0.0, |sum, value| sum + value)
}

async fn metrics(address: &str) -> Outcome<String> {
    let stream = TcpStream::connect(address).await?;
    let (mut connection, driver) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(driver);
    let request = Request::get("/metrics").header("host", address);
    let request = request.body(Empty::<bytes::Bytes>::new())?;
    let response = connection.send_request(request).await?;
    let content = response.into_body().collect().await?.to_bytes();
    Ok(String::from_utf8_lossy(&content).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(begun: Instant, at: u64, taken: u64, failure: Option<&str>) -> Sample {
        Sample {
            step: 0,
            intended: begun + Duration::from_millis(at),
            taken: Duration::from_millis(taken),
            failure: failure.map(str::to_owned),
        }
    }

    #[test]
    fn requests_count_in_the_second_in_which_they_were_meant() {
        let begun = Instant::now();
        let mut figures = Figures::since(begun);
        figures.add(sample(begun, 100, 5000, None));
        figures.add(sample(begun, 2100, 7, Some("503")));
        let seconds = figures.by_second();
        let of = |requests, failures, p99| Second {
            requests,
            failures,
            p99,
        };
        assert_eq!(seconds, [of(1, 0, 5000.0), of(0, 0, 0.0), of(1, 1, 7.0)]);
        assert!(!figures.are_all_fine());
    }

    #[test]
    fn a_run_without_requests_is_not_fine() {
        assert!(!Figures::since(Instant::now()).are_all_fine());
    }

    #[test]
    fn metrics_are_summed_by_label() {
        let text = "a_total{of=\"hit\"} 2\na_total{of=\"miss\"} 3\na_total_more 9\n";
        assert_eq!(
            (sum(text, "a_total", ""), sum(text, "a_total", "=\"hit\"")),
            (5.0, 2.0)
        );
    }
}
