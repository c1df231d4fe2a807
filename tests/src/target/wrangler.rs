//! Functions on Cloudflare's runtime: `wrangler dev` in its local mode.
//!
//! `cargo xtask test` builds them for Cloudflare once and names the folder here, so that no test builds them again.

use std::env;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::Served;
use crate::process::{Ended, Process, installed, workspace};

/// Names the program `wrangler`.
const PROGRAM_VARIABLE: &str = "TERRACE_WRANGLER";
/// Names the folder of functions built for Cloudflare, each in a folder of its name.
const WORKERS_VARIABLE: &str = "TERRACE_WORKERS";

/// What to do so that a test with wrangler is run.
pub const WRANGLER_REMEDY: &str = "run `cargo xtask test`, which installs wrangler";

/// A project of wrangler in a folder of its own, with a state of its own.
#[derive(Debug)]
pub struct Worker {
    wrangler: PathBuf,
    folder: TempDir,
    config: Value,
    secrets: String,
}

impl Worker {
    /// A function under the `wrangler.toml` at this path of the repository, or nothing where wrangler is not on this
    /// machine. `paths` are pointers to paths in that file.
    ///
    /// # Panics
    /// When the function was not built for Cloudflare; the message says how to build it.
    #[must_use]
    pub fn new(function: &str, config: &str, paths: &[&str]) -> Option<Self> {
        let wrangler = installed(PROGRAM_VARIABLE, "wrangler")?;
        let workers = env::var_os(WORKERS_VARIABLE).map(PathBuf::from);
        let workers = workers.unwrap_or_else(|| workspace().join("target/worker"));
        let main = workers.join(function).join("index.js");
        assert!(
            main.is_file(),
            "there is no {}: run `cargo xtask worker {function}`, or set {WORKERS_VARIABLE}",
            main.display()
        );
        let file = workspace().join(config);
        let text = std::fs::read_to_string(&file).expect("the repository has the file");
        let mut config: Value = toml::from_str(&text).expect("the file is TOML");
        config["main"] = json!(main);
        // It is built already.
        config["build"] = Value::Null;
        for path in paths {
            let path = config.pointer_mut(path).expect("the file has the path");
            *path = json!(file.with_file_name(path.as_str().unwrap_or_default()));
        }
        Some(Self {
            wrangler,
            folder: tempfile::tempdir().expect("a test has room for a folder"),
            config,
            secrets: String::new(),
        })
    }

    /// Conduit under the root `wrangler.toml`, or nothing where wrangler is not on this machine.
    #[must_use]
    pub fn conduit() -> Option<Self> {
        let paths = ["/assets/directory", "/d1_databases/0/migrations_dir"];
        let mut worker = Self::new("conduit", "wrangler.toml", &paths)?;
        "jwt_secret = \"a secret of the tests, long enough to sign with\"\n"
            .clone_into(&mut worker.secrets);
        Some(worker)
    }

    /// Changes the configuration.
    #[must_use]
    pub fn change(mut self, change: impl FnOnce(&mut Value)) -> Self {
        change(&mut self.config);
        self
    }

    /// Takes the secrets away.
    #[must_use]
    pub fn without_secrets(mut self) -> Self {
        self.secrets.clear();
        self
    }

    /// The folder of the project.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Applies the migrations, and gives what wrangler said of it.
    pub async fn migrate(&self) -> Ended {
        let arguments = ["d1", "migrations", "apply", "DB", "--local"];
        self.wrangler(&arguments).wait().await
    }

    /// Asks the database by SQL, and gives what wrangler said.
    pub async fn query(&self, sql: &str) -> Ended {
        let arguments = ["d1", "execute", "DB", "--local", "--json", "--command", sql];
        self.wrangler(&arguments).wait().await
    }

    /// Starts it.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start(&self) -> Served {
        let ports = ["--port", "0", "--inspector-port", "0"];
        let process = self.wrangler(&[["dev", "--ip", "127.0.0.1"].as_slice(), &ports].concat());
        Served::ready(process, "Ready on ").await
    }

    fn wrangler(&self, arguments: &[&str]) -> Process {
        let write = |name: &str, text: &str| {
            let written = std::fs::write(self.folder().join(name), text);
            written.expect("a test's own folder can be written");
        };
        write("wrangler.json", &self.config.to_string());
        write(".dev.vars", &self.secrets);
        let arguments = [arguments, &["--persist-to", "state"]].concat();
        let environment = [
            // Without questions, without telemetry, and without calls of Cloudflare.
            ("CI", "1"),
            ("WRANGLER_SEND_METRICS", "false"),
            ("CLOUDFLARE_CF_FETCH_ENABLED", "false"),
            // Logs and the addresses of running workers are this test's alone.
            ("XDG_CONFIG_HOME", "config"),
            ("WRANGLER_REGISTRY_PATH", "registry"),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Process::start_group(&self.wrangler, self.folder(), &arguments, &environment)
    }
}
