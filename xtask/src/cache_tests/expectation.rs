//! The expected result of each test, and whether a different one fails the build.

use std::{collections::BTreeMap, fmt, fs, path::PathBuf};

use super::suite::Result;
use crate::{Outcome, workspace::Workspace};

/// The file with the expected results, from the root.
pub(crate) const FILE: &str = "tests/http-cache/expected.json";

/// The outcome of each test by its id.
#[derive(Debug, PartialEq)]
pub(crate) struct Expectation(pub(crate) BTreeMap<String, String>);

/// A test whose result is not the expected one.
#[derive(Debug, PartialEq)]
pub(super) struct Difference<'a> {
    id: &'a str,
    /// `None` for a test that is not in the file.
    expected: Option<&'a str>,
    /// `None` for a test that did not run.
    result: Option<&'a Result>,
}

impl Expectation {
    /// The expectation that these results meet.
    pub(super) fn of(results: &BTreeMap<String, Result>) -> Self {
        let outcomes = results.iter();
        let outcomes = outcomes.map(|(id, result)| (id.clone(), result.outcome.clone()));
        Self(outcomes.collect())
    }

    /// Reads the committed file.
    ///
    /// # Errors
    /// When the file is missing or is not a JSON object of strings.
    pub(super) fn read(workspace: &Workspace) -> Outcome<Self> {
        let path = workspace.root.join(FILE);
        let text =
            fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Self::parse(&text)
    }

    /// Reads the text of the file.
    ///
    /// # Errors
    /// When it is not a JSON object of strings.
    pub(crate) fn parse(text: &str) -> Outcome<Self> {
        Ok(Self(serde_json::from_str(text)?))
    }

    /// Writes the file, one test per line, and returns its path.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn write(&self, workspace: &Workspace) -> Outcome<PathBuf> {
        let path = workspace.root.join(FILE);
        fs::write(&path, serde_json::to_string_pretty(&self.0)? + "\n")?;
        Ok(path)
    }

    /// Every test whose result differs.
    pub(super) fn compare<'a>(
        &'a self,
        results: &'a BTreeMap<String, Result>,
    ) -> Vec<Difference<'a>> {
        let expected = self.0.iter().map(|(id, outcome)| Difference {
            id,
            expected: Some(outcome),
            result: results.get(id),
        });
        let unexpected = results.iter().filter(|(id, _)| !self.0.contains_key(*id));
        let unexpected = unexpected.map(|(id, result)| Difference {
            id,
            expected: None,
            result: Some(result),
        });
        expected
            .chain(unexpected)
            .filter(|found| found.expected != found.outcome())
            .collect()
    }
}

impl Difference<'_> {
    /// Whether it fails the build. A test that passes now is good news. A check has no better result, only an expected one.
    pub(super) fn is_fault(&self) -> bool {
        self.outcome() != Some("pass") || self.expected.is_none()
    }

    /// The test, if its set-up failed unexpectedly.
    pub(super) fn unjudged(&self) -> Option<&str> {
        (self.outcome() == Some("setup failed")).then_some(self.id)
    }

    fn outcome(&self) -> Option<&str> {
        self.result.map(|result| result.outcome.as_str())
    }
}

impl fmt::Display for Difference<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let expected = self.expected.unwrap_or("nothing: it is not in the file");
        let outcome = self.outcome().unwrap_or("not there any more");
        write!(formatter, "{}: expected {expected}, got {outcome}", self.id)?;
        if let Some(result) = self.result {
            write!(formatter, "\n  {} test: {}", result.kind, result.name)?;
            if !result.detail.is_empty() {
                write!(formatter, "\n  {}", result.detail)?;
            }
        }
        write!(
            formatter,
            "\n  see its messages: cargo xtask cache-tests {}",
            self.id
        )?;
        let is_news = if self.is_fault() {
            "if this is intended"
        } else {
            "better than before"
        };
        write!(
            formatter,
            "\n  {is_news}: cargo xtask cache-tests --bless, and docs/http-cache.md"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(kind: &str, outcome: &str) -> Result {
        Result {
            name: "A cache must".to_owned(),
            kind: kind.to_owned(),
            outcome: outcome.to_owned(),
            detail: String::new(),
        }
    }

    #[track_caller]
    fn check(expected: &str, kind: &str, outcome: &str, is_fault: Option<bool>) {
        let expectation = Expectation([("a".to_owned(), expected.to_owned())].into());
        let results = [("a".to_owned(), result(kind, outcome))].into();
        let differences = expectation.compare(&results);
        assert_eq!(differences.first().map(Difference::is_fault), is_fault);
    }

    #[test]
    fn result_that_gets_worse_is_a_fault_and_a_better_one_is_not() {
        check("pass", "required", "pass", None);
        check("pass", "required", "fail", Some(true));
        check("pass", "optimal", "setup failed", Some(true));
        check("fail", "optimal", "pass", Some(false));
        check("fail", "optimal", "dependency failed", Some(true));
    }

    #[test]
    fn only_a_failed_set_up_is_unjudged() {
        let expectation = Expectation([("a".to_owned(), "pass".to_owned())].into());
        for (outcome, unjudged) in [("setup failed", Some("a")), ("fail", None)] {
            let results = [("a".to_owned(), result("required", outcome))].into();
            assert_eq!(expectation.compare(&results)[0].unjudged(), unjudged);
        }
    }

    #[test]
    fn check_that_gives_something_else_is_a_fault_either_way() {
        check("yes", "check", "no", Some(true));
        check("no", "check", "yes", Some(true));
    }

    #[test]
    fn tests_that_come_or_go_are_faults() {
        let expectation = Expectation([("old".to_owned(), "pass".to_owned())].into());
        let results = [("new".to_owned(), result("required", "pass"))].into();
        let differences = expectation.compare(&results);
        assert_eq!(differences.len(), 2);
        assert!(differences.iter().all(Difference::is_fault));
    }

    #[test]
    fn difference_says_what_was_expected_and_how_to_look() {
        let expectation = Expectation([("a".to_owned(), "pass".to_owned())].into());
        let results = [("a".to_owned(), result("required", "fail"))].into();
        let text = expectation.compare(&results)[0].to_string();
        assert!(text.starts_with("a: expected pass, got fail\n  required test: A cache must\n"));
        assert!(text.contains("cargo xtask cache-tests a\n"), "{text}");
    }
}
