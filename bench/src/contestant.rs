//! A contestant: a server, how it starts, and its request.

mod configuration;

use std::{
    fs, io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
};

use tokio::process::Command;

pub(crate) use self::configuration::{CERTIFICATE, KEY};
use self::configuration::{
    WORKER_ENTRY, WORKERD_HANDLER, haproxy_config, nginx_cache_config, nginx_config,
    nginx_files_config, nginx_proxy_config, worker_config, workerd_config,
};
use crate::Outcome;

/// The response of every hello.
pub(crate) const GREETING: &str = "Hello from Terrace";

/// The folder for a contestant's state that survives a restart, mainly compiled code.
const STATE_FOLDER: &str = "state";

/// `wasmtime serve` with the switches that a component with Rust's standard library and WASI 0.3 needs, and its defaults
/// otherwise. Its address follows.
const WASMTIME_SERVE: [&str; 6] = [
    "serve",
    "-Scli",
    "-Sp3",
    "-Wcomponent-model-async",
    "-Ccache-config=cache.toml",
    "--addr",
];

/// nginx's arguments for its configuration, beside its folder.
const NGINX: [&str; 4] = ["-e", "stderr", "-c", "nginx.conf"];

/// Varnish in the foreground, in memory, as the calling user, with its defaults otherwise.
const VARNISH: [&str; 5] = ["-F", "-j", "none", "-s", "malloc,1g"];

/// A server with one configuration and one request.
#[derive(Clone, Debug)]
pub(crate) struct Contestant {
    /// Its name in the tables.
    pub(crate) name: String,
    /// Its program, or why there is none.
    pub(crate) program: Result<PathBuf, String>,
    /// How to start it.
    pub(crate) kind: Kind,
    /// Its own folder, with its configuration.
    pub(crate) folder: PathBuf,
    /// The path to request.
    pub(crate) path: &'static str,
    /// A part of the expected response. With any other response, the contestant has failed.
    pub(crate) expects: &'static str,
    /// The aim for Terrace's figure divided by this one's.
    pub(crate) aim: Option<f64>,
}

/// The kind of a contestant.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// `terrace up`, with `spin.toml` and `terrace.toml` in its folder.
    Terrace,
    /// `wasmtime serve` with a component and further arguments.
    WasmtimeServe {
        component: PathBuf,
        arguments: &'static [&'static str],
    },
    /// `workerd serve` with a handler in JavaScript.
    Workerd,
    /// `workerd serve` with a function of this repository, whose modules are in its folder.
    Worker,
    /// nginx with a fixed response.
    Nginx,
    /// nginx with the files in its folder.
    NginxFiles,
    /// `terrace edge` in front of its origins, with `terrace.toml` in its folder.
    TerraceEdge { origins: Vec<SocketAddr> },
    /// The same with a listener for `https` too, whose certificate is in its folder.
    TerraceEdgeTls {
        origin: SocketAddr,
        https: SocketAddr,
    },
    /// nginx with its cache in front of an origin.
    NginxCache { origin: SocketAddr },
    /// The same with a listener for `https` and HTTP/2 too, whose certificate is in its folder.
    NginxCacheTls {
        origin: SocketAddr,
        https: SocketAddr,
    },
    /// nginx in front of an origin, without a cache.
    NginxProxy { origin: SocketAddr },
    /// HAProxy in front of an origin.
    Haproxy { origin: SocketAddr },
    /// Varnish in front of an origin.
    Varnish { origin: SocketAddr },
    /// A native server that is a limit, with its arguments.
    Native { arguments: Vec<String> },
}

impl Contestant {
    /// The same under another name.
    pub(crate) fn named(&self, name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..self.clone()
        }
    }

    /// The command that serves at `address`, and if it is Terrace, its admin listener at `admin`.
    ///
    /// # Errors
    /// When its program is missing or its files cannot be written.
    pub(crate) fn command(&self, address: SocketAddr, admin: SocketAddr) -> Outcome<Command> {
        let (mut command, state) = self.begin()?;
        match &self.kind {
            Kind::Terrace => {
                command.args(["up", "--json", "--from", "spin.toml", "--config"]);
                command.arg("terrace.toml").arg("--state-dir").arg(state);
                listen(&mut command, [address, admin]);
            }
            Kind::WasmtimeServe {
                component,
                arguments,
            } => {
                self.write("cache.toml", &format!("[cache]\ndirectory = {state:?}\n"))?;
                command.args(WASMTIME_SERVE).arg(address.to_string());
                command.args(*arguments).arg(component);
            }
            Kind::Workerd => {
                self.write("hello.js", WORKERD_HANDLER)?;
                self.write("config.capnp", &workerd_config(address))?;
                command.args(["serve", "config.capnp"]);
            }
            Kind::Worker => {
                self.write("config.capnp", &worker_config(address, &self.modules()?))?;
                // workerd's own D1 is experimental.
                command.args(["serve", "--experimental", "config.capnp"]);
            }
            Kind::Nginx
            | Kind::NginxFiles
            | Kind::NginxCache { .. }
            | Kind::NginxCacheTls { .. }
            | Kind::NginxProxy { .. } => self.configure_nginx(&mut command, address)?,
            Kind::TerraceEdge { origins } => edge(&mut command, &state, [address, admin], origins),
            Kind::TerraceEdgeTls { origin, .. } => {
                edge(&mut command, &state, [address, admin], &[*origin]);
            }
            Kind::Haproxy { origin } => {
                self.write("haproxy.cfg", &haproxy_config(address, *origin))?;
                command.args(["-db", "-f", "haproxy.cfg"]);
            }
            Kind::Varnish { origin } => {
                let [address, origin] = [address, *origin].map(|address| address.to_string());
                command.args(VARNISH).args(["-a", &address, "-b", &origin]);
                command.arg("-n").arg(&state);
            }
            Kind::Native { arguments } => {
                command.args(["--listen", &address.to_string()]);
                command.args(arguments);
            }
        }
        Ok(command)
    }

    fn configure_nginx(&self, command: &mut Command, address: SocketAddr) -> io::Result<()> {
        let config = match self.kind {
            Kind::NginxCache { origin } => nginx_cache_config(address, None, origin),
            Kind::NginxCacheTls { origin, https } => {
                nginx_cache_config(address, Some(https), origin)
            }
            Kind::NginxProxy { origin } => nginx_proxy_config(address, origin),
            Kind::NginxFiles => nginx_files_config(address),
            _ => nginx_config(address),
        };
        self.write("nginx.conf", &config)?;
        command.arg("-p").arg(&self.folder).args(NGINX);
        Ok(())
    }

    /// Its program in its folder, and the folder of its state.
    fn begin(&self) -> Outcome<(Command, PathBuf)> {
        let mut command = Command::new(self.program.as_ref().map_err(Clone::clone)?);
        command.current_dir(&self.folder);
        let state = self.state_folder();
        fs::create_dir_all(&state)?;
        Ok((command, state))
    }

    /// The URL of its request on a server at `address`, or on that server's listener for `https`.
    pub(crate) fn url(&self, address: SocketAddr) -> String {
        match self.kind {
            Kind::TerraceEdgeTls { https, .. } | Kind::NginxCacheTls { https, .. } => {
                format!("https://{https}{}", self.path)
            }
            _ => format!("http://{address}{}", self.path),
        }
    }

    /// Whether its first start differs from a later one.
    pub(crate) fn keeps_compiled_code(&self) -> bool {
        matches!(self.kind, Kind::Terrace | Kind::WasmtimeServe { .. })
    }

    /// Makes its next start the first one.
    ///
    /// # Errors
    /// When its folder cannot be removed.
    pub(crate) fn forget(&self) -> io::Result<()> {
        match fs::remove_dir_all(self.state_folder()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Its folder for state that survives a restart.
    pub(crate) fn state_folder(&self) -> PathBuf {
        self.folder.join(STATE_FOLDER)
    }

    /// The names of a worker's modules: first the one that handles requests.
    fn modules(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for file in fs::read_dir(&self.folder)? {
            let name = file?.file_name().to_string_lossy().into_owned();
            if [".js", ".wasm"].iter().any(|end| name.ends_with(end)) {
                names.push(name);
            }
        }
        names.sort_by_key(|name| name != WORKER_ENTRY);
        Ok(names)
    }

    fn write(&self, name: &str, content: &str) -> io::Result<()> {
        fs::write(self.folder.join(name), content)
    }
}

/// Has Terrace serve as an edge.
fn edge(terrace: &mut Command, state: &Path, at: [SocketAddr; 2], origins: &[SocketAddr]) {
    terrace.args(["edge", "--json", "--config", "terrace.toml", "--state-dir"]);
    terrace.arg(state);
    for origin in origins {
        terrace.arg("--origin").arg(format!("http://{origin}"));
    }
    listen(terrace, at);
}

/// Sets Terrace's addresses.
fn listen(terrace: &mut Command, [address, admin]: [SocketAddr; 2]) {
    terrace.args(["--listen", &address.to_string()]);
    terrace.args(["--admin", &admin.to_string()]);
}

/// An address of this machine at which nothing listens now.
pub(crate) fn free_address() -> Outcome<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}
