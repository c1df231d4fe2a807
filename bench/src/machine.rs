//! Describes the machine of a run, so that nobody compares its figures with those of another one.

use std::{fmt, fs, num::NonZeroUsize, thread};

use serde::Serialize;

use crate::limits::MAX_QUIET_LOAD;

/// The machine, as Linux describes it. Unknown facts are empty.
#[derive(Debug, Serialize)]
pub(crate) struct Machine {
    cores: usize,
    processor: String,
    kernel: String,
    /// The load average of the minute before the bench.
    load: f64,
}

impl Machine {
    /// Describes this machine now.
    pub(crate) fn here() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        Self {
            cores: thread::available_parallelism().map_or(1, NonZeroUsize::get),
            processor: processor(&read("/proc/cpuinfo")),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            load: load(&read("/proc/loadavg")),
        }
    }

    /// Whether the machine is quiet enough for the bench.
    pub(crate) fn is_quiet(&self) -> bool {
        let cores = u32::try_from(self.cores).unwrap_or(u32::MAX);
        self.load <= MAX_QUIET_LOAD * f64::from(cores)
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            cores,
            processor,
            kernel,
            load,
        } = self;
        write!(
            formatter,
            "{cores} cores ({processor}), Linux {kernel}, load {load}"
        )?;
        if !self.is_quiet() {
            write!(formatter, ": not quiet, so the figures are rough")?;
        }
        Ok(())
    }
}

fn processor(information: &str) -> String {
    let mut lines = information.lines();
    let line = lines.find(|line| line.starts_with("model name"));
    let name = line.and_then(|line| line.split_once(':'));
    name.map_or_else(String::new, |(_, name)| name.trim().to_owned())
}

fn load(averages: &str) -> f64 {
    let first = averages.split_whitespace().next();
    first.and_then(|load| load.parse().ok()).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machine_is_read_from_the_words_of_linux() {
        assert_eq!(
            processor("processor : 0\nmodel name\t: Fast 9000\n"),
            "Fast 9000"
        );
        assert!((load("3.27 4.32 5.00 2/100 17461") - 3.27).abs() < 1e-9);
    }
}
