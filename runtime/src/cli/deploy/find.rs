//! Finds the servers of a deployment, by the command line, the registry or the settings.

use std::path::Path;

use futures::future::join_all;
use rustix::process::getuid;

use super::servers::Server;
use crate::block_on::block_on;
use crate::cli::arguments::DeployArguments;
use crate::cli::console::Console;
use crate::cli::deployed::DeployStep;
use crate::cli::error::CommandError;
use crate::cli::event::Event;
use crate::cluster;
use crate::environment;
use crate::fault::Reason;
use crate::rollout::limits::MAX_SERVERS;
use crate::rollout::{Peer, PeerFailure, Status};
use crate::settings::{Deployments, Origin, SETTINGS_FILE, Settings, Token};

/// The environment variable with the token, if the settings do not name another one.
const TOKEN_VARIABLE: &str = "TERRACE_DEPLOY_TOKEN";

/// The admin listeners, in the order in which all deployments take them.
pub(super) fn peers(arguments: &DeployArguments) -> Result<Vec<Peer>, CommandError> {
    let own = environment::variable(TOKEN_VARIABLE).is_some();
    let own = own.then(|| Token::read(TOKEN_VARIABLE)).transpose();
    let own = own.map_err(CommandError::Failed)?;
    let settings = settings(arguments, own.is_some())?;
    let token = own.or_else(|| settings.as_ref()?.token.clone());
    let token = token.ok_or_else(|| {
        let reason = Reason::new("the servers ask for a token, and there is none here");
        let help = "set the environment variable TERRACE_DEPLOY_TOKEN to it, or name the settings of a server with `--config`";
        CommandError::Failed(reason.help(help))
    })?;
    let mut urls = match (&arguments.nodes[..], &settings) {
        ([], Some(settings)) => configured(settings, &token)?,
        ([], None) => {
            let reason = Reason::new("no server is named");
            let help = "name the admin listener of each with `--node ADDRESS`, or settings with a registry with `--config FILE`";
            return Err(CommandError::Failed(reason.help(help)));
        }
        (nodes, _) => nodes.to_vec(),
    };
    // Two deployments that begin at once ask the same server first.
    urls.sort_by_key(ToString::to_string);
    urls.dedup();
    if urls.len() > MAX_SERVERS {
        let what = format!(
            "there are {} servers; a deployment reaches {MAX_SERVERS}",
            urls.len()
        );
        return Err(super::failed(what));
    }
    Ok(urls.into_iter().map(|url| Peer::new(url, &token)).collect())
}

/// The settings for deployments, which may be those of a server. Nothing else in them has to be right here.
fn settings(
    arguments: &DeployArguments,
    has_token: bool,
) -> Result<Option<Deployments>, CommandError> {
    let settings = match &arguments.config {
        Some(file) => Settings::read(file)?,
        // The settings in this folder may be those of another app.
        None if !arguments.nodes.is_empty() && has_token => return Ok(None),
        None if Path::new(SETTINGS_FILE).exists() => Settings::read(Path::new(SETTINGS_FILE))?,
        None => return Ok(None),
    };
    Ok(Some(settings.deployments(!has_token)?))
}

/// The nodes of the registry, or the one of these settings.
fn configured(settings: &Deployments, token: &Token) -> Result<Vec<Origin>, CommandError> {
    let Some(cluster) = &settings.cluster else {
        let admin = settings.admin.ok_or_else(|| {
            super::failed("the admin listener is off in the settings: name those of the servers with `--node ADDRESS`")
        })?;
        return Ok(vec![Origin::of(admin)]);
    };
    let registry = cluster::open(cluster).map_err(|error| super::failed(error.to_string()))?;
    let found = block_on(cluster::deployable(
        &registry,
        cluster.app.as_deref(),
        token,
    ));
    let found = found.map_err(|error| super::failed(error.to_string()))?;
    let urls = found.map_err(|failure| {
        let reason = Reason::new(format!("the registry of nodes does not answer: {failure}"));
        let help = "name the admin listener of each node with `--node ADDRESS`";
        CommandError::Failed(reason.help(help))
    })?;
    if urls.is_empty() {
        let reason = Reason::new("the registry has no node that takes deployments with this token");
        let help = "name a secret with `token_variable` in [deploy] of the nodes' terrace.toml, and have their `admin` in [listen] be an address that this machine reaches";
        return Err(CommandError::Failed(reason.help(help)));
    }
    Ok(urls)
}

/// What each server tells.
pub(super) async fn statuses(peers: &[Peer]) -> Vec<Result<Status, PeerFailure>> {
    join_all(peers.iter().map(|peer| peer.status(None))).await
}

/// The servers that answer, and what they tell. Those of the registry that do not are told, and take the version when they are back.
pub(super) async fn servers(
    arguments: &DeployArguments,
    peers: Vec<Peer>,
    console: Console,
    app: Option<&str>,
) -> Result<(Vec<Server>, Vec<Status>), CommandError> {
    let told = statuses(&peers).await;
    let (mut servers, mut statuses) = (Vec::new(), Vec::new());
    for (peer, told) in peers.into_iter().zip(told) {
        let mut server = Server::new(peer);
        match told {
            Ok(status) if app.is_some_and(|app| app != status.app) => {
                let what = format!(
                    "{} serves the app `{}`, and the bundle has `{}`",
                    server.url,
                    status.app,
                    app.unwrap_or_default()
                );
                return Err(super::failed(what));
            }
            Ok(status) => {
                statuses.push(status.clone());
                server.status = Some(status);
                servers.push(server);
            }
            Err(PeerFailure::Silent(why)) if arguments.nodes.is_empty() => {
                let step = DeployStep {
                    reason: Some(&why),
                    ..DeployStep::new(
                        Some(&server.url),
                        "does not answer, and takes the version when it is back",
                    )
                };
                console.tell(&Event::DeployStep(&step));
            }
            Err(failure) => return Err(super::failed(format!("{}: {failure}", server.url))),
        }
    }
    match servers.is_empty() {
        true => Err(super::failed("no server answers")),
        false => Ok((servers, statuses)),
    }
}

/// The name of the user, or else the number, and the machine.
pub(super) fn whoami() -> String {
    let mut names = ["USER", "LOGNAME"]
        .into_iter()
        .filter_map(environment::variable);
    // A service or a container may have neither.
    let user = names
        .find(|name| !name.is_empty())
        .unwrap_or_else(|| getuid().as_raw().to_string());
    let machine = rustix::system::uname();
    let machine = machine.nodename().to_string_lossy().into_owned();
    format!("{user}@{machine}")
}
