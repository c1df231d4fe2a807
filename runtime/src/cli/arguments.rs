//! The commands and their arguments, as users write them. The texts here are what `--help` shows.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::{ArgGroup, Args, Parser, Subcommand, ValueHint};
use clap_complete::Shell;

use super::new::{Target, Template};
use crate::edge::EdgeOptions;
use crate::manifest::MANIFEST_FILE;
use crate::serving::ServingOptions;
use crate::settings::AdminAddress;

/// How wide help is at most, in columns. Longer lines are hard to read, however wide the terminal is.
const HELP_WIDTH: usize = 100;

const EXAMPLES: &str = "\
Examples:
  terrace new shop && cd shop      Make a project that builds, runs and tests at once
  terrace dev                      Serve it, and swap components in when their sources change
  terrace up --build               Build it once and serve it
  terrace check                    Find everything that is wrong with it

Exit codes:
  0  fine
  1  the operation failed
  2  the arguments, the manifest or the settings are wrong";

const NEW_EXAMPLES: &str = "\
Examples:
  terrace new shop
  terrace new shop --dir services/shop";

const BUILD_EXAMPLES: &str = "\
Examples:
  terrace build                    Build every component that has a build command
  terrace build hello --verbose    Build one, and show what its compiler says";

const UP_EXAMPLES: &str = "\
Examples:
  terrace up
  terrace up --build --listen 0.0.0.0:8080
  terrace up --from shop/spin.toml --only api,hello --variable api_key=secret
  terrace up --listen 127.0.0.1:0 --json       A free port, reported as JSON";

const DEV_EXAMPLES: &str = "\
Examples:
  terrace dev
  terrace dev --only hello --listen 127.0.0.1:8080

What is watched: the manifest, each component's WebAssembly file, and the files that its
`[component.ID.build]` names in `watch` (for cargo without `watch`: `src/**` and `Cargo.toml`).";

const EDGE_EXAMPLES: &str = "\
Examples:
  terrace edge --origin http://127.0.0.1:3000 --listen 0.0.0.0:80
  terrace edge --config edge.toml              The origin is in `origins` of [edge]";

const CACHE_EXAMPLES: &str = "\
Examples:
  terrace cache stats                          How much is stored, and how often it was of use
  terrace cache purge --tag articles           Forget what responses call the group \"articles\"
  terrace cache purge --all --admin 127.0.0.1:4001";

const PURGE_EXAMPLES: &str = "\
Examples:
  terrace cache purge --tag article:7          By a name in Cache-Groups, Cache-Tag or Surrogate-Key
  terrace cache purge --url http://example.com/a?b=c
  terrace cache purge --prefix http://example.com/shop/ --soft
  terrace cache purge --all";

const STATS_EXAMPLES: &str = "\
Examples:
  terrace cache stats
  terrace cache stats --json --admin 127.0.0.1:4001";

const CHECK_EXAMPLES: &str = "\
Examples:
  terrace check
  terrace check --from shop/spin.toml --json   One JSON object per finding";

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  terrace completions bash > ~/.local/share/bash-completion/completions/terrace
  terrace completions zsh > ~/.zfunc/_terrace
  terrace completions fish > ~/.config/fish/completions/terrace.fish";

/// Runs an app of HTTP functions compiled to WebAssembly, with their state, in one process.
#[derive(Debug, Parser)]
#[command(
    name = "terrace",
    bin_name = "terrace",
    version,
    after_help = EXAMPLES,
    arg_required_else_help = true,
    max_term_width = HELP_WIDTH
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What can be asked for.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a project that builds, runs and tests at once
    #[command(after_help = NEW_EXAMPLES)]
    New(NewArguments),
    /// Run the build command of each component
    #[command(after_help = BUILD_EXAMPLES)]
    Build(BuildArguments),
    /// Serve the app; SIGTERM and Ctrl-C end it without cutting a request
    #[command(after_help = UP_EXAMPLES)]
    Up(ServeArguments),
    /// Build and serve the app; rebuild what changes and swap it in without a failed request
    #[command(after_help = DEV_EXAMPLES)]
    Dev(ServeArguments),
    /// Serve what another HTTP server answers, its origin; SIGTERM and Ctrl-C end it without cutting a request
    #[command(after_help = EDGE_EXAMPLES)]
    Edge(EdgeArguments),
    /// See and purge the cache of a server that runs
    #[command(after_help = CACHE_EXAMPLES)]
    Cache {
        #[command(subcommand)]
        command: CacheCommand,
    },
    /// Find everything that is wrong with the manifest, the settings and the components
    #[command(after_help = CHECK_EXAMPLES)]
    Check(CheckArguments),
    /// Print a script that completes these commands in a shell
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions(CompletionsArguments),
}

impl Command {
    /// Whether a program reads the output.
    pub(crate) fn json(&self) -> bool {
        match self {
            Self::Build(arguments) => arguments.json,
            Self::Up(arguments) | Self::Dev(arguments) => arguments.json,
            Self::Edge(arguments) => arguments.json,
            Self::Cache { command } => command.json(),
            Self::Check(arguments) => arguments.json,
            Self::New(_) | Self::Completions(_) => false,
        }
    }
}

/// What `terrace new` takes.
#[derive(Debug, Args)]
pub(crate) struct NewArguments {
    /// The project's name: lower-case words joined by `-`, such as `user-api`
    pub(crate) name: String,
    /// What the project begins with
    #[arg(long, value_enum, default_value_t = Template::HttpRust)]
    pub(crate) template: Template,
    /// Where the project runs besides Terrace and Spin. Of a project that is there already, only the files for it are
    /// added
    #[arg(long, value_enum)]
    pub(crate) target: Option<Target>,
    /// The folder to make, which must be empty if it is there [default: NAME]
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub(crate) dir: Option<PathBuf>,
}

impl NewArguments {
    /// The folder that the project goes to.
    pub(crate) fn folder(&self) -> &Path {
        self.dir.as_deref().unwrap_or(Path::new(&self.name))
    }
}

/// Where the app is described.
#[derive(Debug, Args)]
pub(crate) struct ManifestArguments {
    /// The manifest, or the folder it is in
    #[arg(short, long, value_name = "FILE", default_value = MANIFEST_FILE, value_hint = ValueHint::FilePath)]
    pub(crate) from: PathBuf,
}

/// How this installation runs the app, and with which values.
#[derive(Debug, Args)]
pub(crate) struct SettingsArguments {
    /// The settings of this installation [default: terrace.toml beside the manifest, if it is there]
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,
    /// The value of a variable; may be given several times
    #[arg(long = "variable", value_name = "NAME=VALUE")]
    pub(crate) variables: Vec<String>,
}

/// What `terrace build` takes.
#[derive(Debug, Args)]
pub(crate) struct BuildArguments {
    #[command(flatten)]
    pub(crate) manifest: ManifestArguments,
    /// The components to build, with those that they are composed with [default: all that have a build command]
    #[arg(value_name = "COMPONENT")]
    pub(crate) components: Vec<String>,
    /// Show what the build commands print, also when they succeed
    #[arg(short, long)]
    pub(crate) verbose: bool,
    /// Print one JSON object per line
    #[arg(long)]
    pub(crate) json: bool,
}

/// What `terrace up` and `terrace dev` take.
#[derive(Debug, Args)]
pub(crate) struct ServeArguments {
    #[command(flatten)]
    pub(crate) manifest: ManifestArguments,
    #[command(flatten)]
    pub(crate) settings: SettingsArguments,
    /// Where to serve the app; port 0 takes a free one [default: 127.0.0.1:3000]
    #[arg(short, long, value_name = "ADDRESS", value_parser = address)]
    pub(crate) listen: Option<SocketAddr>,
    /// Where to serve metrics and health; never a public address, or `off` for nowhere [default: 127.0.0.1:3001]
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
    /// Print one JSON object per line
    #[arg(long)]
    pub(crate) json: bool,
}

impl ServeArguments {
    /// The same as the server takes them.
    pub(crate) fn options(&self) -> ServingOptions {
        ServingOptions {
            manifest: self.manifest.from.clone(),
            config: self.settings.config.clone(),
            listen: self.listen,
            admin: self.admin,
            state_dir: self.state_dir.clone(),
            only: self.only.clone(),
            variables: self.settings.variables.clone(),
            json: self.json,
        }
    }
}

/// What `terrace edge` takes.
#[derive(Debug, Args)]
pub(crate) struct EdgeArguments {
    /// The server behind the edge, such as http://127.0.0.1:3000 [default: the one of terrace.toml]
    #[arg(short, long, value_name = "URL", value_hint = ValueHint::Url)]
    pub(crate) origin: Option<String>,
    /// The settings of this installation [default: terrace.toml, if it is there]
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,
    /// Where to serve clients; port 0 takes a free one [default: 127.0.0.1:3000]
    #[arg(short, long, value_name = "ADDRESS", value_parser = address)]
    pub(crate) listen: Option<SocketAddr>,
    /// Where to serve metrics and health; never a public address, or `off` for nowhere [default: 127.0.0.1:3001]
    #[arg(long, value_name = "ADDRESS|off", value_parser = admin_address)]
    pub(crate) admin: Option<AdminAddress>,
    /// The folder that the settings leave state to [default: .terrace]
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub(crate) state_dir: Option<PathBuf>,
    /// Print one JSON object per line
    #[arg(long)]
    pub(crate) json: bool,
}

impl EdgeArguments {
    /// The same as the server takes them.
    pub(crate) fn options(&self) -> EdgeOptions {
        EdgeOptions {
            origin: self.origin.clone(),
            config: self.config.clone(),
            listen: self.listen,
            admin: self.admin,
            state_dir: self.state_dir.clone(),
            json: self.json,
        }
    }
}

/// What can be asked of a cache.
#[derive(Debug, Subcommand)]
pub(crate) enum CacheCommand {
    /// Remove stored responses, or mark them stale
    #[command(after_help = PURGE_EXAMPLES)]
    Purge(PurgeArguments),
    /// Show how much is stored, and how often it was of use
    #[command(after_help = STATS_EXAMPLES)]
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

/// Where the admin listener of a server is.
#[derive(Debug, Args)]
pub(crate) struct AdminArguments {
    /// The admin address of the server [default: the one of terrace.toml, else 127.0.0.1:3001]
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    pub(crate) admin: Option<SocketAddr>,
    /// The settings of the server [default: terrace.toml, if it is there]
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,
    /// Print one JSON object per line
    #[arg(long)]
    pub(crate) json: bool,
}

/// What `terrace cache purge` takes: what to purge, in exactly one way.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").required(true).args(["tag", "url", "prefix", "all"]))]
pub(crate) struct PurgeArguments {
    /// Responses of this group, on every host
    #[arg(long, value_name = "NAME")]
    pub(crate) tag: Option<String>,
    /// All variants of one URL, as clients write it
    #[arg(long, value_name = "URL", value_hint = ValueHint::Url)]
    pub(crate) url: Option<String>,
    /// All URLs that begin so
    #[arg(long, value_name = "URL", value_hint = ValueHint::Url)]
    pub(crate) prefix: Option<String>,
    /// Everything
    #[arg(long)]
    pub(crate) all: bool,
    /// Mark it stale: it is validated before it is used again, but still there when the origin is not
    #[arg(long)]
    pub(crate) soft: bool,
    #[command(flatten)]
    pub(crate) admin: AdminArguments,
}

/// What `terrace check` takes.
#[derive(Debug, Args)]
pub(crate) struct CheckArguments {
    #[command(flatten)]
    pub(crate) manifest: ManifestArguments,
    #[command(flatten)]
    pub(crate) settings: SettingsArguments,
    /// Print one JSON object per line
    #[arg(long)]
    pub(crate) json: bool,
}

impl CheckArguments {
    /// The same as the server takes them.
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

/// What `terrace completions` takes.
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
