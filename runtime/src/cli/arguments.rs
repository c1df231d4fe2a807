//! The commands and their arguments. The comments on commands and arguments are the texts of `--help`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;

use crate::manifest::MANIFEST_FILE;
use crate::serving::{EdgeOptions, ServingOptions};
use crate::settings::AdminAddress;

mod backup;
mod bundle;
mod deploy;
mod examples;
mod queue;
mod sql;

pub(crate) use backup::{BackupArguments, RestoreArguments};
pub(crate) use bundle::BundleArguments;
pub(crate) use deploy::DeployArguments;
pub(crate) use queue::{QueueArguments, QueueCommand};
pub(crate) use sql::{
    AdviseArguments, DatabaseArguments, ExecArguments, MigrateArguments, MoveArguments, SqlCommand,
};

/// The greatest width of help, in columns. Longer lines are hard to read, however wide the terminal is.
const HELP_WIDTH: usize = 100;

/// Runs an app of HTTP functions compiled to WebAssembly, with their state, in one process.
#[derive(Debug, Parser)]
#[command(
    name = "terrace",
    bin_name = "terrace",
    version,
    after_help = examples::TERRACE,
    arg_required_else_help = true,
    max_term_width = HELP_WIDTH
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a project that builds, runs and tests at once
    #[command(after_help = examples::NEW)]
    New(NewArguments),
    /// Run the build command of each component
    #[command(after_help = examples::BUILD)]
    Build(BuildArguments),
    /// Make one file with all of an app, or show what is in one
    #[command(after_help = examples::BUNDLE)]
    Bundle(BundleArguments),
    /// Bring a bundle to running servers, one after the other, and back if it is worse than the version before
    #[command(after_help = examples::DEPLOY)]
    Deploy(DeployArguments),
    /// Serve the app; SIGTERM and Ctrl-C end it without cutting a request
    #[command(after_help = examples::UP)]
    Up(ServeArguments),
    /// Build and serve the app; rebuild changed components and swap them in without a failed request
    #[command(after_help = examples::DEV)]
    Dev(ServeArguments),
    /// Serve and cache another HTTP server, the origin; SIGTERM and Ctrl-C end it without cutting a request
    #[command(after_help = examples::EDGE)]
    Edge(EdgeArguments),
    /// Find out whether a running server takes requests; exit code 1 if not
    #[command(after_help = examples::READY)]
    Ready(AdminArguments),
    /// Show or purge the cache of a running server
    #[command(after_help = examples::CACHE)]
    Cache {
        #[command(subcommand)]
        command: CacheCommand,
    },
    /// Show the queues of a running server, and deliver dead letters again
    #[command(after_help = examples::QUEUE)]
    Queue {
        #[command(subcommand)]
        command: QueueCommand,
    },
    /// Use the databases of an installation, also beside a running server
    #[command(after_help = examples::SQL)]
    Sql {
        #[command(subcommand)]
        command: SqlCommand,
    },
    /// Copy the databases of an app that are in files, all as of one moment, while it serves
    #[command(after_help = examples::BACKUP)]
    Backup(BackupArguments),
    /// Put the databases of a backup in the place of an app's, which does not serve
    #[command(after_help = examples::RESTORE)]
    Restore(RestoreArguments),
    /// Find everything that is wrong with the manifest, the settings and the components
    #[command(after_help = examples::CHECK)]
    Check(CheckArguments),
    /// Print a script that completes these commands in a shell
    #[command(after_help = examples::COMPLETIONS)]
    Completions(CompletionsArguments),
}

impl Command {
    /// Whether the output is JSON.
    pub(crate) fn json(&self) -> bool {
        match self {
            Self::Build(arguments) => arguments.json,
            Self::Bundle(arguments) => arguments.json,
            Self::Up(arguments) | Self::Dev(arguments) => arguments.json,
            Self::Edge(arguments) => arguments.json,
            Self::Ready(arguments) => arguments.json,
            Self::Cache { command } => command.json(),
            Self::Queue { command } => command.json(),
            Self::Sql { command } => command.json(),
            Self::Backup(arguments) => arguments.database.json,
            Self::Restore(arguments) => arguments.database.json,
            Self::Check(arguments) => arguments.json,
            Self::Deploy(arguments) => arguments.json,
            Self::New(_) | Self::Completions(_) => false,
        }
    }
}

/// The arguments of `terrace new`.
#[derive(Debug, Args)]
pub(crate) struct NewArguments {
    /// The project's name: lower-case words joined by `-`, such as `user-api`
    pub(crate) name: String,
    /// The template to start from
    #[arg(long, value_enum, default_value_t = Template::HttpRust)]
    pub(crate) template: Template,
    /// A platform to support besides Terrace and Spin. An existing project gets only the files for that platform
    #[arg(long, value_enum)]
    pub(crate) target: Option<Target>,
    /// The folder to make; an existing one must be empty [default: NAME]
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub(crate) dir: Option<PathBuf>,
}

/// The templates of projects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Template {
    /// An HTTP handler in Rust, with a test
    HttpRust,
}

/// The platforms besides Terrace and Spin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Target {
    /// Cloudflare, by `wrangler`
    Worker,
}

impl NewArguments {
    /// The folder that the project goes to.
    pub(crate) fn folder(&self) -> &Path {
        self.dir.as_deref().unwrap_or(Path::new(&self.name))
    }
}

/// The argument that names the manifest.
#[derive(Debug, Args)]
pub(crate) struct ManifestArguments {
    /// The manifest, or the folder it is in; `up`, `check` and `sql migrate` also take a bundle, or a folder with bundles
    #[arg(short, long, value_name = "FILE", default_value = MANIFEST_FILE, value_hint = ValueHint::FilePath)]
    pub(crate) from: PathBuf,
}

impl ManifestArguments {
    /// The same for another command of the user: nothing, where that is the default.
    pub(crate) fn flag(&self) -> String {
        match self.from == Path::new(MANIFEST_FILE) {
            true => String::new(),
            false => format!(" --from {}", self.from.display()),
        }
    }
}

/// The arguments for settings and variables.
#[derive(Debug, Args)]
pub(crate) struct SettingsArguments {
    /// The settings of this installation [default: terrace.toml beside the manifest, if it exists]
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,
    /// The value of a variable; may be given several times
    #[arg(long = "variable", value_name = "NAME=VALUE")]
    pub(crate) variables: Vec<String>,
}

/// The arguments of `terrace build`.
#[derive(Debug, Args)]
pub(crate) struct BuildArguments {
    #[command(flatten)]
    pub(crate) manifest: ManifestArguments,
    /// The components to build, with their dependencies [default: all that have a build command]
    #[arg(value_name = "COMPONENT")]
    pub(crate) components: Vec<String>,
    /// Show the output of the build commands, also when they succeed
    #[arg(short, long)]
    pub(crate) verbose: bool,
    /// Print one JSON object per line
    #[arg(long)]
    pub(crate) json: bool,
}

/// The arguments of `terrace up` and `terrace dev`.
#[derive(Debug, Args)]
pub(crate) struct ServeArguments {
    #[command(flatten)]
    pub(crate) manifest: ManifestArguments,
    #[command(flatten)]
    pub(crate) settings: SettingsArguments,
    /// Where to serve the app; port 0 takes a free one [default: 127.0.0.1:3000]
    #[arg(short, long, value_name = "ADDRESS", value_parser = address)]
    pub(crate) listen: Option<SocketAddr>,
    /// Where to serve metrics, health and the pages of the cache, out of reach of the public; `off` serves none [default: 127.0.0.1:3001]
    #[arg(long, value_name = "ADDRESS|off", value_parser = admin_address)]
    pub(crate) admin: Option<AdminAddress>,
    /// The folder that keeps databases and compiled components [default: .terrace beside the manifest]
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub(crate) state_dir: Option<PathBuf>,
    /// Build the components first (`dev` always does)
    #[arg(long)]
    pub(crate) build: bool,
    /// Serve only these components, separated by commas
    #[arg(long, value_name = "COMPONENT,…", value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// Take the listening sockets over from the server that runs with this state folder and address; it ends once this one serves
    #[arg(long)]
    pub(crate) take_over: bool,
    /// Print one JSON object per line
    #[arg(long)]
    pub(crate) json: bool,
}

impl ServeArguments {
    /// The same as options of the server.
    pub(crate) fn options(&self) -> ServingOptions {
        ServingOptions {
            manifest: self.manifest.from.clone(),
            config: self.settings.config.clone(),
            listen: self.listen,
            admin: self.admin,
            state_dir: self.state_dir.clone(),
            only: self.only.clone(),
            variables: self.settings.variables.clone(),
            take_over: self.take_over,
            json: self.json,
            follows_itself: false,
        }
    }
}

/// The arguments of `terrace edge`.
#[derive(Debug, Args)]
pub(crate) struct EdgeArguments {
    /// A server behind the edge, such as http://127.0.0.1:3000; repeat it to balance load over several. dns+http://NAME:PORT stands for all addresses of a name, `cluster` for all nodes in the registry [default: `origins` of terrace.toml]
    #[arg(short, long = "origin", value_name = "URL", value_hint = ValueHint::Url)]
    pub(crate) origins: Vec<String>,
    /// The settings of this installation [default: terrace.toml, if it exists]
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,
    /// Where to serve clients; port 0 takes a free one [default: 127.0.0.1:3000]
    #[arg(short, long, value_name = "ADDRESS", value_parser = address)]
    pub(crate) listen: Option<SocketAddr>,
    /// Where to serve metrics, health and the pages of the cache, out of reach of the public; `off` serves none [default: 127.0.0.1:3001]
    #[arg(long, value_name = "ADDRESS|off", value_parser = admin_address)]
    pub(crate) admin: Option<AdminAddress>,
    /// The folder for state [default: .terrace]
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub(crate) state_dir: Option<PathBuf>,
    /// Take the listening sockets over from the edge that runs with this state folder and address; it ends once this one serves
    #[arg(long)]
    pub(crate) take_over: bool,
    /// Print one JSON object per line
    #[arg(long)]
    pub(crate) json: bool,
}

impl EdgeArguments {
    /// The same as options of the server.
    pub(crate) fn options(&self) -> EdgeOptions {
        EdgeOptions {
            origins: self.origins.clone(),
            config: self.config.clone(),
            listen: self.listen,
            admin: self.admin,
            state_dir: self.state_dir.clone(),
            take_over: self.take_over,
            json: self.json,
        }
    }
}

/// The commands for a cache.
#[derive(Debug, Subcommand)]
pub(crate) enum CacheCommand {
    /// Remove stored responses, or mark them stale
    #[command(after_help = examples::PURGE)]
    Purge(PurgeArguments),
    /// Show how much is stored, and how often it was used
    #[command(after_help = examples::STATS)]
    Stats(AdminArguments),
}

impl CacheCommand {
    fn json(&self) -> bool {
        match self {
            Self::Purge(arguments) => arguments.admin.json,
            Self::Stats(arguments) => arguments.json,
        }
    }
}

/// The arguments that name the admin listener of a server.
#[derive(Debug, Args)]
pub(crate) struct AdminArguments {
    /// The admin address of the server [default: `admin` of terrace.toml, else 127.0.0.1:3001]
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    pub(crate) admin: Option<SocketAddr>,
    /// The settings of the server [default: terrace.toml, if it exists]
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,
    /// Print one JSON object per line
    #[arg(long)]
    pub(crate) json: bool,
}

/// The arguments of `terrace cache purge`: exactly one of them names the responses.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").required(true).args(["tag", "url", "prefix", "all"]))]
pub(crate) struct PurgeArguments {
    /// Responses of this group, on every host
    #[arg(long, value_name = "NAME")]
    pub(crate) tag: Option<String>,
    /// All variants of one URL, as clients write it
    #[arg(long, value_name = "URL", value_hint = ValueHint::Url)]
    pub(crate) url: Option<String>,
    /// All URLs that begin with this text
    #[arg(long, value_name = "URL", value_hint = ValueHint::Url)]
    pub(crate) prefix: Option<String>,
    /// All stored responses
    #[arg(long)]
    pub(crate) all: bool,
    /// Mark the responses as stale: each is validated before its next use, and may be used while the origin is down
    #[arg(long)]
    pub(crate) soft: bool,
    #[command(flatten)]
    pub(crate) admin: AdminArguments,
}

/// The arguments of `terrace check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArguments {
    #[command(flatten)]
    pub(crate) manifest: ManifestArguments,
    #[command(flatten)]
    pub(crate) settings: SettingsArguments,
    /// Also find the statements in migrations that Postgres would not take, with what both databases take; those of a database on
    /// Postgres are found without this
    #[arg(long)]
    pub(crate) portable: bool,
    /// Also find what would keep so many nodes from being alike: files of one machine, a cache that is not shared
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) nodes: u32,
    /// Also find what this other runtime of the manifest does not have
    #[arg(long, value_name = "RUNTIME")]
    pub(crate) target: Option<CheckedTarget>,
    /// Also find the queries of the server with this admin address that Postgres would not take
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    pub(crate) from_admin: Option<SocketAddr>,
    /// Print one JSON object per line
    #[arg(long)]
    pub(crate) json: bool,
}

/// Another runtime that serves the same manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum CheckedTarget {
    /// `spin up`
    Spin,
}

impl CheckArguments {
    /// The same as options of the server.
    pub(crate) fn options(&self) -> ServingOptions {
        ServingOptions {
            manifest: self.manifest.from.clone(),
            config: self.settings.config.clone(),
            variables: self.settings.variables.clone(),
            json: self.json,
            ..ServingOptions::default()
        }
    }
}

/// The arguments of `terrace completions`.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArguments {
    /// The shell that reads the script
    pub(crate) shell: Shell,
}

fn address(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse()
        .map_err(|_| "write an IP address and a port, such as 127.0.0.1:3000 or [::1]:3000")
}

fn admin_address(text: &str) -> Result<AdminAddress, &'static str> {
    AdminAddress::parse(text)
        .map_err(|_| "write an IP address and a port, such as 127.0.0.1:3001, or `off`")
}
