//! What the stages did: a heading before each, and at the end a line per stage and one with the counts.

use std::{
    fmt,
    time::{Duration, Instant},
};

use crate::Outcome;

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

/// How many tests passed and failed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct TestCounts {
    /// Tests that passed.
    pub(crate) passed: u32,
    /// Tests that were to run and did not pass.
    pub(crate) failed: u32,
}

impl Report {
    /// Runs one stage under its heading. `None` when it failed; the reason has been shown.
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

    /// Adds what a stage of tests counted.
    pub(super) fn count(&mut self, tests: TestCounts) {
        self.tests.passed += tests.passed;
        self.tests.failed += tests.failed;
    }

    /// Whether every stage and every test succeeded.
    pub(super) fn is_success(&self) -> bool {
        self.failed() == 0
    }

    /// Tests that failed, and stages that failed.
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
        write!(
            formatter,
            "{} passed, {} failed",
            self.tests.passed,
            self.failed()
        )
    }
}

impl TestCounts {
    /// Reads the summary line of nextest, such as
    /// `Summary [   0.004s] 3 tests run: 2 passed (1 slow), 1 timed out, 0 skipped`.
    pub(super) fn parse(printed: &str) -> Option<Self> {
        let summary = printed
            .lines()
            .rfind(|line| line.trim_start().starts_with("Summary ["))?;
        let (_, counts) = summary.split_once("] ")?;
        let run: u32 = number_before(counts, "test")?;
        let passed = number_before(counts, "passed").unwrap_or(0);
        Some(Self {
            passed,
            failed: run.saturating_sub(passed),
        })
    }
}

/// The number in front of a word. Of `3/5`, which stands for a run that was cut short, the second is meant.
fn number_before(counts: &str, word: &str) -> Option<u32> {
    let (before, _) = counts.split_once(word)?;
    before.trim_end().rsplit([' ', '/']).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(summary: &str, passed: u32, failed: u32) {
        assert_eq!(
            TestCounts::parse(summary),
            Some(TestCounts { passed, failed }),
            "{summary}"
        );
    }

    #[test]
    fn summary_of_nextest_is_read() {
        check(
            "     Summary [   0.004s] 1 test run: 1 passed, 0 skipped",
            1,
            0,
        );
        check(
            "noise\n Summary [  12.1s] 12 tests run: 9 passed (1 slow), 2 failed, 1 timed out, 3 skipped\nerror",
            9,
            3,
        );
        check(
            " Summary [ 1.0s] 3/5 tests run: 2 passed, 1 failed, 0 skipped",
            2,
            3,
        );
        check(
            " Summary [ 0.0s] 2 tests run: 0 passed, 2 failed, 0 skipped",
            0,
            2,
        );
    }

    #[test]
    fn output_without_a_summary_has_no_counts() {
        assert_eq!(TestCounts::parse("error: could not compile"), None);
    }

    #[test]
    fn last_line_counts_failed_stages_with_the_tests() {
        let mut report = Report::default();
        report.stage("good", || Ok(()));
        report.stage::<()>("bad", || Err("because".into()));
        report.count(TestCounts {
            passed: 7,
            failed: 1,
        });
        assert_eq!(
            report.to_string().lines().last(),
            Some("7 passed, 2 failed")
        );
        assert!(!report.is_success());
    }
}
