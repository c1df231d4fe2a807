//! Installs the Postgres server and the pooler that the tests of databases start, and starts a server for the sample app and the
//! bench. The tests start their own.

use std::{
    fs::{self, File},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{Outcome, apt, process};

/// The package of the server.
const PACKAGE: &str = "postgresql-15";

/// The package of the extension with which indexes are tried.
const EXTENSION: &str = "postgresql-15-hypopg";

/// The port of a server, and the name of its socket, which has it.
pub(crate) const PORT: u16 = 5432;
pub(crate) const SOCKET: &str = ".s.PGSQL.5432";

/// The user that runs the server where this task runs as root, which Postgres refuses.
const SERVER_USER: &str = "nobody";

/// The time for a server to be ready. After a crash it reads its log first.
const MAX_START_TIME: Duration = Duration::from_secs(60);

/// The interval at which a starting server is asked.
const START_POLL_INTERVAL: Duration = Duration::from_millis(50);

/// The longest path of a socket that Linux takes, in bytes.
const MAX_SOCKET_PATH_BYTES: usize = 107;

/// Lines of a server's log to show if it does not start.
const SHOWN_LINES: usize = 3;

/// The package of the pooler, and its program.
const POOLER: &str = "pgbouncer";

/// Debian keeps the servers here, each version in a folder of its own.
const FOLDER: &str = "/usr/lib/postgresql";

/// The oldest version that the tests take.
const OLDEST: u32 = 15;

/// Debian reads here whether a server that is installed gets a database at once.
const SETTINGS: &str = "/etc/postgresql-common/createcluster.d";

/// The file that says no while the server is installed.
const SETTINGS_FILE: &str = "terrace.conf";

/// Installs what the tests start: a server and a pooler.
///
/// # Errors
/// When this is not Debian, or the user may not install packages, or apt fails; the message names the package.
pub(crate) fn install_for_tests() -> Outcome {
    install()?;
    if Path::new("/usr/sbin").join(POOLER).exists()
        || process::succeeds(Command::new(POOLER).arg("--version"))
    {
        return Ok(());
    }
    apt::check()
        .and_then(|()| apt::install_without_service(POOLER, POOLER))
        .map_err(|error| format!("{error}\nThe tests start a pooler: install {POOLER}").into())
}

/// Installs [`PACKAGE`] and [`EXTENSION`], unless there is a server already. Nothing is started, and no configuration stays behind.
///
/// # Errors
/// When this is not Debian, or the user may not install packages, or apt fails; the message names the package.
pub(crate) fn install() -> Outcome {
    if has_server(Path::new(FOLDER)) || process::succeeds(Command::new("postgres").arg("--version"))
    {
        return Ok(());
    }
    apt::check()
        .and_then(|()| without_cluster(|| apt::install(&[PACKAGE, EXTENSION])))
        .map_err(|error| format!("{error}\nThe tests start Postgres: install {PACKAGE}").into())
}

/// Starts a server with its data in a folder, which is made if it is missing, and returns the URL of its database. It listens on
/// a socket in that folder only. It ends with this process, also if this process has become another program.
///
/// # Errors
/// When it does not start; the message has its last words.
pub(crate) fn serve(folder: &Path) -> Outcome<String> {
    let socket = folder.join(SOCKET);
    if socket.as_os_str().len() > MAX_SOCKET_PATH_BYTES {
        let path = folder.display();
        return Err(
            format!("{path} is too long for the path of a socket: set CARGO_TARGET_DIR").into(),
        );
    }
    let is_root = hand_over(folder)?;
    if !process::succeeds(as_server(is_root, Path::new("test")).arg("-w").arg(folder)) {
        let path = folder.display();
        return Err(format!("the user {SERVER_USER}, who runs Postgres for root, cannot reach {path}: set CARGO_TARGET_DIR").into());
    }
    let data = folder.join("data");
    if !data.join("PG_VERSION").exists() {
        let mut initdb = as_server(is_root, &program("initdb"));
        initdb.args([
            "--username=app",
            "--auth=trust",
            "--encoding=UTF8",
            "--pgdata",
        ]);
        process::run(initdb.arg(&data).stdout(Stdio::null()))?;
    }
    let log = folder.join("server.log");
    let mut server = start(is_root, folder, &data, &log)?;
    wait_until_ready(&mut server, folder, &log)?;
    let folder = folder
        .display()
        .to_string()
        .replace('%', "%25")
        .replace('/', "%2F");
    Ok(format!("postgres://app@{folder}/postgres"))
}

/// Starts a server that follows another one, with its data in a new folder. The other is reached at a socket in a folder, or at an
/// address of this machine. Returns the URL of its database.
///
/// # Errors
/// As [`serve`].
pub(crate) fn follow(folder: &Path, primary: &Path, port: u16) -> Outcome<String> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    let is_root = hand_over(folder)?;
    let mut backup = as_server(is_root, &program("pg_basebackup"));
    backup.args([
        "--username=app",
        "--checkpoint=fast",
        "--write-recovery-conf",
    ]);
    backup
        .arg("--host")
        .arg(primary)
        .args(["--port", &port.to_string()]);
    process::run(backup.arg("--pgdata").arg(folder.join("data")))?;
    serve(folder)
}

/// The same with an empty database.
///
/// # Errors
/// As [`serve`].
pub(crate) fn serve_new(folder: &Path) -> Outcome<String> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    serve(folder)
}

/// Makes a folder that belongs to whoever runs the server. Whether this process is root's.
fn hand_over(folder: &Path) -> Outcome<bool> {
    let is_root = process::output(Command::new("id").arg("-u"))? == "0";
    fs::create_dir_all(folder)?;
    if is_root {
        process::run(Command::new("chown").arg(SERVER_USER).arg(folder))?;
    }
    Ok(is_root)
}

fn start(is_root: bool, folder: &Path, data: &Path, log: &Path) -> Outcome<Child> {
    let file = File::create(log)?;
    let mut postgres = as_server(is_root, &program("postgres"));
    postgres.arg("-D").arg(data).arg("-k").arg(folder);
    postgres.args([
        "-c",
        "listen_addresses=",
        "-c",
        "unix_socket_permissions=0700",
    ]);
    postgres
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file);
    // Ctrl-C ends the app, and the app's end ends the server.
    postgres.process_group(0);
    let started = postgres.spawn();
    started.map_err(|error| process::cannot_start(&postgres, &error).into())
}

fn wait_until_ready(server: &mut Child, folder: &Path, log: &Path) -> Outcome {
    let deadline = Instant::now() + MAX_START_TIME;
    loop {
        let mut ready = Command::new(program("pg_isready"));
        if process::succeeds(ready.arg("--quiet").arg("--host").arg(folder)) {
            return Ok(());
        }
        if server.try_wait()?.is_some() || Instant::now() > deadline {
            let said = fs::read_to_string(log).unwrap_or_default();
            let lines: Vec<_> = said.lines().collect();
            let last = &lines[lines.len().saturating_sub(SHOWN_LINES)..];
            return Err(format!("Postgres does not start: {}", last.join("\n")).into());
        }
        thread::sleep(START_POLL_INTERVAL);
    }
}

/// A program of the newest server; that in `PATH` where none is in Debian's place.
fn program(name: &str) -> PathBuf {
    let versions = Path::new(FOLDER).read_dir().into_iter().flatten().flatten();
    let numbers = versions.filter_map(|version| version.file_name().to_str()?.parse::<u32>().ok());
    let paths = numbers.map(|number| {
        (
            number,
            Path::new(FOLDER).join(format!("{number}/bin/{name}")),
        )
    });
    let newest = paths.filter(|(_, path)| path.exists()).max();
    newest.map_or_else(|| name.into(), |(_, path)| path)
}

/// A program of the server, which ends when this process does.
fn as_server(is_root: bool, program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "INT"]);
    if is_root {
        command.args([
            "--reuid",
            SERVER_USER,
            "--regid",
            "nogroup",
            "--clear-groups",
        ]);
    }
    command.arg(program).current_dir("/");
    command
}

/// Installs a server without a database that Debian would start with the machine.
fn without_cluster(install: impl FnOnce() -> Outcome) -> Outcome {
    let write = format!(
        "mkdir -p {SETTINGS} && echo 'create_main_cluster = false' >{SETTINGS}/{SETTINGS_FILE}"
    );
    process::run(apt::as_root("sh")?.args(["-c", &write]))?;
    let installed = install();
    let file = format!("{SETTINGS}/{SETTINGS_FILE}");
    process::run(apt::as_root("rm")?.arg(file))?;
    installed
}

/// Whether a folder of servers has one that is new enough.
fn has_server(folder: &Path) -> bool {
    let versions = folder.read_dir().into_iter().flatten().flatten();
    versions.into_iter().any(|version| {
        let number = version.file_name().to_string_lossy().parse::<u32>();
        number.is_ok_and(|number| number >= OLDEST) && version.path().join("bin/postgres").exists()
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use std::process::Command;

    use super::{has_server, process, program, serve, serve_new};

    fn answer(url: &str, query: &str) -> String {
        let mut psql = Command::new(program("psql"));
        psql.args(["--no-psqlrc", "--tuples-only", "--no-align", url, "-c"]);
        process::output(psql.arg(query)).unwrap()
    }

    #[test]
    fn data_of_a_server_is_kept_until_a_new_one_is_wanted() {
        let folder = tempfile::Builder::new()
            .prefix("terrace-xtask-")
            .tempdir_in("/tmp")
            .unwrap();
        // Whoever runs the server may be another user.
        let folder = folder.path().with_extension("postgres");
        let serve_and = |serve: &(dyn Fn() -> String + Sync), query: &str| {
            std::thread::scope(|scope| {
                // The server ends with the thread that started it.
                scope.spawn(|| answer(&serve(), query)).join().unwrap()
            })
        };
        let new = || serve_new(&folder).unwrap();
        let same = || {
            // The one before takes a moment to end.
            let lock = folder.join("data/postmaster.pid");
            while lock.exists() {
                std::thread::yield_now();
            }
            serve(&folder).unwrap()
        };
        serve_and(&new, "CREATE TABLE kept (id int)");
        assert_eq!(serve_and(&same, "SELECT count(*) FROM kept"), "0");
        while folder.join("data/postmaster.pid").exists() {
            std::thread::yield_now();
        }
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn server_counts_only_if_it_is_new_enough_and_complete() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!has_server(folder.path()));
        for (version, expected) in [("13", false), ("15", true)] {
            let bin = folder.path().join(version).join("bin");
            fs::create_dir_all(&bin).unwrap();
            assert!(!has_server(folder.path()));
            fs::write(bin.join("postgres"), "").unwrap();
            assert_eq!(has_server(folder.path()), expected);
        }
    }
}
