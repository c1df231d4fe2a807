//! A Redis server of a test's own: a temporary folder, and a socket in it. The tests of the crate `terrace-storage` include this
//! file too.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

#[path = "redis/cluster.rs"]
pub mod cluster;

/// The variable with another program than `redis-server`, such as that of Valkey.
const PROGRAM: &str = "TERRACE_REDIS_SERVER";

/// The last words of Redis, or of Valkey, before it answers on its socket.
const READY: [&str; 2] = ["accept connections at", "accept connections unix"];

/// Attempts to find a port that nobody takes meanwhile.
const MAX_STARTS: u32 = 20;

/// A running server, which ends with the value.
#[derive(Debug)]
pub struct Server {
    process: Child,
    folder: TempDir,
    settings: Vec<String>,
    ports: Ports,
}

/// Where a server listens beside its socket. Zero is no port.
#[derive(Clone, Copy, Debug, Default)]
struct Ports {
    /// For clients: with TLS, if its settings have certificates.
    clients: u16,
    /// For the other servers of a Cluster.
    bus: u16,
}

impl Server {
    /// Starts a server that keeps nothing on the disk.
    ///
    /// # Panics
    /// When there is no Redis on this machine.
    #[must_use]
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// Starts a server with further settings, each a word and its values: `appendonly yes`.
    ///
    /// # Panics
    /// When there is no Redis on this machine.
    #[must_use]
    pub fn with(settings: &[&str]) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("terrace-redis-")
            .tempdir_in("/tmp")
            .expect("a test has room for a folder");
        let settings: Vec<String> = settings.iter().map(|&setting| setting.to_owned()).collect();
        let (process, ports) = start(folder.path(), &settings);
        Self {
            process,
            folder,
            settings,
            ports,
        }
    }

    /// Its socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("redis.sock")
    }

    /// Its URL, by its socket.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis+unix://{}", self.socket().display())
    }

    /// Its URL for a user who has no more than these rights, as `ACL SETUSER` takes them.
    ///
    /// # Panics
    /// When the server does not know such rights.
    #[must_use]
    pub fn url_with(&self, rights: &str) -> String {
        let mut user = vec!["ACL", "SETUSER", "few", "reset", "on", ">hush"];
        user.extend(rights.split(' '));
        assert_eq!(self.ask(&user), "OK");
        format!("{}?user=few&pass=hush", self.url())
    }

    /// Its port, if it is one of a Cluster or has certificates: then it is for TLS.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.ports.clients
    }

    /// Sends a command, and returns the first line of the answer without its type, or the text of a value.
    ///
    /// # Panics
    /// When it does not answer, or with an error.
    #[must_use]
    pub fn ask(&self, words: &[&str]) -> String {
        let mut stream = UnixStream::connect(self.socket()).expect("the server listens");
        let mut command = format!("*{}\r\n", words.len());
        for word in words {
            command.push_str(&format!("${}\r\n{word}\r\n", word.len()));
        }
        stream
            .write_all(command.as_bytes())
            .expect("the server listens");
        let mut answer = BufReader::new(&stream);
        let mut line = String::new();
        answer.read_line(&mut line).expect("the server answers");
        assert!(!line.starts_with('-'), "{words:?}: {line}");
        let first = line.trim_end();
        let length = first
            .strip_prefix('$')
            .and_then(|length| length.parse().ok());
        let Some(length) = length else {
            return first[1..].to_owned();
        };
        let mut value = vec![0; length];
        answer.read_exact(&mut value).expect("the server answers");
        let _ = stream.shutdown(Shutdown::Both);
        String::from_utf8(value).expect("a test asks for text")
    }

    /// Kills it, as a crash would.
    ///
    /// # Panics
    /// When it has no process any more.
    pub fn kill(&mut self) {
        self.process.kill().expect("it is a child of the test");
        let _ = self.process.wait();
    }

    /// Starts it again on the same data. Only a server of a Cluster has the same port.
    ///
    /// # Panics
    /// When it does not start.
    pub fn restart(&mut self) {
        if self.ports.bus == 0 {
            (self.process, self.ports) = start(self.folder.path(), &self.settings);
            return;
        }
        let again = try_start(self.folder.path(), &self.settings, self.ports);
        self.process = again.expect("nobody took its ports meanwhile");
    }

    /// Gives it a further setting, which it has from its next start on.
    pub fn set(&mut self, setting: &str) {
        self.settings.push(setting.to_owned());
    }

    /// Has it hang: it keeps its connections and does nothing.
    ///
    /// # Panics
    /// When there is no `kill`.
    pub fn hang(&self) {
        self.signal("-STOP");
    }

    /// Has it go on.
    ///
    /// # Panics
    /// When there is no `kill`.
    pub fn go_on(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let pid = self.process.id().to_string();
        let status = Command::new("kill").args([signal, &pid]).status();
        assert!(status.expect("`kill` is everywhere").success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Starts a server. It listens on its socket, and if it needs ports, on such as were free a moment before.
fn start(folder: &Path, settings: &[String]) -> (Child, Ports) {
    let has = |name: &str| settings.iter().any(|setting| setting.starts_with(name));
    for _ in 0..MAX_STARTS {
        let port_for = |needs: bool| if needs { free_port() } else { 0 };
        let ports = Ports {
            clients: port_for(has("tls-") || has("cluster-enabled")),
            bus: port_for(has("cluster-enabled")),
        };
        if let Some(process) = try_start(folder, settings, ports) {
            return (process, ports);
        }
    }
    panic!("redis-server does not start");
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("it is bound").port()
}

/// `None` if a port is taken.
fn try_start(folder: &Path, settings: &[String], ports: Ports) -> Option<Child> {
    // A test that is killed takes its server with it.
    let mut server = Command::new("setpriv");
    let program = std::env::var(PROGRAM).unwrap_or_else(|_| "redis-server".to_owned());
    server.args(["--pdeathsig", "KILL", &program]);
    let socket = folder.join("redis.sock");
    let is_secure = settings.iter().any(|setting| setting.starts_with("tls-"));
    let fixed = [
        format!("port {}", if is_secure { 0 } else { ports.clients }),
        "bind 127.0.0.1".to_owned(),
        format!("unixsocket {}", socket.display()),
        format!("dir {}", folder.display()),
        "save ''".to_owned(),
        "appendfsync no".to_owned(),
    ];
    for setting in fixed.iter().chain(settings) {
        let (name, values) = setting.split_once(' ').expect("a setting has a value");
        let values = values.split(' ').map(|value| value.trim_matches('\''));
        server.arg(format!("--{name}")).args(values);
    }
    if is_secure {
        server.args(["--tls-port", &ports.clients.to_string()]);
    }
    if ports.bus != 0 {
        server.args(["--cluster-port", &ports.bus.to_string()]);
    }
    // It would be taken for that of the new one.
    let _ = std::fs::remove_file(&socket);
    let spawned = server.stdout(Stdio::piped()).spawn();
    let mut process = spawned.expect("the tests need redis-server");
    let stdout = process.stdout.take().expect("the output is piped");
    let mut lines = BufReader::new(stdout).lines();
    let mut said = String::new();
    let is_ready = lines.any(|line| {
        let line = line.unwrap_or_default();
        said.push_str(&line);
        said.push('\n');
        READY.iter().any(|words| line.contains(words))
    });
    if is_ready {
        // A full pipe would stop the server.
        std::thread::spawn(move || lines.for_each(drop));
        return Some(process);
    }
    let _ = process.wait();
    assert!(said.contains("already in use"), "{said}");
    None
}
