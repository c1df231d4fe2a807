//! Finds the programs that are measured or measure, and their versions.

use std::{
    env,
    path::{Path, PathBuf},
    process::Stdio,
};

use serde::Serialize;
use tokio::{process::Command, time::timeout};

use crate::limits::MAX_VERSION_TIME;

/// The programs, the option that prints the version, and where to get them.
const PEERS: [(&str, &str, &str); 7] = [
    ("wasmtime", "--version", "crates.io: wasmtime-cli 48"),
    ("workerd", "--version", "npm: workerd"),
    ("nginx", "-v", "apt: nginx-light"),
    ("varnishd", "-V", "apt: varnish"),
    ("haproxy", "-v", "apt: haproxy"),
    ("h2load", "--version", "apt: nghttp2-client"),
    ("wrk", "-v", "apt: wrk"),
];

/// A program, or where to get it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Program {
    pub(crate) name: &'static str,
    /// `None` if it is not on this machine.
    pub(crate) path: Option<PathBuf>,
    /// Its version as it prints it; empty if unknown.
    pub(crate) version: String,
    /// Where to get it.
    pub(crate) source: &'static str,
}

/// All programs, in the order in which they are looked for.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Peers(Vec<Program>);

impl Peers {
    /// Looks for each of them on `PATH`.
    pub(crate) async fn find() -> Self {
        let mut found = Vec::new();
        for (name, option, source) in PEERS {
            let path = on_path(name);
            let version = match &path {
                Some(path) => version(path, option).await,
                None => String::new(),
            };
            found.push(Program {
                name,
                path,
                version,
                source,
            });
        }
        Self(found)
    }

    /// The path of a program, or how to get it.
    pub(crate) fn path(&self, name: &str) -> Result<PathBuf, String> {
        let program = self.0.iter().find(|program| program.name == name);
        let source = program.map_or("an unknown place", |program| program.source);
        let path = program.and_then(|program| program.path.clone());
        path.ok_or_else(|| format!("{name} is not installed ({source})"))
    }

    /// Each of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Program> {
        self.0.iter()
    }
}

fn on_path(name: &str) -> Option<PathBuf> {
    let folders = env::var_os("PATH")?;
    // Debian installs nginx in a folder that is not on every user's `PATH`.
    let folders = env::split_paths(&folders).chain([PathBuf::from("/usr/sbin")]);
    let mut files = folders.into_iter().map(|folder| folder.join(name));
    files.find(|file| file.is_file())
}

/// The line with the version. Some programs print it to standard error, some before their usage.
async fn version(program: &Path, option: &str) -> String {
    let mut command = Command::new(program);
    command.arg(option).stdin(Stdio::null()).kill_on_drop(true);
    let Ok(Ok(output)) = timeout(MAX_VERSION_TIME, command.output()).await else {
        return String::new();
    };
    let printed = [output.stdout, output.stderr].concat();
    let printed = String::from_utf8_lossy(&printed);
    printed.lines().next().unwrap_or_default().to_owned()
}
