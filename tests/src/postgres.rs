//! A Postgres server of a test's own: a temporary folder, a socket in it, and no care for what a crash of the machine would
//! lose. The tests of the crate `terrace-storage` include this file too.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use tempfile::TempDir;

#[path = "postgres/pooler.rs"]
pub mod pooler;
#[path = "postgres/replica.rs"]
pub mod replica;

/// The user that runs the server where the test runs as root, which Postgres refuses.
const USER: &str = "nobody";

/// How often, and how many times, the children of a killed server are looked at until they have noticed that.
const LOOK_AGAIN: Duration = Duration::from_millis(10);
const MAX_LOOKS: u32 = 1_000;

/// Newest first.
const FOLDERS: [&str; 4] = [
    "/usr/lib/postgresql/18/bin",
    "/usr/lib/postgresql/17/bin",
    "/usr/lib/postgresql/16/bin",
    "/usr/lib/postgresql/15/bin",
];

/// Attempts to start after a kill. Each takes some tens of milliseconds.
const MAX_STARTS: u32 = 200;

/// A running server, which ends with the value.
#[derive(Debug)]
pub struct Server {
    process: Child,
    folder: TempDir,
    is_root: bool,
    settings: Vec<String>,
}

impl Server {
    /// Makes a database cluster and starts a server on it.
    ///
    /// # Panics
    /// When there is no Postgres on this machine.
    #[must_use]
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// Starts a server with further settings: `name=value`.
    ///
    /// # Panics
    /// When there is no Postgres on this machine.
    #[must_use]
    pub fn with(settings: &[&str]) -> Self {
        Self::made(settings, |data| copy_cluster(is_root(), data))
    }

    /// Starts a server on data that `make` makes.
    fn made(settings: &[&str], make: impl FnOnce(&Path)) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("terrace-postgres-")
            .tempdir_in("/tmp")
            .expect("a test has room for a folder");
        let is_root = is_root();
        give_to_server(is_root, folder.path());
        make(&folder.path().join("data"));
        let settings: Vec<String> = settings.iter().map(|&setting| setting.to_owned()).collect();
        let process = start(is_root, folder.path(), &settings);
        Self {
            process,
            folder,
            is_root,
            settings,
        }
    }

    /// The folder of its socket.
    #[must_use]
    pub fn socket(&self) -> &Path {
        self.folder.path()
    }

    /// The URL of its database.
    #[must_use]
    pub fn url(&self) -> String {
        let socket = self.socket().display().to_string().replace('/', "%2F");
        format!("postgres://terrace@{socket}/postgres")
    }

    /// Gives it a file in the folder of its data, which nobody else can read.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn put(&self, name: &str, content: &str) {
        let path = self.folder.path().join("data").join(name);
        std::fs::write(&path, content).expect("a test's own folder can be written");
        run(Command::new("chmod").arg("600").arg(&path));
        give_to_server(self.is_root, &path);
    }

    /// Runs statements as an administrator, and returns what they print: a line for each row.
    ///
    /// # Panics
    /// When one of them fails.
    pub fn run(&self, statements: &str) -> String {
        let output = Command::new(binaries().join("psql"))
            .args(["-X", "-q", "-A", "-t", "-U", "terrace", "-d", "postgres"])
            .args(["-v", "ON_ERROR_STOP=1", "-p", self.port(), "-h"])
            .arg(self.socket())
            .args(["-c", statements])
            .output()
            .expect("the tests need the client of postgresql-15");
        let printed = String::from_utf8_lossy(&output.stdout)
            .trim_end()
            .to_owned();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{statements}: {said}");
        printed
    }

    /// The port, which is part of the name of its socket.
    fn port(&self) -> &str {
        let mut settings = self.settings.iter();
        let port = settings.find_map(|setting| setting.strip_prefix("port="));
        port.unwrap_or("5432")
    }

    /// Has its disk take nothing any more.
    ///
    /// # Panics
    /// When it does not run.
    pub fn fill_disk(&self) {
        let limit = |id: &str| {
            let mut prlimit = as_user(self.is_root, Path::new("prlimit"));
            prlimit.args(["--fsize=0:unlimited", "--pid", id]);
            prlimit
                .stderr(Stdio::null())
                .status()
                .expect("Linux has it")
        };
        // First the parent: children that come from now on have its limit.
        let id = self.process.id().to_string();
        assert!(limit(&id).success(), "it cannot be limited");
        let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children"));
        // One may have ended.
        for child in children.unwrap_or_default().split_whitespace() {
            let _ = limit(child);
        }
    }

    /// Kills it at once, as a crash would.
    ///
    /// # Panics
    /// When it cannot be killed.
    pub fn kill(&mut self) {
        // `setpriv` became the server, so this kills the server.
        let id = self.process.id();
        let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children"));
        self.process.kill().expect("the server runs");
        self.process.wait().expect("the server is a child");
        let children = children.unwrap_or_default();
        children.split_whitespace().for_each(wait_for_end);
        // It keeps a new one from starting.
        let pid = self.folder.path().join("data/postmaster.pid");
        let _ = std::fs::remove_file(pid);
    }

    /// Starts it again on the same data.
    ///
    /// # Panics
    /// When it does not start.
    pub fn restart(&mut self) {
        self.process = start(self.is_root, self.folder.path(), &self.settings);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // An immediate shutdown, which also ends the server's children. One in a long query would outlive a killed server.
        if let Ok(None) = self.process.try_wait() {
            let pid = self.process.id().to_string();
            let _ = Command::new("kill").args(["-QUIT", &pid]).status();
            let _ = self.process.wait();
        }
    }
}

/// Copies an empty cluster, which the first test on a machine makes: that takes seconds.
fn copy_cluster(is_root: bool, data: &Path) {
    let binaries = binaries();
    let user = if is_root { "root" } else { "user" };
    let version = binaries.display().to_string().replace('/', "-");
    let template = std::env::temp_dir().join(format!("terrace-postgres-template-{user}{version}"));
    if !template.exists() {
        let made = tempfile::Builder::new()
            .prefix("terrace-postgres-")
            .tempdir_in(std::env::temp_dir())
            .expect("a test has room for a folder");
        give_to_server(is_root, made.path());
        make_cluster(is_root, &binaries, &made.path().join("data"));
        // If another test was faster, this one goes.
        let _ = std::fs::rename(made.path().join("data"), &template);
    }
    run(as_user(is_root, Path::new("cp"))
        .arg("-a")
        .arg(&template)
        .arg(data));
}

fn make_cluster(is_root: bool, binaries: &Path, data: &Path) {
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
        .arg(data)
        .stdout(Stdio::null());
    run(&mut initdb);
}

fn start(is_root: bool, folder: &Path, further: &[String]) -> Child {
    let mut postgres = as_user(is_root, &binaries().join("postgres"));
    postgres
        .arg("-D")
        .arg(folder.join("data"))
        .arg("-k")
        .arg(folder);
    let settings = [
        "listen_addresses=",
        "fsync=off",
        "full_page_writes=off",
        "autovacuum=off",
        "jit=off",
        "log_min_messages=log",
        "shared_buffers=64MB",
        // A long query ends after a crash of the server, because it looks for its client.
        "client_connection_check_interval=1s",
        // A second by default, for each deadlock.
        "deadlock_timeout=20ms",
    ];
    for setting in settings
        .into_iter()
        .chain(further.iter().map(String::as_str))
    {
        postgres.args(["-c", setting]);
    }
    postgres.stderr(Stdio::piped());
    for _ in 0..MAX_STARTS {
        let mut process = postgres.spawn().expect("the tests need postgresql-15");
        match wait_until("system is ready to accept", &mut process) {
            Ok(()) => return process,
            // The children of one that was killed have not noticed yet.
            Err(said) if said.contains("pre-existing shared memory") => {
                let _ = process.wait();
            }
            Err(said) => panic!("the server ended: {said}"),
        }
    }
    panic!("the children of the killed server do not end");
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
    let output = Command::new("id").arg("-u").output();
    output.expect("`id` is everywhere").stdout == b"0\n"
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

/// Has a file or a folder belong to the user that runs the server.
fn give_to_server(is_root: bool, path: &Path) {
    if is_root {
        run(Command::new("chown").arg("-R").arg(USER).arg(path));
    }
}

fn run(command: &mut Command) {
    let status = command.status();
    let succeeded = status.as_ref().is_ok_and(ExitStatus::success);
    assert!(
        succeeded,
        "{command:?} {status:?}; the tests need postgresql-15"
    );
}

/// Waits for a process that is not our child. One that nobody has waited for has no command line any more.
fn wait_for_end(process: &str) {
    let command = format!("/proc/{process}/cmdline");
    for _ in 0..MAX_LOOKS {
        if std::fs::read(&command).is_ok_and(|words| !words.is_empty()) {
            std::thread::sleep(LOOK_AGAIN);
        }
    }
}

/// Reads what a server says until it says that it is ready, and then has the rest read for nobody. The error is all that it said
/// before it ended.
fn wait_until(ready: &str, process: &mut Child) -> Result<(), String> {
    let stderr = process.stderr.take().expect("the output is piped");
    let mut lines = BufReader::new(stderr).lines();
    let mut said = String::new();
    let is_ready = lines.any(|line| {
        let line = line.unwrap_or_default();
        let is_ready = line.contains(ready);
        said.push_str(&line);
        said.push('\n');
        is_ready
    });
    if !is_ready {
        return Err(said);
    }
    // A full pipe would stop the server.
    std::thread::spawn(move || lines.for_each(drop));
    Ok(())
}
