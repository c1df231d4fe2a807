//! The arguments of `terrace deploy`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args, ValueHint};

use crate::settings::Origin;
use crate::units;

/// The arguments of `terrace deploy`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("other").args(["go_on", "rollback", "list"]))]
pub(crate) struct DeployArguments {
    /// The bundle that `terrace bundle` made
    #[arg(value_name = "FILE", default_value = "app.terrace", value_hint = ValueHint::FilePath)]
    pub(crate) bundle: PathBuf,
    /// The admin listener of a server, such as 10.0.0.5:3001; repeat it for each one [default: all nodes in the registry of the settings]
    #[arg(short, long = "node", value_name = "ADDRESS", value_parser = node)]
    pub(crate) nodes: Vec<Origin>,
    /// The settings with the registry and the token [default: terrace.toml, if it exists]
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,
    /// Give the new version this part of the requests on every server, and hold it there
    #[arg(long, value_name = "PERCENT", value_parser = percent, conflicts_with = "other")]
    pub(crate) canary: Option<f64>,
    /// How long to compare the new version with the one before on each server
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    pub(crate) watch: Duration,
    /// Go on with the version that `--canary` holds
    #[arg(long = "continue", conflicts_with = "bundle")]
    pub(crate) go_on: bool,
    /// Go back: from the version that `--canary` holds, else to the version before
    #[arg(long, conflicts_with = "bundle")]
    pub(crate) rollback: bool,
    /// Show the versions, and the one that each server serves
    #[arg(long, conflicts_with = "bundle")]
    pub(crate) list: bool,
    /// Deploy also a version that is older, or whose migrations the version before could not live with
    #[arg(long, conflicts_with = "other")]
    pub(crate) force: bool,
    /// Print one JSON object per line
    #[arg(long)]
    pub(crate) json: bool,
}

impl DeployArguments {
    /// The servers and settings for another command of the user.
    pub(crate) fn servers(&self) -> String {
        let config = self
            .config
            .iter()
            .map(|file| format!(" --config {}", file.display()));
        let nodes = self.nodes.iter().map(|node| {
            let url = node.to_string();
            format!(" --node {}", url.strip_prefix("http://").unwrap_or(&url))
        });
        config.chain(nodes).collect()
    }
}

fn node(text: &str) -> Result<Origin, String> {
    let url = match text.contains("://") {
        true => text.to_owned(),
        false => format!("http://{text}"),
    };
    let origin = Origin::parse(&url)
        .ok()
        .filter(|origin| origin.authority().port().is_some());
    origin.ok_or_else(|| {
        "write a host and the port of its admin listener, such as 10.0.0.5:3001".to_owned()
    })
}

fn percent(text: &str) -> Result<f64, &'static str> {
    let number = text.strip_suffix('%').unwrap_or(text).trim_end().parse();
    let number = number.ok().filter(|percent| (0.1..=50.0).contains(percent));
    number.ok_or("write a number from 0.1 to 50, such as 10%")
}

fn duration(text: &str) -> Result<Duration, String> {
    units::duration(text).map_err(|reason| {
        format!(
            "{}: {}",
            reason.message,
            reason.suggestion.unwrap_or_default()
        )
    })
}
