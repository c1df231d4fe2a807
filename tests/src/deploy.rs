//! Servers that take deployments, and versions of an app for them.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::app::App;
use crate::contract::exit;
use crate::guest;
use crate::process::{Ended, Process};
use crate::running::Running;
use crate::wait::until;

/// What everybody knows who deploys in a test.
pub const TOKEN: &str = "a-token-of-the-tests-0123456789";

/// The settings with it.
pub const SETTINGS: &str = "[deploy]\ntoken_variable = \"DEPLOY_TOKEN\"";

/// The name of the variable of the command.
const VARIABLE: &str = "TERRACE_DEPLOY_TOKEN";

/// The bundle of a version that tells its `name` at `/version`, and has these further variables of the environment. It has the name
/// `NAME.terrace` in the folder of the app.
pub async fn version(name: &str, environment: &str) -> (App, PathBuf) {
    bundled(app(name, environment), name).await
}

/// The app of such a version.
///
/// # Panics
/// When the guest cannot be read.
#[must_use]
pub fn app(name: &str, environment: &str) -> App {
    let wasm = fs::read(guest("faults-p3")).expect("the guest can be read");
    App::new()
        .file("parts/faults.wasm", wasm)
        .component("faults", "parts/faults.wasm")
        .route("/...")
        .grant(&format!(
            "environment = {{ VERSION = \"{name}\"{environment} }}"
        ))
}

/// The bundle of an app.
///
/// # Panics
/// When it cannot be made.
pub async fn bundled(app: App, name: &str) -> (App, PathBuf) {
    let file = app.folder().join(format!("{name}.terrace"));
    let output = file.to_str().expect("a path of a test is text");
    let ended = app.run(&["bundle", "--output", output]).await;
    assert_eq!(ended.code, Some(exit::FINE), "{}", ended.text);
    (app, file)
}

/// An app that is served from a copy of a bundle, and takes deployments.
///
/// # Panics
/// When the bundle cannot be copied.
#[must_use]
pub fn node(bundle: &Path) -> App {
    let node = App::new();
    let copy = node.folder().join("app.terrace");
    fs::copy(bundle, &copy).expect("there is room");
    node.served_from(&copy)
        .config(SETTINGS)
        .environment("DEPLOY_TOKEN", TOKEN)
}

/// Starts `terrace deploy` with these arguments for these servers.
#[must_use]
pub fn begin(nodes: &[&Running], arguments: &[&str]) -> Process {
    begin_as(TOKEN, nodes, arguments)
}

/// The same with another token.
#[must_use]
pub fn begin_as(token: &str, nodes: &[&Running], arguments: &[&str]) -> Process {
    let admins: Vec<_> = nodes.iter().map(|node| node.admin.as_str()).collect();
    begin_at(token, &admins, arguments)
}

/// The same for servers by their admin listeners.
#[must_use]
pub fn begin_at(token: &str, admins: &[&str], arguments: &[&str]) -> Process {
    let nodes = admins.iter().flat_map(|admin| ["--node", *admin]);
    let arguments: Vec<_> = ["deploy", "--json"]
        .into_iter()
        .chain(arguments.iter().copied())
        .chain(nodes)
        .collect();
    let environment = [(VARIABLE.to_owned(), token.to_owned())];
    Process::start(&std::env::temp_dir(), &arguments, &environment)
}

/// Runs it to its end.
pub async fn run(nodes: &[&Running], arguments: &[&str]) -> Ended {
    begin(nodes, arguments).wait().await
}

/// Deploys a bundle without comparing it for long.
///
/// # Panics
/// When that fails.
pub async fn deploy(nodes: &[&Running], bundle: &Path) {
    let bundle = bundle.to_str().expect("a path of a test is text");
    let ended = run(nodes, &[bundle, "--watch", "100ms"]).await;
    assert_eq!(ended.code, Some(exit::FINE), "{}", ended.text);
}

/// The name of the version that answers now.
pub async fn served(node: &Running) -> String {
    node.get("/version").await.expect(200).text()
}

/// Waits until a server answers as this version.
///
/// # Panics
/// When that takes too long.
pub async fn until_served(node: &Running, name: &str) {
    until(&format!("version {name}"), async || {
        // Whatever is stored is of the version that answers.
        (served(node).await == name).then_some(())
    })
    .await;
}

/// What the command printed with this name.
#[must_use]
pub fn events(ended: &Ended, event: &str) -> Vec<Value> {
    let lines = ended.text.lines();
    let events = lines.filter_map(|line| serde_json::from_str::<Value>(line).ok());
    events.filter(|of| of["event"] == event).collect()
}
