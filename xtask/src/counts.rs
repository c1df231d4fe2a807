//! Reads from nextest's output how many tests passed and failed.

/// A test prints this if it cannot run on this machine.
pub(crate) const NOT_RUN: &str = "not run: ";

/// How many tests passed and failed.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct TestCounts {
    /// Tests that passed.
    pub(crate) passed: u32,
    /// Tests that ran and did not pass.
    pub(crate) failed: u32,
    /// Tests that did not run, each with what to do about it.
    pub(crate) not_run: Vec<String>,
}

impl TestCounts {
    /// Reads the summary line of nextest, such as
    /// `Summary [   0.004s] 3 tests run: 2 passed (1 slow), 1 timed out, 0 skipped`. A test that prints
    /// that it did not run ends well, but has not passed.
    pub(crate) fn parse(printed: &str) -> Option<Self> {
        let summary = printed
            .lines()
            .rfind(|line| line.trim_start().starts_with("Summary ["))?;
        let (_, counts) = summary.split_once("] ")?;
        let run: u32 = number_before(counts, "test")?;
        let ended_well = number_before(counts, "passed").unwrap_or(0);
        let lines = printed.lines().map(str::trim);
        let not_run: Vec<_> = lines
            .filter_map(|line| line.strip_prefix(NOT_RUN).map(ToOwned::to_owned))
            .collect();
        Some(Self {
            passed: ended_well.saturating_sub(u32::try_from(not_run.len()).unwrap_or(u32::MAX)),
            failed: run.saturating_sub(ended_well),
            not_run,
        })
    }
}

/// The number before a word. In `3/5`, which a run that was cut short prints, it is the second.
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
            Some(TestCounts {
                passed,
                failed,
                not_run: Vec::new()
            }),
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
}
