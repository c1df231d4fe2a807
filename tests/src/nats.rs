//! A NATS server with JetStream of a test's own, which writes through to a temporary folder. The tests of the crate `terrace-storage`
//! include this file too.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// The variable with the program, if it is not `nats-server` on the `PATH`.
const PROGRAM: &str = "TERRACE_NATS_SERVER";

/// Its words before the address at which it listens, and those when it is ready.
const LISTENING: &str = "Listening for client connections on ";
const READY: &str = "Server is ready";

/// The version of Debian 12, which knows no writing through.
const OLD: &str = "v2.9.";

/// A running server, which ends with the value.
#[derive(Debug)]
pub struct Server {
    process: Child,
    folder: TempDir,
    address: SocketAddr,
    settings: String,
}

impl Server {
    /// Starts a server.
    ///
    /// # Panics
    /// When there is no NATS server on this machine.
    #[must_use]
    pub fn start() -> Self {
        Self::with("")
    }

    /// Starts a server with further lines of its settings.
    ///
    /// # Panics
    /// When there is no NATS server on this machine.
    #[must_use]
    pub fn with(settings: &str) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("terrace-nats-")
            .tempdir_in("/tmp")
            .expect("a test has room for a folder");
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        let (process, address) = start(&folder, free, settings);
        Self {
            process,
            folder,
            address,
            settings: settings.to_owned(),
        }
    }

    /// Starts three servers that keep what they have together.
    ///
    /// # Panics
    /// As [`Server::start`].
    #[must_use]
    pub fn three() -> [Self; 3] {
        let free = || {
            let listener = TcpListener::bind(("127.0.0.1", 0));
            let address = listener.and_then(|listener| listener.local_addr());
            address.expect("a test has room for a port").port()
        };
        let ports = [free(), free(), free()];
        let routes = ports.map(|port| format!("\"nats-route://127.0.0.1:{port}\""));
        let routes = routes.join(", ");
        let start = |port| {
            Self::with(&format!(
                "server_name: \"s{port}\"\ncluster {{ name: tested, listen: \"127.0.0.1:{port}\", routes: [{routes}] }}"
            ))
        };
        ports.map(start)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("nats://{}", self.address)
    }

    /// Kills it at once, as a crash would.
    ///
    /// # Panics
    /// When it does not run.
    pub fn kill(&mut self) {
        self.process.kill().expect("the server runs");
        self.process.wait().expect("the server is a child");
    }

    /// Starts it again at the same address, on the same data.
    ///
    /// # Panics
    /// When it does not start.
    pub fn restart(&mut self) {
        (self.process, _) = start(&self.folder, self.address, &self.settings);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn start(folder: &TempDir, address: SocketAddr, settings: &str) -> (Child, SocketAddr) {
    let named = std::env::var_os(PROGRAM).filter(|named| !named.is_empty());
    let program = named.unwrap_or_else(|| "nats-server".into());
    let version = Command::new(&program).arg("--version").output();
    let version = version.expect("the tests need a NATS server: `cargo xtask test` installs one");
    let is_old = String::from_utf8_lossy(&version.stdout).contains(OLD);
    let port = match address.port() {
        0 => "-1".to_owned(),
        port => port.to_string(),
    };
    let mut text = format!("listen: \"{}:{port}\"\n", address.ip());
    let through = if is_old {
        ""
    } else {
        ", sync_interval: always"
    };
    let store = folder.path().join("data");
    // Writing to a `String` cannot fail.
    let _ = writeln!(
        text,
        "jetstream {{ store_dir: {store:?}{through} }}\n{settings}"
    );
    let file = folder.path().join("nats.conf");
    fs::write(&file, text).expect("a test's own folder can be written");
    let mut process = Command::new(&program)
        .arg("-c")
        .arg(&file)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program was there");
    let stderr = process.stderr.take().expect("it is piped");
    let mut lines = BufReader::new(stderr).lines();
    let (mut listening, mut said) = (None, String::new());
    for line in lines.by_ref() {
        let line = line.expect("the server writes text");
        if let Some((_, address)) = line.split_once(LISTENING) {
            listening = address.trim().parse().ok();
        }
        let is_ready = line.contains(READY);
        said += &line;
        said.push('\n');
        if is_ready {
            break;
        }
    }
    let Some(listening) = listening else {
        panic!("the NATS server does not start:\n{said}");
    };
    // A full pipe would stop the server.
    std::thread::spawn(move || lines.for_each(drop));
    (process, listening)
}
