//! A Postgres of a test's own: a temporary folder, a socket in it, and no care for what a crash would lose.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use tempfile::TempDir;

/// The user that runs the server where the test runs as root, which Postgres refuses.
const USER: &str = "nobody";

/// Newest first.
const FOLDERS: [&str; 4] = [
    "/usr/lib/postgresql/18/bin",
    "/usr/lib/postgresql/17/bin",
    "/usr/lib/postgresql/16/bin",
    "/usr/lib/postgresql/15/bin",
];

/// A running server, which ends with the value.
pub(super) struct Server {
    process: Child,
    folder: TempDir,
}

impl Server {
    pub(super) fn start() -> Self {
        let binaries = binaries();
        let folder = tempfile::Builder::new()
            .prefix("terrace-postgres-")
            .tempdir_in("/tmp")
            .unwrap();
        let is_root = is_root();
        if is_root {
            run(Command::new("chown").arg(USER).arg(folder.path()));
        }
        let data = folder.path().join("data");
        let mut initdb = as_user(is_root, &binaries.join("initdb"));
        initdb
            .args([
                "--username=terrace",
                "--auth=trust",
                "--encoding=UTF8",
                "--no-sync",
            ])
            // Another order of text than SQLite's, so that a forgotten collation is seen.
            .args([
                "--locale=C.UTF-8",
                "--locale-provider=icu",
                "--icu-locale=en-US",
            ])
            .arg("--pgdata")
            .arg(&data)
            .stdout(Stdio::null());
        run(&mut initdb);
        let mut postgres = as_user(is_root, &binaries.join("postgres"));
        postgres.arg("-D").arg(&data).arg("-k").arg(folder.path());
        for setting in [
            "listen_addresses=",
            "fsync=off",
            "synchronous_commit=off",
            "full_page_writes=off",
            "autovacuum=off",
            "jit=off",
            "log_min_messages=log",
            "shared_buffers=64MB",
        ] {
            postgres.args(["-c", setting]);
        }
        let mut process = postgres.stderr(Stdio::piped()).spawn().unwrap();
        wait_until_ready(&mut process);
        Self { process, folder }
    }

    /// The folder of its socket.
    pub(super) fn socket(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // An immediate shutdown; killing `setpriv`'s process is killing the server, which replaced it.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The folder of `initdb` and `postgres`; empty where they are in `PATH`.
fn binaries() -> PathBuf {
    let folder = FOLDERS
        .iter()
        .map(Path::new)
        .find(|folder| folder.join("postgres").exists());
    folder.map_or_else(PathBuf::new, Path::to_owned)
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output().unwrap();
    output.stdout == b"0\n"
}

fn as_user(is_root: bool, program: &Path) -> Command {
    if !is_root {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command
        .args([
            "--reuid",
            USER,
            "--regid",
            "nogroup",
            "--clear-groups",
            "--pdeathsig",
            "KILL",
        ])
        .arg(program)
        .current_dir("/");
    command
}

fn run(command: &mut Command) {
    let status = command.status();
    let succeeded = status.as_ref().is_ok_and(ExitStatus::success);
    assert!(
        succeeded,
        "{command:?} {status:?}; the tests need postgresql-15"
    );
}

fn wait_until_ready(process: &mut Child) {
    let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
    let ready = lines.any(|line| line.unwrap().contains("ready to accept connections"));
    assert!(ready, "the server ended: {:?}", process.wait());
    // A full pipe would stop the server.
    std::thread::spawn(move || lines.for_each(drop));
}
