//! The arguments of `terrace sql`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

use super::{AdminArguments, ManifestArguments, admin_address, examples};
use crate::serving::ServingOptions;
use crate::settings::{AdminAddress, DEFAULT_LABEL};

/// The commands for databases.
#[derive(Debug, Subcommand)]
pub(crate) enum SqlCommand {
    /// Run one statement, show its plan, or translate it
    #[command(after_help = examples::SQL_EXEC)]
    Exec(ExecArguments),
    /// Apply the migrations of the manifest that a database lacks, without serving
    #[command(after_help = examples::SQL_MIGRATE)]
    Migrate(MigrateArguments),
    /// Show which queries of a running server hurt, and how to mend them
    #[command(after_help = examples::SQL_ADVISE)]
    Advise(AdviseArguments),
    /// Move a database to another engine while the app serves, or back
    #[command(after_help = examples::SQL_MOVE)]
    Move(MoveArguments),
}

impl SqlCommand {
    pub(super) fn json(&self) -> bool {
        match self {
            Self::Exec(arguments) => arguments.database.json,
            Self::Migrate(arguments) => arguments.database.json,
            Self::Advise(arguments) => arguments.admin.json,
            Self::Move(arguments) => arguments.database.json,
        }
    }
}

/// The arguments that find the databases of an installation, as `terrace up` finds them.
#[derive(Debug, Args)]
pub(crate) struct DatabaseArguments {
    #[command(flatten)]
    pub(crate) manifest: ManifestArguments,
    /// The settings of this installation [default: terrace.toml beside the manifest, if it exists]
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,
    /// The folder that keeps databases and compiled components [default: .terrace beside the manifest]
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub(crate) state_dir: Option<PathBuf>,
    /// Print one JSON object per line
    #[arg(long)]
    pub(crate) json: bool,
}

impl DatabaseArguments {
    /// The same as options of the server.
    pub(crate) fn options(&self) -> ServingOptions {
        ServingOptions {
            manifest: self.manifest.from.clone(),
            config: self.config.clone(),
            state_dir: self.state_dir.clone(),
            json: self.json,
            ..ServingOptions::default()
        }
    }
}

/// The arguments of `terrace sql exec`.
#[derive(Debug, Args)]
pub(crate) struct ExecArguments {
    /// One statement of SQLite's SQL
    pub(crate) statement: String,
    /// The value of the next parameter, `?1` first: a number, NULL, x'00ff' for bytes, or else text; text in quotes is
    /// always text
    #[arg(
        short,
        long = "param",
        value_name = "VALUE",
        allow_hyphen_values = true
    )]
    pub(crate) parameters: Vec<String>,
    /// The label of the database
    #[arg(short, long, default_value = DEFAULT_LABEL)]
    pub(crate) label: String,
    /// Show how the database would run the statement, without running it
    #[arg(long, conflicts_with = "translate")]
    pub(crate) explain: bool,
    /// Show the statement as Postgres would get it, without running it
    #[arg(long)]
    pub(crate) translate: bool,
    #[command(flatten)]
    pub(crate) database: DatabaseArguments,
}

/// The arguments of `terrace sql migrate`.
#[derive(Debug, Args)]
pub(crate) struct MigrateArguments {
    /// Show what would be applied, and apply nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// The label of the database [default: all that have migrations]
    #[arg(short, long)]
    pub(crate) label: Option<String>,
    #[command(flatten)]
    pub(crate) database: DatabaseArguments,
}

/// The arguments of `terrace sql advise`.
#[derive(Debug, Args)]
pub(crate) struct AdviseArguments {
    /// The label of the database [default: all databases]
    #[arg(short, long)]
    pub(crate) label: Option<String>,
    #[command(flatten)]
    pub(crate) admin: AdminArguments,
}

/// The arguments of `terrace sql move`.
#[derive(Debug, Args)]
pub(crate) struct MoveArguments {
    /// The database to move to, which must be empty: `postgres://USER@HOST/DATABASE` or `sqlite:PATH`
    #[arg(long, value_name = "URL", required_unless_present = "abandon")]
    pub(crate) to: Option<String>,
    /// The environment variable with the password for that database, if it is not in the URL
    #[arg(long, value_name = "NAME", requires = "to")]
    pub(crate) password_variable: Option<String>,
    /// The label of the database to move
    #[arg(short, long, default_value = DEFAULT_LABEL)]
    pub(crate) label: String,
    /// Show tables, sizes and the time that it takes, and change nothing
    #[arg(long, conflicts_with = "abandon")]
    pub(crate) dry_run: bool,
    /// The admin address of the running server, or `off` if none uses the database [default: `admin` of terrace.toml,
    /// else 127.0.0.1:3001]
    #[arg(long, value_name = "ADDRESS", value_parser = admin_address)]
    pub(crate) admin: Option<AdminAddress>,
    /// Give up a move that has begun, and with `--to` also remove what was copied
    #[arg(long)]
    pub(crate) abandon: bool,
    #[command(flatten)]
    pub(crate) database: DatabaseArguments,
}
