//! Installs and runs the suite, and reads the results of its tests.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde_json::Value;

use crate::{Outcome, child::Program, npm, workspace::Workspace};

/// The time for Node.js to start the suite's origin.
const MAX_START_TIME: Duration = Duration::from_secs(30);

/// The time for all tests. They take about ten seconds, because each waits for at most six.
const MAX_TEST_TIME: Duration = Duration::from_secs(300);

/// The result of one test.
#[derive(Debug, PartialEq)]
pub(crate) struct Result {
    /// What it means if the test passes.
    pub(crate) name: String,
    /// `required`, `optimal` or `check`.
    pub(crate) kind: String,
    /// `pass` or `fail`; for a check `yes` or `no`; or why there is no result.
    pub(crate) outcome: String,
    /// What differs from the test's wish; empty if nothing does.
    pub(crate) detail: String,
}

/// An edition of the suite on this machine.
pub(super) struct Suite {
    /// The script of this repository that runs it.
    script: PathBuf,
    folder: PathBuf,
}

/// A suite whose origin answers.
pub(super) struct Started {
    program: Program,
    origin: String,
}

impl Result {
    /// Whether it is the best result for its kind.
    pub(crate) fn is_passed(&self) -> bool {
        self.kind == "check" || self.outcome == "pass"
    }
}

impl Suite {
    /// The pinned edition. Installs it if it is missing.
    ///
    /// # Errors
    /// When it can be neither found nor installed.
    pub(super) fn installed(workspace: &Workspace) -> Outcome<Self> {
        let source = workspace.root.join("tests/http-cache");
        let folder = npm::install(&source, "http-cache-tests")?;
        Self::of(workspace, &folder.join("node_modules/http-cache-tests"))
    }

    /// The edition in a folder.
    ///
    /// # Errors
    /// When there is no such folder.
    pub(super) fn of(workspace: &Workspace, folder: &Path) -> Outcome<Self> {
        let folder = folder
            .canonicalize()
            .map_err(|error| format!("{}: {error}", folder.display()))?;
        let script = workspace.root.join("tests/http-cache/suite.mjs");
        Ok(Self { script, folder })
    }

    /// Starts its origin, for the tests with these names, or for all if there are none.
    ///
    /// # Errors
    /// When it does not start.
    pub(super) fn start(&self, tests: &[String]) -> Outcome<Started> {
        let mut node = Command::new("node");
        node.arg(&self.script).arg(&self.folder).args(tests);
        let mut program = Program::start(&mut node)?;
        let origin = program.wait_for("address of its origin", MAX_START_TIME, |line| {
            line["origin"].as_str().map(str::to_owned)
        })?;
        Ok(Started { program, origin })
    }
}

impl Started {
    /// The origin of the tests: `http://ADDRESS`.
    pub(super) fn origin(&self) -> &str {
        &self.origin
    }

    /// Runs the tests against the cache at `address`.
    ///
    /// # Errors
    /// When they do not end in time, or no test has one of the names.
    pub(super) fn test(mut self, address: &str) -> Outcome<BTreeMap<String, Result>> {
        self.program.tell(address)?;
        let results = self.program.wait_for("outcomes", MAX_TEST_TIME, |line| {
            line["outcomes"].as_object().cloned()
        })?;
        if results.is_empty() {
            return Err("the suite has no such test".into());
        }
        let results = results.into_iter();
        Ok(results.map(|(id, result)| (id, parse(&result))).collect())
    }
}

fn parse(result: &Value) -> Result {
    let text = |name: &str| result[name].as_str().unwrap_or_default().to_owned();
    Result {
        name: text("name"),
        kind: text("kind"),
        outcome: text("outcome"),
        detail: text("detail"),
    }
}
