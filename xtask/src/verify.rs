//! `cargo xtask test`, also called `cargo xtask ci`: every check and test of the repository.

mod report;

use std::{path::Path, process::Command, time::Duration};

use self::report::{Report, TestCounts};
use crate::{
    Outcome, guests, process,
    setup::{self, COMPONENT_TARGET, GuestToolchain},
    tools,
    workspace::Workspace,
};

/// Time to fetch the database of advisories, which comes from a git host that not every machine can reach.
const MAX_ADVISORIES_TIME: Duration = Duration::from_secs(120);

/// Runs every stage, also after one failed, and returns whether all succeeded.
///
/// # Errors
/// When the workspace cannot be read.
pub(crate) fn everything() -> Outcome<bool> {
    let workspace = Workspace::read()?;
    let mut report = Report::default();
    report.stage("format", || {
        process::run(workspace.cargo()?.args(["fmt", "--all", "--check"]))
    });
    report.stage("lints", || lints(&workspace));
    report.stage("documentation", || documentation(&workspace));
    report.stage("dependencies", || dependencies(&workspace));
    let toolchain = report.stage("set-up", setup::guest_toolchain);
    let guests = toolchain.and_then(|toolchain| {
        report.stage("lints of wasm-only guests", || {
            guest_lints(&workspace, toolchain)
        });
        report.stage("guests", || guests::build(&workspace, toolchain))
    });
    report.stage("documentation examples", || {
        documentation_examples(&workspace)
    });
    if let Some(guests) = guests {
        let counts = report.stage("tests", || tests(&workspace, &guests));
        report.count(counts.unwrap_or_default());
    }
    println!("{report}");
    Ok(report.is_success())
}

fn lints(workspace: &Workspace) -> Outcome {
    let mut clippy = workspace.cargo()?;
    clippy.arg("clippy").args(host_packages(workspace)).args([
        "--all-targets",
        "--",
        "--deny",
        "warnings",
    ]);
    process::run(&mut clippy)
}

/// The guests that the host never compiles.
fn guest_lints(workspace: &Workspace, toolchain: GuestToolchain) -> Outcome {
    let names: Vec<&str> = wasm_only(workspace).collect();
    if names.is_empty() || toolchain == GuestToolchain::Fallback {
        eprintln!("nothing to do, or skipped: Debian's compiler has no clippy of the same version");
        return Ok(());
    }
    let mut clippy = workspace.cargo()?;
    clippy.args(["clippy", "--target", COMPONENT_TARGET]);
    clippy.args(names.into_iter().flat_map(|name| ["--package", name]));
    process::run(clippy.args(["--", "--deny", "warnings"]))
}

fn documentation(workspace: &Workspace) -> Outcome {
    let mut doc = workspace.cargo()?;
    doc.arg("doc")
        .args(host_packages(workspace))
        .arg("--no-deps")
        .env("RUSTDOCFLAGS", "--deny warnings");
    process::run(&mut doc)
}

fn documentation_examples(workspace: &Workspace) -> Outcome {
    process::run(
        workspace
            .cargo()?
            .args(["test", "--doc"])
            .args(host_packages(workspace)),
    )
}

fn dependencies(workspace: &Workspace) -> Outcome {
    let deny = || -> Outcome<Command> {
        let mut deny = tools::DENY.command()?;
        deny.current_dir(&workspace.root).arg("check");
        Ok(deny)
    };
    process::run(deny()?.args(["bans", "licenses", "sources"]))?;
    match process::run_within(deny()?.arg("advisories"), MAX_ADVISORIES_TIME) {
        Err(error) if is_unreachable(&error.to_string()) => {
            eprintln!("skipped: the database of advisories cannot be fetched from here");
            Ok(())
        }
        outcome => outcome,
    }
}

/// Whether a check of advisories failed before it had any to compare with.
fn is_unreachable(error: &str) -> bool {
    error.contains("failed to fetch advisory database") || error.contains("did not end within")
}

/// The unit tests, and the end-to-end tests with the built server and guests.
fn tests(workspace: &Workspace, guests: &Path) -> Outcome<TestCounts> {
    process::run(workspace.cargo()?.args(["build", "--package", "terrace"]))?;
    let mut nextest = tools::NEXTEST.command()?;
    nextest
        .current_dir(&workspace.root)
        .args(["run", "--no-fail-fast"])
        .args(host_packages(workspace));
    nextest.env("CARGO_TARGET_DIR", &workspace.target);
    nextest
        .env("TERRACE_BIN", workspace.target.join("debug/terrace"))
        .env("TERRACE_GUESTS", guests);
    let (status, heard) = process::run_and_listen(&mut nextest)?;
    let counts = TestCounts::parse(&heard).ok_or_else(|| format!("no test was run ({status})"))?;
    if status.success() || counts.failed > 0 {
        Ok(counts)
    } else {
        Err(format!("`{}` failed ({status})", process::words(&nextest)).into())
    }
}

/// The arguments that select what is compiled for the host.
fn host_packages(workspace: &Workspace) -> Vec<&str> {
    let excluded = wasm_only(workspace).flat_map(|name| ["--exclude", name]);
    std::iter::once("--workspace").chain(excluded).collect()
}

fn wasm_only(workspace: &Workspace) -> impl Iterator<Item = &str> {
    workspace
        .guests
        .iter()
        .filter(|guest| guest.wasm_only)
        .map(|guest| guest.name.as_str())
}
