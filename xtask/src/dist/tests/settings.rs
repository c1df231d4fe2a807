//! The settings and command lines of recipes are ones that the program takes.

use super::*;
use std::{collections::BTreeSet, time::Duration};

use crate::child::Program;

/// The time for an edge to start.
const MAX_START_TIME: Duration = Duration::from_secs(60);

/// An app whose database would be a file on each node.
const MANIFEST: &str = "
spin_manifest_version = 2
[application]
name = 'recipe'
[application.tool.terrace]
migrations = { default = 'migrations' }
[[trigger.http]]
route = '/...'
static_response = { body = 'here' }
";

/// The environment variables with passwords that settings name.
pub(super) fn passwords(settings: &str) -> BTreeSet<String> {
    let lines = settings.lines().filter_map(|line| line.split_once(" = "));
    let named = lines.filter(|(key, _)| key.ends_with("password_variable"));
    named
        .map(|(_, name)| name.trim_matches('"').to_owned())
        .collect()
}

/// The value of a key of a table, as text.
pub(super) fn value(settings: &str, table: &str, key: &str) -> Option<toml::Value> {
    let settings: toml::Table = settings.parse().unwrap();
    settings.get(table)?.get(key).cloned()
}

fn with_passwords(settings: &str) -> Command {
    let mut command = Command::new(program());
    let names = passwords(settings).into_iter();
    command.envs(names.map(|name| (name, "secret")));
    command
}

/// Asserts that so many nodes with these settings would be alike.
pub(super) fn nodes_are_fine(settings: &str, nodes: u32) {
    let fault = fault_of_nodes(settings, nodes);
    assert_eq!(fault, None, "{settings}");
}

/// What is wrong with so many nodes with these settings.
fn fault_of_nodes(settings: &str, nodes: u32) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    put("spin.toml", MANIFEST);
    put("terrace.toml", settings);
    fs::create_dir(folder.path().join("migrations")).unwrap();
    put("migrations/0001_a.sql", "CREATE TABLE a (b TEXT) STRICT;");
    let mut check = with_passwords(settings);
    let nodes = nodes.to_string();
    check.args(["check", "--nodes", &nodes]);
    let checked = process::output(check.current_dir(folder.path()));
    checked.err().map(|error| error.to_string())
}

/// Asserts that an edge starts with these settings, though nothing that they name is there.
pub(super) fn edge_starts(settings: &str) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("edge.toml"), settings).unwrap();
    let mut edge = with_passwords(settings);
    edge.args(["edge", "--config", "edge.toml", "--json"]);
    edge.args(["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
    let mut edge = Program::start(edge.current_dir(folder.path())).unwrap();
    let ready = edge.wait_for("ready", MAX_START_TIME, |line| {
        line["http"].as_str().map(drop)
    });
    ready.unwrap_or_else(|error| panic!("{error}: {settings}"));
}

/// Asserts that the program takes these arguments, of which one names settings that are not there.
pub(super) fn command_is_one(arguments: &[String]) {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(program());
    command.args(arguments).current_dir(folder.path());
    let error = process::output(&mut command).unwrap_err().to_string();
    let last = error.lines().skip(1).collect::<String>();
    assert!(last.contains("/etc/terrace/terrace.toml"), "{error}");
    assert!(!error.contains("Usage:"), "{error}");
}

#[test]
fn settings_that_do_not_fit_are_found() {
    let key = fault_of_nodes("[listen]\nhtp = '127.0.0.1:0'\n", 1).unwrap();
    assert!(key.contains("unknown key `htp`"), "{key}");
    let own = fault_of_nodes("", 2).unwrap();
    assert!(own.contains("several nodes would each have"), "{own}");
    let arguments = ["up", "--no-such-option"].map(ToOwned::to_owned);
    let refused = std::panic::catch_unwind(|| command_is_one(&arguments));
    assert!(refused.is_err());
}
