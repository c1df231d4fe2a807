//! Starts Redis and NATS for a cluster and for the bench. Postgres has a module of its own.

use std::{
    fs, io,
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use crate::{Outcome, child::Program, process};

/// The time for a server to listen.
const MAX_START_TIME: Duration = Duration::from_secs(60);

/// The interval at which a starting server is asked.
const START_POLL_INTERVAL: Duration = Duration::from_millis(20);

/// A program that gets SIGTERM when this process ends, however that ends.
pub(crate) fn ending_with_this(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "TERM"]).arg(program);
    command
}

/// A Redis server that keeps nothing on disk. It ends with this.
pub(crate) struct Redis {
    pub(crate) port: u16,
    _program: Program,
}

impl Redis {
    /// # Errors
    /// When it does not start.
    pub(crate) fn start(folder: &Path) -> Outcome<Self> {
        let port = free_port()?;
        let mut redis = ending_with_this(Path::new("redis-server"));
        redis.args(["--bind", "127.0.0.1", "--port", &port.to_string()]);
        redis
            .args(["--save", "", "--appendonly", "no", "--dir"])
            .arg(folder);
        redis.arg("--logfile").arg(folder.join("redis.log"));
        let redis = Self {
            port,
            _program: Program::start(&mut redis)?,
        };
        until_it_listens("Redis", port)?;
        Ok(redis)
    }
}

/// A NATS server that writes through, unless it is too old for that. It ends with this.
pub(crate) struct Nats {
    pub(crate) url: String,
    _program: Program,
}

impl Nats {
    /// Starts a program with its data in a folder, which loses those of an earlier start. `more` are further settings.
    ///
    /// # Errors
    /// When it does not start.
    pub(crate) fn start(program: &Path, folder: &Path, more: &str) -> Outcome<Self> {
        let port = free_port()?;
        let file = folder.join("nats.conf");
        let store = folder.join("nats");
        fs::create_dir_all(folder)?;
        // The streams of an earlier run are of another database.
        let _ = fs::remove_dir_all(&store);
        let version = process::output(Command::new(program).arg("--version"))?;
        // Debian's server knows intervals only.
        let through = if version.contains("v2.9.") {
            ""
        } else {
            ", sync_interval: always"
        };
        let settings = format!(
            "listen: \"127.0.0.1:{port}\"\njetstream {{ store_dir: {store:?}{through} }}\n{more}"
        );
        fs::write(&file, settings)?;
        let mut nats = ending_with_this(program);
        nats.arg("-c").arg(&file);
        nats.arg("--log").arg(folder.join("nats.log"));
        let nats = Self {
            url: format!("nats://127.0.0.1:{port}"),
            _program: Program::start(&mut nats)?,
        };
        until_it_listens("NATS", port)?;
        Ok(nats)
    }
}

/// A port that nobody has now.
///
/// # Errors
/// When there is none.
pub(crate) fn free_port() -> io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}

fn until_it_listens(name: &str, port: u16) -> Outcome {
    let listens = || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok();
    until(&format!("{name} does not start"), listens)
}

/// Waits until a starting server is ready.
///
/// # Errors
/// What goes wrong, when that takes too long.
pub(crate) fn until(wrong: &str, is_ready: impl Fn() -> bool) -> Outcome {
    let deadline = Instant::now() + MAX_START_TIME;
    while !is_ready() {
        if Instant::now() > deadline {
            return Err(wrong.into());
        }
        thread::sleep(START_POLL_INTERVAL);
    }
    Ok(())
}
