//! `cargo xtask cluster`: several nodes that share Postgres and Redis, an edge in front of them or two in two regions, and the load of
//! conduit's users. The load is left to the bench's program `journeys`.

mod link;
mod messages;
mod regions;

use std::{
    fs::{self, File},
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Duration,
};

use clap::{Args, ValueEnum};
use serde_json::Value;

use regions::Regions;

use crate::{
    Outcome,
    child::Program,
    postgres, process, setup,
    stores::{Redis, ending_with_this},
    test_servers, up,
    workspace::Workspace,
};

/// The time for a server to be ready. Its first start compiles its components.
const MAX_START_TIME: Duration = Duration::from_secs(120);

/// The address of the edge.
const EDGE: &str = "127.0.0.1:3000";

/// What a server trusts that has proxies before it on this machine.
const SERVED_LOCALLY: &str = "[listen]\ntrusted_proxies = [\"127.0.0.1\"]\n";

/// How large the site is, in users.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Rung {
    /// An edge before nodes that share Postgres and Redis
    #[value(name = "10k")]
    TenThousand,
    /// Two regions, 40 ms from each other: an edge and a replica in both, a shield before the nodes of one
    #[value(name = "100k")]
    HundredThousand,
}

/// How the cluster is started and loaded.
#[derive(Args)]
pub(crate) struct Options {
    /// How many nodes serve the app
    #[arg(default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=32))]
    nodes: u8,
    /// How large the site is
    #[arg(long, value_enum, default_value = "10k")]
    rung: Rung,
    /// Users who come in each second; each makes nine steps
    #[arg(long, default_value_t = 10)]
    rate: u32,
    /// Seconds in which users come
    #[arg(long, default_value_t = 20)]
    seconds: u32,
    /// Go on to serve after the load, until Ctrl-C
    #[arg(long)]
    stay: bool,
    /// The address of the edge
    #[arg(long, default_value = EDGE)]
    listen: SocketAddr,
}

/// A process of the cluster. It ends with this.
struct Member {
    name: String,
    /// Where it serves clients.
    http: String,
    /// Where its metrics are.
    admin: String,
    _program: Program,
}

/// Starts everything, puts the load on the edge, and prints what the users met. Whether every request had the right answer.
///
/// # Errors
/// When something does not build or start.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Outcome<bool> {
    test_servers::redis()?;
    postgres::install()?;
    eprintln!("building the server, the functions and the load; the first time takes some minutes");
    build(workspace)?;
    let place = Place {
        root: workspace.root.clone(),
        programs: workspace.target.join(up::PROFILE),
        folder: workspace.target.join("cluster"),
    };
    let _held = hold(&place.folder)?;
    match options.rung {
        Rung::TenThousand => one_region(&place, options),
        Rung::HundredThousand => two_regions(&place, options),
    }
}

/// An edge before nodes that share Postgres and Redis.
fn one_region(place: &Place, options: &Options) -> Outcome<bool> {
    let database = postgres::serve_new(&place.folder.join("postgres"))?;
    let redis = Redis::start(&place.folder)?;
    write_settings(&place.folder, &database, redis.port)?;
    let nodes = (1..=options.nodes).map(|number| place.node(number));
    let nodes = nodes.collect::<Outcome<Vec<_>>>()?;
    let origins: Vec<_> = nodes.iter().map(|node| node.http.clone()).collect();
    let edge = place.edge("edge", &options.listen.to_string(), &origins)?;
    place.tell(&nodes, &[&edge]);
    let members: Vec<_> = nodes.iter().chain([&edge]).collect();
    place.load(options, &members, &[&edge])
}

/// Two regions.
fn two_regions(place: &Place, options: &Options) -> Outcome<bool> {
    let Regions {
        nodes,
        shield,
        edges: [home, far],
        ..
    } = &Regions::start(place, options)?;
    place.tell(nodes, &[home, far]);
    let members: Vec<_> = nodes.iter().chain([shield, home, far]).collect();
    place.load(options, &members, &[home, far])
}

/// Builds the server, the functions and the load.
fn build(workspace: &Workspace) -> Outcome {
    up::build(workspace, setup::guest_toolchain()?)?;
    let mut build = workspace.cargo()?;
    build.args(["build", "--quiet", "--package", "terrace-bench"]);
    process::run(build.args(["--bin", "journeys", "--profile", up::PROFILE]))
}

/// Where a cluster finds its programs and keeps its files.
struct Place {
    root: PathBuf,
    programs: PathBuf,
    folder: PathBuf,
}

impl Place {
    fn node(&self, number: u8) -> Outcome<Member> {
        let name = format!("node {number}");
        let mut node = self.terrace("up", "node.toml", &format!("node-{number}"));
        node.args(["--listen", "127.0.0.1:0"]);
        Member::start(&name, &mut node, &self.folder)
    }

    /// An edge with the settings of its name.
    fn edge(&self, name: &str, listen: &str, origins: &[String]) -> Outcome<Member> {
        let file = name.replace(' ', "-");
        let mut edge = self.terrace("edge", &format!("{file}.toml"), &file);
        edge.args(["--listen", listen]);
        for origin in origins {
            edge.args(["--origin", origin]);
        }
        Member::start(name, &mut edge, &self.folder)
    }

    fn tell(&self, nodes: &[Member], edges: &[&Member]) {
        let edges: Vec<_> = edges.iter().map(|edge| edge.http.as_str()).collect();
        let (count, edges) = (nodes.len(), edges.join(" and "));
        let folder = self.folder.display();
        eprintln!("{count} nodes serve behind {edges}; the logs are in {folder}");
    }

    fn terrace(&self, command: &str, settings: &str, state: &str) -> Command {
        let mut terrace = ending_with_this(&self.programs.join("terrace"));
        terrace.current_dir(&self.root).arg(command);
        terrace.arg("--config").arg(self.folder.join(settings));
        terrace.arg("--state-dir").arg(self.folder.join(state));
        terrace
    }

    /// Puts the load on the edges, which prints what it met of these members. Whether every request had the right answer.
    fn load(&self, options: &Options, members: &[&Member], edges: &[&Member]) -> Outcome<bool> {
        let mut journeys = ending_with_this(&self.programs.join("journeys"));
        journeys.args(["--rate", &options.rate.to_string()]);
        journeys.args(["--seconds", &options.seconds.to_string()]);
        for edge in edges {
            journeys.args(["--address", edge.http.trim_start_matches("http://")]);
        }
        for member in members {
            let admin = member.admin.trim_start_matches("http://");
            let process = format!("{}={admin}", member.name);
            journeys.args(["--process", &process]);
        }
        let status = journeys.arg("--output").arg(&self.folder).status();
        let status = status.map_err(|error| process::cannot_start(&journeys, &error))?;
        if options.stay {
            eprintln!("the cluster goes on until Ctrl-C");
            // Ctrl-C goes to all processes of the terminal, which end by themselves.
            thread::park();
        }
        Ok(status.success())
    }
}

/// The settings of the nodes and of the edge.
fn write_settings(folder: &Path, database: &str, redis: u16) -> io::Result<()> {
    let cache = cache(redis);
    // A file would be each node's own, and then both would send what is in the outbox.
    let node = format!(
        "{SERVED_LOCALLY}[sql.default]\nurl = {database:?}\nconnections = 8\n[queue]\nurl = {database:?}\nconnections = 8\n{cache}"
    );
    fs::write(folder.join("node.toml"), node)?;
    fs::write(folder.join("edge.toml"), cache)
}

/// The settings of a server's cache. Each process would print a line for each request, which nobody reads.
fn cache(redis: u16) -> String {
    format!("[log]\naccess = \"off\"\n[cache]\nshared = \"redis://127.0.0.1:{redis}/1\"\n")
}

impl Member {
    /// Starts it, and waits until it says that it is ready.
    fn start(name: &str, command: &mut Command, folder: &Path) -> Outcome<Self> {
        let log = folder.join(name.replace(' ', "-")).with_extension("log");
        command.args(["--admin", "127.0.0.1:0", "--json"]);
        let mut program = Program::start(command.stderr(File::create(&log)?))?;
        let ready = program.wait_for("`ready` line", MAX_START_TIME, addresses);
        let (http, admin) = ready.map_err(|error| format!("{error}: see {}", log.display()))?;
        Ok(Self {
            name: name.to_owned(),
            http,
            admin,
            _program: program,
        })
    }
}

/// The addresses of a ready line.
fn addresses(said: &Value) -> Option<(String, String)> {
    if said["event"] != "ready" {
        return None;
    }
    let address = |name: &str| said[name].as_str().map(str::to_owned);
    Some((address("http")?, address("admin")?))
}

/// Holds the folder of a cluster, whose files one cluster has at a time.
///
/// # Errors
/// When another cluster of this clone runs.
fn hold(folder: &Path) -> Outcome<File> {
    fs::create_dir_all(folder)?;
    let lock = File::create(folder.join("lock"))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(error) => {
            let folder = folder.display();
            let what = format!("a cluster of this clone runs already ({folder}: {error})");
            Err(format!("{what}: end it first, or set CARGO_TARGET_DIR").into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_in_the_ready_line_only() {
        let line = r#"{"event":"ready","app":"a","http":"http://127.0.0.1:1","admin":"http://127.0.0.1:2"}"#;
        let expected = (
            "http://127.0.0.1:1".to_owned(),
            "http://127.0.0.1:2".to_owned(),
        );
        let read = |line: &str| addresses(&serde_json::from_str(line).unwrap());
        assert_eq!(read(line), Some(expected));
        assert_eq!(read(r#"{"event":"request"}"#), None);
    }

    #[test]
    fn a_second_cluster_of_a_clone_is_refused_until_the_first_ends() {
        let folder = tempfile::tempdir().unwrap();
        let held = hold(folder.path()).unwrap();
        let refused = hold(folder.path()).unwrap_err().to_string();
        assert!(refused.contains("runs already"), "{refused}");
        drop(held);
        hold(folder.path()).unwrap();
    }
}
