//! How many tests passed and failed, as their runner says it.

/// What a test says instead of passing when what it needs is not on this machine.
pub(crate) const NOT_RUN: &str = "not run: ";

/// How many tests passed and failed.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct TestCounts {
    /// Tests that passed.
    pub(crate) passed: u32,
    /// Tests that were to run and did not pass.
    pub(crate) failed: u32,
    /// What was not run, and what to do so that it is: a line each.
    pub(crate) not_run: Vec<String>,
}

impl TestCounts {
    /// Reads the summary line of nextest, such as
    /// `Summary [   0.004s] 3 tests run: 2 passed (1 slow), 1 timed out, 0 skipped`. A test that says that it was not run
    /// ends well, but has not passed.
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
