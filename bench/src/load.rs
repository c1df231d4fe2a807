//! Calls the load generator, wrk, and reads its report.

use std::{path::Path, process::Stdio, time::Duration};

use serde::Deserialize;
use tokio::{process::Command, time::timeout};

use crate::{Outcome, limits::LOAD_GRACE};

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
    /// When wrk cannot run, or when any response was an error, because the speed of errors means nothing.
    pub(crate) async fn press(&self, url: &str, script: &Path) -> Outcome<Measured> {
        let mut wrk = Command::new("wrk");
        wrk.arg(format!("--threads={}", self.threads))
            .arg(format!("--connections={}", self.connections))
            .arg(format!("--duration={}s", self.duration.as_secs().max(1)))
            .arg("--script")
            .arg(script)
            .arg(url)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let ended = timeout(self.duration + LOAD_GRACE, wrk.output()).await;
        let output = ended
            .map_err(|_| format!("wrk did not end {LOAD_GRACE:?} after its time"))?
            .map_err(|error| format!("cannot start wrk: {error}"))?;
        parse(&String::from_utf8_lossy(&output.stdout))
    }
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
    use super::parse;

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
