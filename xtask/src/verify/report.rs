//! Reports the stages: a heading before each, at the end a line per stage and one with the counts of tests.

use std::{
    fmt,
    time::{Duration, Instant},
};

use crate::{
    Outcome,
    counts::{NOT_RUN, TestCounts},
};

/// The stages so far.
#[derive(Default)]
pub(super) struct Report {
    stages: Vec<Stage>,
    tests: TestCounts,
}

struct Stage {
    name: &'static str,
    took: Duration,
    succeeded: bool,
}

impl Report {
    /// Runs one stage under its heading. Returns `None` if it failed; it has printed the reason.
    pub(super) fn stage<T>(
        &mut self,
        name: &'static str,
        run: impl FnOnce() -> Outcome<T>,
    ) -> Option<T> {
        eprintln!("\n== {name}");
        let start = Instant::now();
        let outcome = run().inspect_err(|error| eprintln!("error: {error}")).ok();
        self.stages.push(Stage {
            name,
            took: start.elapsed(),
            succeeded: outcome.is_some(),
        });
        outcome
    }

    /// Adds the counts of a stage of tests.
    pub(super) fn count(&mut self, tests: TestCounts) {
        self.tests.passed += tests.passed;
        self.tests.failed += tests.failed;
        self.tests.not_run.extend(tests.not_run);
    }

    /// Whether every stage and every test succeeded.
    pub(super) fn is_success(&self) -> bool {
        self.failed() == 0
    }

    /// The number of failed tests and stages.
    fn failed(&self) -> u32 {
        self.stages
            .iter()
            .map(|stage| u32::from(!stage.succeeded))
            .sum::<u32>()
            + self.tests.failed
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter)?;
        for Stage {
            name,
            took,
            succeeded,
        } in &self.stages
        {
            let mark = if *succeeded { "done" } else { "FAILED" };
            writeln!(formatter, "{mark:>8} {:>7.1} s  {name}", took.as_secs_f64())?;
        }
        for test in &self.tests.not_run {
            writeln!(formatter, "{NOT_RUN}{test}")?;
        }
        write!(
            formatter,
            "{} passed, {} failed",
            self.tests.passed,
            self.failed()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_run_has_not_passed_and_is_named() {
        let printed = " Summary [ 1.0s] 3 tests run: 3 passed, 0 skipped\n  stdout\n    not run: conduit on Spin: why\n";
        let counts = TestCounts::parse(printed).unwrap();
        assert_eq!((counts.passed, counts.failed), (2, 0));
        let mut report = Report::default();
        report.count(counts);
        let printed = report.to_string();
        assert!(
            printed.contains("\nnot run: conduit on Spin: why\n"),
            "{printed}"
        );
    }

    #[test]
    fn last_line_counts_failed_stages_with_the_tests() {
        let mut report = Report::default();
        report.stage("good", || Ok(()));
        report.stage::<()>("bad", || Err("because".into()));
        report.count(TestCounts {
            passed: 7,
            failed: 1,
            ..TestCounts::default()
        });
        assert_eq!(
            report.to_string().lines().last(),
            Some("7 passed, 2 failed")
        );
        assert!(!report.is_success());
    }
}
