//! An app as a test describes it: components, routes, grants and settings, in a folder of its own.

use std::fmt::Write as _;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use rustix::io::{FdFlags, fcntl_dupfd_cloexec, fcntl_setfd};
use tempfile::TempDir;

use crate::process::{self, Ended, Process};
use crate::running::{Beside, Running};

/// The manifest's file name.
const MANIFEST: &str = "spin.toml";
/// The settings' file name.
const CONFIG: &str = "terrace.toml";

/// An app that can be started. Lines are added to the component named last.
#[derive(Debug)]
pub struct App {
    folder: TempDir,
    name: String,
    components: Vec<Component>,
    sections: String,
    manifest: Option<String>,
    /// What it is served from.
    from: PathBuf,
    /// What stands behind an edge.
    origin: Option<String>,
    /// Where it serves clients.
    listen: String,
    /// Where it serves metrics and health.
    admin: String,
    /// Where it keeps its state.
    state: PathBuf,
    config: String,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    /// What a service manager keeps for it.
    sockets: Vec<OwnedFd>,
    compiled_code: PathBuf,
}

/// Descriptors of sockets that are kept are above those that a shell or a test uses itself.
const KEPT: i32 = 100;

/// Has a server take over from its predecessor.
const TAKE_OVER: &str = "--take-over";

#[derive(Debug)]
struct Component {
    id: String,
    source: PathBuf,
    routes: Vec<String>,
    lines: String,
    tool_lines: String,
}

impl Default for App {
    fn default() -> Self {
        Self::new()
    }
}

impl App {
    /// An app without components.
    ///
    /// # Panics
    /// When there is no room for a folder.
    #[must_use]
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a test has room for a folder");
        Self {
            state: folder.path().join("state"),
            folder,
            name: "tested".to_owned(),
            components: Vec::new(),
            sections: String::new(),
            manifest: None,
            from: MANIFEST.into(),
            origin: None,
            listen: "127.0.0.1:0".to_owned(),
            admin: "127.0.0.1:0".to_owned(),
            config: String::new(),
            arguments: Vec::new(),
            environment: Vec::new(),
            sockets: Vec::new(),
            compiled_code: process::target_folder().join("compiled-code"),
        }
    }

    /// An app with one guest at `/...`.
    #[must_use]
    pub fn of(name: &str) -> Self {
        Self::new()
            .component(name, crate::guest(name))
            .route("/...")
    }

    /// Conduit on a database of its own, mounted as in the root manifest.
    #[must_use]
    pub fn conduit() -> Self {
        Self::conduit_with("")
    }

    /// The same with its notifications, and with a digest each second.
    ///
    /// # Panics
    /// When the repository lacks the migrations.
    #[must_use]
    pub fn conduit_with_events() -> Self {
        let app = Self::conduit_with(", events = \"on\"")
            .limit("consumes = [{ queue = \"conduit\", backoff = \"50ms\" }]")
            .limit("schedules = [{ name = \"digest\", cron = \"* * * * * *\" }]")
            .section(
                "[application.tool.terrace]\noutbox = [\"default\"]\nmigrations = { default = \"migrations\" }",
            );
        let folder = process::workspace().join("functions/conduit/migrations");
        let files = std::fs::read_dir(folder).expect("the repository has the folder");
        files.fold(app, |app, file| {
            let file = file.expect("the folder can be read");
            let text = std::fs::read(file.path()).expect("the file can be read");
            app.file(&format!("migrations/{}", file.file_name().display()), text)
        })
    }

    fn conduit_with(variables: &str) -> Self {
        Self::new()
            .component("conduit", crate::guest("conduit"))
            .route("/api/...")
            .grant("sqlite_databases = [\"default\"]")
            .grant(&format!(
                "variables = {{ jwt_secret = \"{{{{ jwt_secret }}}}\"{variables} }}"
            ))
            .section("[variables]\njwt_secret = { required = true, secret = true }")
            .environment(
                "SPIN_VARIABLE_JWT_SECRET",
                "a secret of the tests, long enough to sign with",
            )
    }

    /// An edge in front of an origin, in place of an app.
    #[must_use]
    pub fn edge(origin: &str) -> Self {
        let mut app = Self::new();
        app.origin = Some(origin.to_owned());
        app
    }

    /// An edge in front of several origins.
    #[must_use]
    pub fn balancer(origins: &[&str]) -> Self {
        let (first, others) = origins.split_first().expect("an edge has an origin");
        let others = others.iter().flat_map(|other| ["--origin", *other]);
        Self::edge(first).arguments(&others.collect::<Vec<_>>())
    }

    /// Has it serve clients at this address, which it had before.
    #[must_use]
    pub fn at(mut self, http: &str) -> Self {
        http.trim_start_matches("http://")
            .clone_into(&mut self.listen);
        self
    }

    /// Has it have its admin listener at this address, which it had before.
    #[must_use]
    pub(crate) fn with_admin_at(mut self, admin: &str) -> Self {
        admin
            .trim_start_matches("http://")
            .clone_into(&mut self.admin);
        self
    }

    /// Has it take over from another app.
    #[must_use]
    pub fn in_place_of(mut self, server: &Running) -> Self {
        self.state = server.app().state();
        self.succeeding(&server.http, server.https.as_deref(), &server.admin)
    }

    /// Has it take over from the process at these addresses.
    #[must_use]
    pub(crate) fn succeeding(self, http: &str, https: Option<&str>, admin: &str) -> Self {
        let mut app = self.at(http).with_admin_at(admin);
        if let Some(https) = https {
            let address = https.trim_start_matches("https://");
            let setting = |address: &str| format!("https = {address:?}");
            app.config = app
                .config
                .replace(&setting("127.0.0.1:0"), &setting(address));
        }
        app.arguments.retain(|argument| argument != TAKE_OVER);
        app.arguments(&[TAKE_OVER])
    }

    /// Names the app.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// Adds a component.
    #[must_use]
    pub fn component(mut self, id: &str, source: impl Into<PathBuf>) -> Self {
        let id = id.to_owned();
        let (lines, tool_lines) = (String::new(), String::new());
        self.components.push(Component {
            id,
            source: source.into(),
            routes: Vec::new(),
            lines,
            tool_lines,
        });
        self
    }

    /// Routes a path to the component.
    #[must_use]
    pub fn route(self, route: &str) -> Self {
        self.trigger(&format!("route = {route:?}"))
    }

    /// Adds an HTTP trigger of the component with these lines.
    #[must_use]
    pub fn trigger(mut self, lines: &str) -> Self {
        self.last().routes.push(lines.to_owned());
        self
    }

    /// Adds a line to the component, such as a grant.
    #[must_use]
    pub fn grant(mut self, line: &str) -> Self {
        let lines = &mut self.last().lines;
        lines.push_str(line);
        lines.push('\n');
        self
    }

    /// Adds a line to the component's `[component.ID.tool.terrace]`.
    #[must_use]
    pub fn limit(mut self, line: &str) -> Self {
        let lines = &mut self.last().tool_lines;
        lines.push_str(line);
        lines.push('\n');
        self
    }

    /// Adds lines at the end of the manifest.
    #[must_use]
    pub fn section(mut self, lines: &str) -> Self {
        self.sections.push_str(lines);
        self.sections.push('\n');
        self
    }

    /// Replaces the whole manifest.
    #[must_use]
    pub fn manifest(mut self, text: &str) -> Self {
        self.manifest = Some(text.to_owned());
        self
    }

    /// Serves it from this path in place of its manifest: a bundle, or a folder with bundles.
    #[must_use]
    pub fn served_from(mut self, path: &Path) -> Self {
        path.clone_into(&mut self.from);
        self
    }

    /// Adds lines to `terrace.toml`.
    #[must_use]
    pub fn config(mut self, lines: &str) -> Self {
        self.config.push_str(lines);
        self.config.push('\n');
        self
    }

    /// Adds arguments of the command line.
    #[must_use]
    pub fn arguments(mut self, arguments: &[&str]) -> Self {
        self.arguments
            .extend(arguments.iter().map(|&argument| argument.to_owned()));
        self
    }

    /// Sets a variable of the environment.
    #[must_use]
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Has it started with these sockets, which are kept as a service manager keeps them. Their names have a colon between them; an
    /// empty text names none of them.
    ///
    /// # Panics
    /// When there are too many descriptors.
    #[must_use]
    pub fn activated(mut self, sockets: &[&dyn AsFd], names: &str) -> Self {
        let kept = sockets.iter().map(|socket| {
            let kept = fcntl_dupfd_cloexec(socket, KEPT)?;
            // Whatever this process starts inherits it.
            fcntl_setfd(&kept, FdFlags::empty())?;
            Ok(kept)
        });
        let kept: Result<_, rustix::io::Errno> = kept.collect();
        self.sockets = kept.expect("a test may have so many descriptors");
        let count = self.sockets.len().to_string();
        let app = self.environment("LISTEN_FDS", &count);
        if names.is_empty() {
            return app;
        }
        app.environment("LISTEN_FDNAMES", names)
    }

    /// Keeps its compiled code for itself. Other apps share theirs, so that each guest is compiled once for all tests.
    #[must_use]
    pub fn with_its_own_compiled_code(mut self) -> Self {
        self.compiled_code = self.folder().join("compiled-code");
        self
    }

    /// Puts a file into the app's folder.
    ///
    /// # Panics
    /// When it cannot be written.
    #[must_use]
    pub fn file(self, path: &str, content: impl AsRef<[u8]>) -> Self {
        let path = self.folder().join(path);
        let folder = path.parent().expect("a file lies in a folder");
        std::fs::create_dir_all(folder).expect("a test's own folder can be written");
        std::fs::write(path, content).expect("a test's own folder can be written");
        self
    }

    /// The app's folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where the app keeps its state.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.state.clone()
    }

    /// Starts it with `terrace up`, or `terrace edge` if it is one, and waits until it is ready.
    ///
    /// # Panics
    /// When it does not get ready; the message shows what the process said.
    pub async fn start(self) -> Running {
        let command = self.command();
        Running::start(self, command).await
    }

    /// Starts it with `terrace up` in its folder, without giving it up: several processes may serve it at once.
    ///
    /// # Panics
    /// When it does not get ready; the message shows what the process said.
    pub async fn start_beside(&self) -> Beside {
        Beside::start(self.spawn(self.command())).await
    }

    /// Starts it with `terrace dev` and waits until it is ready.
    ///
    /// # Panics
    /// When it does not get ready; the message shows what the process said.
    pub async fn develop(self) -> Running {
        Running::start(self, "dev").await
    }

    /// Starts it with `terrace dev` in its folder, without giving it up, as [`App::start_beside`].
    ///
    /// # Panics
    /// When it does not get ready; the message shows what the process said.
    pub async fn develop_beside(&self) -> Beside {
        Beside::start(self.spawn("dev")).await
    }

    /// Starts it although it should refuse, and waits for its end.
    ///
    /// # Panics
    /// When it serves instead.
    pub async fn refuse(&self) -> Ended {
        self.spawn(self.command()).wait().await
    }

    fn command(&self) -> &'static str {
        if self.origin.is_some() { "edge" } else { "up" }
    }

    /// Runs `terrace check` on it.
    ///
    /// # Panics
    /// When it does not end.
    pub async fn check(&self) -> Ended {
        self.write();
        let arguments = ["check", "--from", MANIFEST];
        Process::start(self.folder(), &arguments, &self.environment)
            .wait()
            .await
    }

    /// Runs `terrace` with these arguments in its folder.
    ///
    /// # Panics
    /// When it does not end.
    pub async fn run(&self, arguments: &[&str]) -> Ended {
        self.write();
        process::run(self.folder(), arguments).await
    }

    /// Runs `terrace sql` with these arguments on its state.
    ///
    /// # Panics
    /// When it does not end.
    pub async fn sql(&self, arguments: &[&str]) -> Ended {
        self.begin(&[&["sql"], arguments].concat()).wait().await
    }

    /// Starts a command with these arguments on its state.
    #[must_use]
    pub fn begin(&self, arguments: &[&str]) -> Process {
        self.write();
        let state = [
            "--from",
            MANIFEST,
            "--config",
            CONFIG,
            "--state-dir",
            "state",
        ];
        Process::start(self.folder(), &[arguments, &state].concat(), &[])
    }

    pub(crate) fn spawn(&self, command: &str) -> Process {
        self.write();
        let mut arguments: Vec<&str> = vec![command];
        match &self.origin {
            // What a test leaves empty, its settings tell.
            Some(origin) if origin.is_empty() => {}
            Some(origin) => arguments.extend(["--origin", origin.as_str()]),
            None => {
                let from = self.from.to_str().expect("a path of a test is text");
                arguments.extend(["--from", from]);
            }
        }
        if !self.config.is_empty() {
            arguments.extend(["--config", CONFIG]);
        }
        arguments.extend(["--listen", &self.listen, "--admin", &self.admin]);
        let state = self.state.to_str().expect("a path of a test is text");
        arguments.extend(["--state-dir", state, "--json"]);
        arguments.extend(self.arguments.iter().map(String::as_str));
        let (folder, environment) = (self.folder(), &self.environment);
        if self.sockets.is_empty() {
            return Process::start(folder, &arguments, environment);
        }
        Process::activate(folder, &arguments, environment, &self.sockets)
    }

    fn last(&mut self) -> &mut Component {
        self.components
            .last_mut()
            .expect("a component is named before its lines")
    }

    fn write(&self) {
        self.link_compiled_code();
        let manifest = self
            .manifest
            .clone()
            .unwrap_or_else(|| self.manifest_text());
        for (file, text) in [(MANIFEST, &manifest), (CONFIG, &self.config)] {
            let path = self.folder().join(file);
            // A command that runs already may read it now.
            if !std::fs::read_to_string(&path).is_ok_and(|there| there == *text) {
                std::fs::write(path, text).expect("a test's own folder can be written");
            }
        }
    }

    /// Links the folder that the state folder holds for compiled code, so that the settings stay the test's own. A test that
    /// has made the state folder unusable goes without.
    fn link_compiled_code(&self) {
        std::fs::create_dir_all(&self.compiled_code).expect("the target folder can be written");
        if std::fs::create_dir_all(self.state()).is_ok() {
            let _ = symlink(&self.compiled_code, self.state().join("cache"));
        }
    }

    fn manifest_text(&self) -> String {
        let name = &self.name;
        let mut text = format!(
            "spin_manifest_version = 2\n[application]\nname = {name:?}\nversion = \"1.0.0\"\n"
        );
        for component in &self.components {
            component.print(&mut text);
        }
        text.push_str(&self.sections);
        text
    }
}

impl Component {
    fn print(&self, text: &mut String) {
        let Self {
            id,
            source,
            routes,
            lines,
            tool_lines,
        } = self;
        for route in routes {
            writeln!(text, "[[trigger.http]]\ncomponent = {id:?}\n{route}")
                .expect("a string takes all text");
        }
        writeln!(text, "[component.{id}]\nsource = {source:?}\n{lines}")
            .expect("a string takes all text");
        if !tool_lines.is_empty() {
            writeln!(text, "[component.{id}.tool.terrace]\n{tool_lines}")
                .expect("a string takes all text");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_go_to_the_component_named_last() {
        let app = App::new()
            .component("a", "a.wasm")
            .route("/a")
            .component("b", "b.wasm")
            .limit("timeout = \"1s\"");
        let text = app.manifest_text();
        assert!(
            text.contains("route = \"/a\"\n[component.a]\nsource = \"a.wasm\"\n"),
            "{text}"
        );
        assert!(
            text.ends_with("[component.b.tool.terrace]\ntimeout = \"1s\"\n\n"),
            "{text}"
        );
    }
}
