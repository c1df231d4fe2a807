//! `terrace deploy`: brings a bundle to running servers, one after the other, and back if it is worse than the version before.
//! Each server's side is in `serving`, the words between them in `rollout`.

mod find;
mod keep;
mod order;
mod servers;

use std::env::temp_dir;
use std::fs::{self, File};
use std::path::PathBuf;

use super::arguments::DeployArguments;
use super::console::Console;
use super::deployed::Versions;
use super::error::CommandError;
use super::event::Event;
use crate::block_on::block_on;
use crate::bundle;
use crate::cluster::Stamp;
use crate::fault::Reason;
use crate::rollout::{Peer, Status, Step, Version};
use order::{How, Order};

/// Runs the command.
pub(crate) fn run(arguments: &DeployArguments, console: Console) -> Result<(), CommandError> {
    let peers = find::peers(arguments)?;
    let done = block_on(async {
        match arguments {
            DeployArguments { list: true, .. } => list(&peers, console).await,
            DeployArguments { go_on: true, .. } => go_on(arguments, peers, console).await,
            DeployArguments { rollback: true, .. } => roll_back(arguments, peers, console).await,
            _ => deploy(arguments, peers, console).await,
        }
    });
    done.map_err(|error| failed(error.to_string()))??;
    tell_next(arguments, console);
    Ok(())
}

/// Names the commands for what was deployed. That a version is held, its own line says.
fn tell_next(arguments: &DeployArguments, console: Console) {
    let servers = arguments.servers();
    if !arguments.list && !arguments.rollback && arguments.canary.is_none() {
        console.next(format_args!(
            "`terrace deploy --rollback{servers}` goes back to the version before"
        ));
    }
    if !arguments.list {
        console.next(format_args!(
            "`terrace deploy --list{servers}` shows the versions, and the one that each server serves"
        ));
    }
}

fn failed(what: impl Into<String>) -> CommandError {
    CommandError::Failed(Reason::new(what))
}

/// Shows the versions.
async fn list(peers: &[Peer], console: Console) -> Result<(), CommandError> {
    let told = find::statuses(peers).await;
    let urls = peers.iter().map(|peer| peer.url.to_string());
    let told = urls
        .zip(told)
        .map(|(url, status)| (url, status.map_err(|error| error.to_string())));
    console.tell(&Event::Versions(&Versions::new(told.collect())));
    Ok(())
}

/// Deploys a bundle.
async fn deploy(
    arguments: &DeployArguments,
    peers: Vec<Peer>,
    console: Console,
) -> Result<(), CommandError> {
    let file = &arguments.bundle;
    let bundle =
        bundle::read(file, None, None).map_err(|fault| CommandError::Faults(fault.into()))?;
    let (servers, told) = find::servers(arguments, peers, console, Some(&bundle.index.app)).await?;
    let version = Version {
        stamp: stamp(&told, &bundle.digest),
        version: bundle.index.version.clone(),
        commit: bundle.index.commit.clone(),
        by: find::whoami(),
        from: file.display().to_string(),
    };
    let app = bundle.index.app;
    let mut order = Order::new(arguments, console, app, servers, version);
    order.begin().await?;
    order.stage(file, false, arguments.force).await?;
    match arguments.canary {
        Some(share) => order.hold(share).await,
        None => order.take(How::Tried).await,
    }
}

/// Goes on with the version that is held.
async fn go_on(
    arguments: &DeployArguments,
    peers: Vec<Peer>,
    console: Console,
) -> Result<(), CommandError> {
    let (servers, told) = find::servers(arguments, peers, console, None).await?;
    let Some((id, version)) = held(&told) else {
        let reason = Reason::new("no server holds a version");
        let help = "`terrace deploy --list` shows what they serve";
        return Err(CommandError::Failed(reason.help(help)));
    };
    let mut order = Order::new(arguments, console, app_of(&told), servers, version);
    order.id = id;
    order.each(|| Step::Resume).await?;
    order.take(How::Held).await
}

/// Goes back from the version that is held, or else to the version before.
async fn roll_back(
    arguments: &DeployArguments,
    peers: Vec<Peer>,
    console: Console,
) -> Result<(), CommandError> {
    let (servers, told) = find::servers(arguments, peers, console, None).await?;
    let newest = told
        .iter()
        .max_by_key(|status| status.current().map(|of| &of.stamp));
    let versions = newest
        .map(|status| status.versions.clone())
        .unwrap_or_default();
    if let Some((id, version)) = held(&told) {
        let version = versions.into_iter().next().unwrap_or(version);
        let mut order = Order::new(arguments, console, app_of(&told), servers, version);
        order.id = id;
        return order.give_up().await;
    }
    let current = versions.first().map(|version| &version.stamp.digest);
    let mut before = versions
        .iter()
        .filter(|version| Some(&version.stamp.digest) != current);
    let Some(target) = before.next() else {
        let reason = Reason::new("the servers know no version before the one that they serve");
        let help = "deploy its bundle: `terrace deploy FILE --force`";
        return Err(CommandError::Failed(reason.help(help)));
    };
    let version = Version {
        stamp: stamp(&told, &target.stamp.digest),
        by: find::whoami(),
        ..target.clone()
    };
    let mut order = Order::new(arguments, console, app_of(&told), servers, version);
    order.begin().await?;
    let fetched = fetch(&order).await;
    let file = order.or_end(fetched).await?;
    order.stage(&file.0, true, true).await?;
    order.take(How::Known).await
}

/// A file that is removed when it is not needed any more.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        // It may not have been made.
        let _ = fs::remove_file(&self.0);
    }
}

/// Receives the bundle of a version from a server that has it.
async fn fetch(order: &Order) -> Result<Temporary, CommandError> {
    let digest = &order.version.stamp.digest;
    let file = Temporary(temp_dir().join(format!("terrace-{}.terrace", order.id)));
    let peers: Vec<_> = order
        .servers
        .iter()
        .map(|server| server.peer.clone())
        .collect();
    for server in &order.servers {
        let has_it = |status: &Status| status.kept.contains(digest);
        if !server.status.as_ref().is_some_and(has_it) {
            continue;
        }
        let mut received = File::create_new(&file.0).map_err(|error| failed(error.to_string()))?;
        let fetching = server.peer.fetch_bundle(digest, &mut received);
        match servers::meanwhile(&peers, &order.id, fetching).await {
            Ok(()) => return Ok(file),
            Err(_) => drop(fs::remove_file(&file.0)),
        }
    }
    let reason = Reason::new("no server has the bundle of the version before any more");
    Err(CommandError::Failed(
        reason.help("deploy it: `terrace deploy FILE --force`"),
    ))
}

/// The deployment that the servers hold, with its version.
fn held(told: &[Status]) -> Option<(String, Version)> {
    let deployments = told.iter().filter_map(|status| status.deployment.as_ref());
    let mut held = deployments.filter(|deployment| deployment.held && !deployment.phase.is_over());
    let deployment = held.next()?;
    Some((deployment.id.clone(), deployment.version.clone()?))
}

fn app_of(told: &[Status]) -> String {
    told.first()
        .map(|status| status.app.clone())
        .unwrap_or_default()
}

/// The place behind all versions that the servers know.
fn stamp(told: &[Status], digest: &str) -> Stamp {
    let numbers = told
        .iter()
        .filter_map(|status| Some(status.current()?.stamp.number));
    Stamp::now(numbers.max().unwrap_or(0).saturating_add(1), digest)
}
