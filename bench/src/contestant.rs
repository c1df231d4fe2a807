//! Who is measured: a server, how it is started, and what it is asked.

use std::{fs, io, net::SocketAddr, path::PathBuf};

use tokio::process::Command;

use crate::{Outcome, server::free_address};

/// What every hello answers.
pub(crate) const GREETING: &str = "Hello from Terrace";

/// The folder of a contestant in which it keeps what is to survive a restart, compiled code above all.
const STATE_FOLDER: &str = "state";

/// A server under one configuration, asked for one thing.
#[derive(Clone, Debug)]
pub(crate) struct Contestant {
    /// As it stands in the tables.
    pub(crate) name: String,
    /// Its program, or why there is none.
    pub(crate) program: Result<PathBuf, String>,
    /// How it is started.
    pub(crate) kind: Kind,
    /// A folder of its own, with its configuration.
    pub(crate) folder: PathBuf,
    /// What it is asked for.
    pub(crate) path: &'static str,
    /// What its answer contains; anything else would not be worth measuring.
    pub(crate) expects: &'static str,
    /// What Terrace's figure divided by its own is to be at least.
    pub(crate) aim: Option<f64>,
}

/// What a contestant is.
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
    /// nginx with a fixed response.
    Nginx,
    /// The limit, with the value of its `--threads`.
    Native { threads: &'static str },
}

impl Contestant {
    /// The same under another name.
    pub(crate) fn named(&self, name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..self.clone()
        }
    }

    /// The command that serves at `address`.
    ///
    /// # Errors
    /// When its program is missing or its files cannot be written.
    pub(crate) fn command(&self, address: SocketAddr) -> Outcome<Command> {
        let mut command = Command::new(self.program.as_ref().map_err(Clone::clone)?);
        let state = self.folder.join(STATE_FOLDER);
        fs::create_dir_all(&state)?;
        command.current_dir(&self.folder);
        match &self.kind {
            Kind::Terrace => {
                command.args(["up", "--json", "--from", "spin.toml", "--config"]);
                command.arg("terrace.toml").arg("--state-dir").arg(state);
                command.args(["--listen", &address.to_string()]);
                command.args(["--admin", &free_address()?.to_string()]);
            }
            Kind::WasmtimeServe {
                component,
                arguments,
            } => {
                let cache = format!("[cache]\ndirectory = {state:?}\n");
                fs::write(self.folder.join("cache.toml"), cache)?;
                // What a component of Rust's standard library and WASI 0.3 needs; all else is as it comes.
                command.args(["serve", "-Scli", "-Sp3", "-Wcomponent-model-async"]);
                command.args(["-Ccache-config=cache.toml", "--addr", &address.to_string()]);
                command.args(*arguments).arg(component);
            }
            Kind::Workerd => {
                self.write("hello.js", WORKERD_HANDLER)?;
                self.write("config.capnp", &workerd_config(address))?;
                command.args(["serve", "config.capnp"]);
            }
            Kind::Nginx => {
                self.write("nginx.conf", &nginx_config(address))?;
                command.arg("-p").arg(&self.folder);
                command.args(["-e", "stderr", "-c", "nginx.conf"]);
            }
            Kind::Native { threads } => {
                command.args(["--listen", &address.to_string(), "--threads", threads]);
            }
        }
        Ok(command)
    }

    /// Whether there is a difference between its first start and a later one.
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

    /// Where it keeps what is to survive a restart.
    pub(crate) fn state_folder(&self) -> PathBuf {
        self.folder.join(STATE_FOLDER)
    }

    fn write(&self, name: &str, content: &str) -> io::Result<()> {
        fs::write(self.folder.join(name), content)
    }
}

/// The hello of workerd, with the header fields of the others.
const WORKERD_HANDLER: &str = r#"export default {
  async fetch() {
    return new Response("Hello from Terrace\n", { headers: { "content-type": "text/plain; charset=utf-8" } });
  },
};
"#;

fn workerd_config(address: SocketAddr) -> String {
    format!(
        r#"using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [(name = "main", worker = .hello)],
  sockets = [(name = "http", address = "{address}", http = (), service = "main")],
);

const hello :Workerd.Worker = (
  modules = [(name = "hello.js", esModule = embed "hello.js")],
  compatibilityDate = "2026-01-01",
);
"#
    )
}

/// One worker process per core. The connections of the load generator are kept, as the others keep them: nginx would
/// close each after 1,000 requests.
fn nginx_config(address: SocketAddr) -> String {
    format!(
        r#"daemon off;
pid nginx.pid;
worker_processes auto;
events {{}}
http {{
  access_log off;
  keepalive_requests 1000000000;
  client_body_temp_path state/body;
  proxy_temp_path state/proxy;
  fastcgi_temp_path state/fastcgi;
  uwsgi_temp_path state/uwsgi;
  scgi_temp_path state/scgi;
  server {{
    listen {address};
    default_type "text/plain; charset=utf-8";
    location / {{ return 200 "Hello from Terrace\n"; }}
  }}
}}
"#
    )
}
