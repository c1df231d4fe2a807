//! `cargo xtask cache-tests`: runs http-cache-tests against `terrace edge`.
//!
//! `tests/http-cache/expected.json` has the expected result of each test, docs/http-cache.md the reasons.

mod edge;
pub(crate) mod expectation;
mod suite;

use std::{collections::BTreeMap, env, path::PathBuf};

use clap::Args;

use self::{
    edge::Edge,
    expectation::{Difference, Expectation},
    suite::{Result, Suite},
};
use crate::{Outcome, counts::TestCounts, server, workspace::Workspace};

/// The variable with the path of a built `terrace` to test instead of this clone's.
const TERRACE_VARIABLE: &str = "TERRACE_BIN";

/// How the tests are run.
#[derive(Args)]
pub(crate) struct Options {
    /// Run these tests only, and show each of their messages
    tests: Vec<String>,
    /// Write the results to tests/http-cache/expected.json, as the expected ones
    #[arg(long, conflicts_with_all = ["tests", "suite"])]
    bless: bool,
    /// Run another edition, such as a clone of <https://github.com/http-tests/cache-tests>, and compare with nothing
    #[arg(long, value_name = "FOLDER")]
    suite: Option<PathBuf>,
}

/// Runs all tests and compares their results with the expected ones. A test whose set-up failed has judged nothing: it counts
/// seconds, and on a busy machine one more may pass. So it gets a second run.
///
/// # Errors
/// When they cannot be run.
pub(crate) fn check(workspace: &Workspace) -> Outcome<TestCounts> {
    let suite = Suite::installed(workspace)?;
    let mut results = results(workspace, &suite, &[])?;
    let expectation = Expectation::read(workspace)?;
    let differences = expectation.compare(&results);
    let unjudged = differences.iter().filter_map(Difference::unjudged);
    let unjudged: Vec<String> = unjudged.map(ToOwned::to_owned).collect();
    if !unjudged.is_empty() {
        results.extend(self::results(workspace, &suite, &unjudged)?);
    }
    let differences = expectation.compare(&results);
    differences.iter().for_each(|found| eprintln!("\n{found}"));
    summarise(&results);
    let failed = differences.iter().filter(|found| found.is_fault()).count();
    Ok(TestCounts {
        passed: u32::try_from(results.len().saturating_sub(failed))?,
        failed: u32::try_from(failed)?,
        not_run: Vec::new(),
    })
}

/// The task. Returns whether all results are as expected.
///
/// # Errors
/// When the tests cannot be run.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Outcome<bool> {
    if options.tests.is_empty() && options.suite.is_none() && !options.bless {
        return Ok(check(workspace)?.failed == 0);
    }
    let suite = match &options.suite {
        Some(folder) => Suite::of(workspace, folder)?,
        None => Suite::installed(workspace)?,
    };
    let results = results(workspace, &suite, &options.tests)?;
    for (id, result) in &results {
        if !options.bless && (!result.is_passed() || !options.tests.is_empty()) {
            println!(
                "{id} ({}): {}\n  {}",
                result.kind, result.outcome, result.name
            );
            println!("  {}", result.detail);
        }
    }
    summarise(&results);
    if options.bless {
        let path = Expectation::of(&results).write(workspace)?;
        eprintln!(
            "{} is written: each change needs its line in docs/http-cache.md",
            path.display()
        );
    }
    Ok(true)
}

/// Starts the origin of the suite, the edge in front of it, and then the tests.
fn results(
    workspace: &Workspace,
    suite: &Suite,
    tests: &[String],
) -> Outcome<BTreeMap<String, Result>> {
    let given = env::var_os(TERRACE_VARIABLE).filter(|program| !program.is_empty());
    let program = match given {
        Some(program) => PathBuf::from(program).canonicalize()?,
        None => server::build(workspace)?,
    };
    let folder = workspace.target.join("cache-tests");
    let suite = suite.start(tests)?;
    let edge = Edge::start(&program, &folder, suite.origin())?;
    suite.test(edge.address())
}

/// The number of tests for each kind and outcome.
fn summarise(results: &BTreeMap<String, Result>) {
    let mut counts = BTreeMap::<(&str, &str), usize>::new();
    for result in results.values() {
        *counts.entry((&result.kind, &result.outcome)).or_default() += 1;
    }
    let counts = counts.into_iter();
    let counts = counts.map(|((kind, outcome), count)| format!("{kind} {outcome}: {count}"));
    eprintln!("{}", counts.collect::<Vec<_>>().join(", "));
}
