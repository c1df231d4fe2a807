//! Calls the load generators and reads their reports: wrk, and for `https` h2load.

use std::{fs, path::Path, process::Stdio, time::Duration};

use serde::Deserialize;
use tokio::{process::Command, time::timeout};

use crate::{
    Outcome,
    limits::{LOAD_GRACE, MAX_ANSWER_TIME},
};

/// Streams on a connection of HTTP/2, as of a browser that loads a page.
const STREAMS: u32 = 4;

/// A load, the same for each contestant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    /// Threads of wrk. One is enough for a server on two cores and leaves most of the machine to it.
    pub(crate) threads: u32,
    /// Connections, each with one request at a time.
    pub(crate) connections: u32,
    /// How long.
    pub(crate) duration: Duration,
}

/// The figures of one call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    pub(crate) requests_per_second: f64,
    /// Half of the responses took at most this, in microseconds.
    pub(crate) p50_microseconds: f64,
    /// 99 of 100 responses took at most this, in microseconds.
    pub(crate) p99_microseconds: f64,
}

/// The line that `report.lua` prints.
#[derive(Deserialize)]
struct Report {
    requests: u64,
    microseconds: u64,
    p50: f64,
    p99: f64,
    errors: u64,
}

impl Load {
    /// One connection: the latency of a request without others.
    pub(crate) fn of_one_connection(self) -> Self {
        Self {
            connections: 1,
            threads: 1,
            ..self
        }
    }

    /// Loads `url` once.
    ///
    /// # Errors
    /// When the load generator cannot run, or when any response was an error, because the speed of errors means nothing.
    pub(crate) async fn press(&self, url: &str, script: &Path) -> Outcome<Measured> {
        if url.starts_with("https:") {
            return self
                .press_with_http2(url, &script.with_file_name("h2load.log"))
                .await;
        }
        let mut wrk = Command::new("wrk");
        wrk.arg(format!("--threads={}", self.threads))
            .arg(format!("--connections={}", self.connections))
            .arg(format!("--duration={}s", self.duration.as_secs().max(1)))
            .arg(format!("--timeout={}s", MAX_ANSWER_TIME.as_secs()))
            .arg("--script")
            .arg(script)
            .arg(url)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        parse(&self.output("wrk", wrk).await?)
    }

    /// Loads `url` with streams of HTTP/2, [`STREAMS`] on each connection, as many as there would be connections of HTTP/1.1.
    async fn press_with_http2(&self, url: &str, log: &Path) -> Outcome<Measured> {
        let _ = fs::remove_file(log);
        let mut h2load = Command::new("h2load");
        h2load
            .arg(format!("--threads={}", self.threads))
            .arg(format!("--clients={}", (self.connections / STREAMS).max(1)))
            .arg(format!("--max-concurrent-streams={STREAMS}"))
            .arg(format!("--duration={}", self.duration.as_secs().max(1)))
            .arg("--log-file")
            .arg(log)
            .arg(url)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let printed = self.output("h2load", h2load).await?;
        parse_h2load(&printed, &fs::read_to_string(log)?)
    }

    async fn output(&self, name: &str, mut program: Command) -> Outcome<String> {
        let ended = timeout(self.duration + LOAD_GRACE, program.output()).await;
        let output = ended
            .map_err(|_| format!("{name} did not end {LOAD_GRACE:?} after its time"))?
            .map_err(|error| format!("cannot start {name}: {error}"))?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// Reads what h2load prints, and its log: start, status and time of each request, in microseconds.
fn parse_h2load(printed: &str, log: &str) -> Outcome<Measured> {
    let rate = printed.lines().find_map(|line| {
        let (_, rate) = line.strip_prefix("finished in ")?.split_once(", ")?;
        rate.split_once(" req/s")?.0.parse().ok()
    });
    let rate = rate.ok_or_else(|| format!("h2load printed no rate:\n{printed}"))?;
    let mut times = Vec::new();
    for line in log.lines() {
        let mut columns = line.split('\t').skip(1);
        let (status, time) = (columns.next(), columns.next());
        if status != Some("200") {
            return Err(format!("an answer was no success: {line}").into());
        }
        times.extend(time.and_then(|time| time.parse::<f64>().ok()));
    }
    times.sort_by(f64::total_cmp);
    let at = |hundredth: usize| times.get(times.len() * hundredth / 100).copied();
    let (Some(p50), Some(p99)) = (at(50), at(99)) else {
        return Err("h2load logged no request".into());
    };
    Ok(Measured {
        requests_per_second: rate,
        p50_microseconds: p50,
        p99_microseconds: p99,
    })
}

fn parse(printed: &str) -> Outcome<Measured> {
    let line = printed.lines().rev().find(|line| line.starts_with('{'));
    let line = line.ok_or_else(|| format!("wrk printed no report:\n{printed}"))?;
    let report: Report = serde_json::from_str(line)?;
    if report.errors > 0 || report.requests == 0 {
        let Report {
            errors, requests, ..
        } = report;
        return Err(format!("{errors} errors among {requests} answers").into());
    }
    let seconds = Duration::from_micros(report.microseconds).as_secs_f64();
    #[expect(
        clippy::cast_precision_loss,
        reason = "counts of requests are far below 2^52"
    )]
    let requests_per_second = report.requests as f64 / seconds;
    Ok(Measured {
        requests_per_second,
        p50_microseconds: report.p50,
        p99_microseconds: report.p99,
    })
}

#[cfg(test)]
mod tests {
    use super::{parse, parse_h2load};

    #[test]
    fn rate_of_h2load_is_printed_and_its_times_are_in_the_log() {
        let printed = "starting benchmark...\n\nfinished in 4.00s, 61234.25 req/s, 66.12MB/s\n";
        let log = "1700000000000000\t200\t700\n1700000000000001\t200\t300\n";
        let measured = parse_h2load(printed, log).unwrap();
        assert!((measured.requests_per_second - 61234.25).abs() < 1e-9);
        assert!((measured.p50_microseconds - 700.0).abs() < 1e-9);
        let failed = parse_h2load(printed, "1700000000000000\t503\t700\n");
        assert!(failed.is_err());
    }

    #[test]
    fn report_is_found_below_the_table_of_wrk() {
        let printed = "Running 2s test\nRequests/sec: 1\n\n{\"requests\":3000,\"microseconds\":2000000,\"p50\":700,\"p99\":9000,\"errors\":0}\n";
        let measured = parse(printed).unwrap();
        assert!((measured.requests_per_second - 1500.0).abs() < 1e-9);
        assert!((measured.p50_microseconds - 700.0).abs() < 1e-9);
    }

    #[test]
    fn answers_that_are_errors_are_no_result() {
        let printed =
            "{\"requests\":3000,\"microseconds\":2000000,\"p50\":7,\"p99\":9,\"errors\":12}";
        let error = parse(printed).unwrap_err().to_string();
        assert_eq!(error, "12 errors among 3000 answers");
    }
}
