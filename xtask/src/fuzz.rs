//! `cargo xtask fuzz`: tries the parsers of untrusted bytes for a minute.
//!
//! It runs the fuzz targets of `edge-cache/fuzz/`, `storage/fuzz/` and `runtime/fuzz/`, then property tests. It uses the stable compiler: LLVM
//! passes give libFuzzer the coverage, and they do not need a nightly compiler.

use std::{fs, path::PathBuf, process::Command};

use clap::Args;

use crate::{Outcome, process, tools, workspace::Workspace};

/// The crates of the targets, from the root.
const CRATES: [&str; 3] = ["edge-cache/fuzz", "storage/fuzz", "runtime/fuzz"];

/// Inputs that a target starts with, from the root.
const SEEDS: [(&str, &str); 2] = [
    ("bundles", "runtime/fuzz/seeds/bundles"),
    ("dialect", "storage/src/dialect/tests/corpus"),
];

/// Compiler arguments for coverage, the same that `cargo fuzz` uses.
const INSTRUMENTATION: [&str; 7] = [
    "--cfg=fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Cdebug-assertions",
];

/// The properties of other parsers, as a filter of nextest: the guard, chunks, trace context, forwarded fields, SQL.
const PROPERTIES: &str = "test(of_any_bytes) | test(hostile)";

/// Random inputs for each property. In the tests there are 256.
const CASES: &str = "20000";

/// How long it runs.
#[derive(Args)]
pub(crate) struct Options {
    /// Seconds for all targets together
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Run these targets only
    targets: Vec<String>,
}

/// Builds the targets.
///
/// # Errors
/// When they do not compile.
pub(crate) fn build(workspace: &Workspace) -> Outcome {
    for member in CRATES {
        let mut cargo = workspace.cargo()?;
        cargo.current_dir(workspace.root.join(member));
        // With `--target`, the flags do not apply to build scripts and macros.
        cargo.args(["build", "--target", &host()?]);
        cargo.arg("--target-dir").arg(folder(workspace));
        cargo.env("CARGO_ENCODED_RUSTFLAGS", INSTRUMENTATION.join("\u{1f}"));
        process::run(&mut cargo)?;
    }
    Ok(())
}

/// Runs each target for an equal share of the time, then the property tests.
///
/// # Errors
/// When something does not compile, or an input breaks a target; libFuzzer has printed it and keeps it in a file.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Outcome {
    build(workspace)?;
    let mut targets = targets(workspace)?;
    if !options.targets.is_empty() {
        targets.retain(|target| options.targets.contains(target));
    }
    let share = (options.seconds / targets.len().max(1) as u64).max(1);
    for target in &targets {
        fuzz(workspace, target, share)?;
    }
    if options.targets.is_empty() {
        properties(workspace)?;
    }
    Ok(())
}

/// Runs a target, starting with the inputs that earlier runs found.
fn fuzz(workspace: &Workspace, target: &str, seconds: u64) -> Outcome {
    let corpus = folder(workspace).join("corpus").join(target);
    fs::create_dir_all(&corpus)?;
    eprintln!("{target}: {seconds} s");
    let mut program = Command::new(folder(workspace).join(host()?).join("debug").join(target));
    program.arg(format!("-max_total_time={seconds}"));
    program.args(["-timeout=10", "-rss_limit_mb=1024", "-verbosity=0"]);
    program.arg(corpus).current_dir(folder(workspace));
    let seeds = SEEDS.iter().filter(|(of, _)| *of == target);
    program.args(seeds.map(|(_, seeds)| workspace.root.join(seeds)));
    process::run(&mut program)
}

fn properties(workspace: &Workspace) -> Outcome {
    let mut nextest = tools::NEXTEST.command()?;
    nextest.current_dir(&workspace.root).arg("run");
    nextest.env("CARGO_TARGET_DIR", &workspace.target);
    nextest.args(["--workspace", "--filterset", PROPERTIES]);
    process::run(nextest.env("PROPTEST_CASES", CASES))
}

/// The names of the targets: each is a file.
fn targets(workspace: &Workspace) -> Outcome<Vec<String>> {
    let mut names = Vec::new();
    for member in CRATES {
        let files = workspace.root.join(member).join("fuzz_targets");
        for file in files.read_dir()? {
            let path = file?.path();
            names.extend(
                path.file_stem()
                    .map(|name| name.to_string_lossy().into_owned()),
            );
        }
    }
    names.sort();
    Ok(names)
}

/// The target folder: the fuzz targets are compiled with other flags than the tests.
fn folder(workspace: &Workspace) -> PathBuf {
    workspace.target.join("fuzz")
}

fn host() -> Outcome<String> {
    process::output(Command::new("rustc").args(["--print", "host-tuple"]))
}
