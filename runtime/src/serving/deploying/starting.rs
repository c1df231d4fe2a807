//! The start of a server that takes deployments: whether it does, which version it begins with, and how others reach it.

use std::io;
use std::net::IpAddr;
use std::path::Path;

use super::{Node, Slot, follow};
use crate::bundle::{self, Bundle};
use crate::cluster::Stamp;
use crate::manifest::MANIFEST_FILE;
use crate::rollout::{Shelf, Version};
use crate::serving::inputs::{AppInputs, config, manifest_folder};
use crate::serving::listeners::Listeners;
use crate::serving::reload::{Loaded, Reloader};
use crate::serving::{ServingOptions, StartError, failed};
use crate::settings::{Config, Origin, SETTINGS_FILE, Token};

/// The token that those know who deploy, or why no deployment is taken.
pub(in crate::serving) fn token(
    options: &ServingOptions,
    config: &Config,
) -> Result<Token, &'static str> {
    if options.follows_itself {
        return Err("`terrace dev` serves what is in its folder, and takes no deployment");
    }
    if options.manifest.is_dir() && !options.manifest.join(MANIFEST_FILE).exists() {
        return Err("this server serves the newest bundle in a folder: put the bundle there");
    }
    config.deploy.token.clone().ok_or(
        "this server takes no deployment: name a secret with `token_variable` in [deploy] of its terrace.toml",
    )
}

/// Has a server take deployments and follow the others, if it is to and has an admin listener.
pub(in crate::serving) fn begin(
    slot: &Slot,
    reloader: &Reloader,
    app: Loaded,
    known: Option<(Token, Shelf)>,
    address: (Option<Origin>, bool),
) -> Result<(), StartError> {
    if let (Some((token, shelf)), (Some(own), is_reached)) = (known, address) {
        let node = Node::new(reloader.clone(), app, token, (own, is_reached), shelf)?;
        follow::start(&node).map_err(failed)?;
        // It is set here only.
        let _ = slot.set(node);
    }
    Ok(())
}

/// The options of a server, with the version that was deployed last in the place of what they name; and the versions that it keeps.
///
/// # Errors
/// The settings have faults, or the record of versions cannot be read.
pub(in crate::serving) fn deployed(
    options: &ServingOptions,
) -> Result<(ServingOptions, Option<Shelf>), StartError> {
    let folder = manifest_folder(&options.manifest);
    let state = options.state_directory(&folder);
    // Faults of the settings are found with those of the manifest.
    let Ok(config) = config(options.config.as_deref(), &folder, &state) else {
        return Ok((options.clone(), None));
    };
    if token(options, &config).is_err() {
        return Ok((options.clone(), None));
    }
    let shelf = Shelf::open(&state).map_err(|error| {
        failed(format!(
            "the record of deployed versions in {} cannot be read: {error}",
            state.display()
        ))
    })?;
    let current = shelf.current().filter(|version| version.stamp.number > 0);
    let bundle = current.map(|version| shelf.bundle(&version.stamp.digest));
    // Settings and state stay where they are, for the bundles that are deployed later too.
    let settings = options.config.clone().or_else(|| {
        let beside = folder.join(SETTINGS_FILE);
        beside.exists().then_some(beside)
    });
    let options = ServingOptions {
        manifest: bundle.unwrap_or_else(|| options.manifest.clone()),
        config: settings,
        state_dir: Some(state),
        ..options.clone()
    };
    Ok((options, Some(shelf)))
}

/// The admin listener of this server as others reach it, if it takes deployments, and whether those of other machines do if they reach
/// the node.
pub(in crate::serving) fn address(
    is_wanted: bool,
    inputs: &AppInputs,
    listeners: &Listeners,
) -> (Option<Origin>, bool) {
    let Some(admin) = listeners.admin().filter(|_| is_wanted) else {
        return (None, false);
    };
    let cluster = inputs.config.cluster.as_ref();
    let node = cluster.map(|cluster| cluster.address(listeners.http(), &inputs.settings_file));
    let Some(Ok(node)) = node else {
        return (Some(Origin::of(admin)), true);
    };
    let host = node.authority().host();
    if admin.ip().is_unspecified() {
        let url = format!("http://{host}:{}", admin.port());
        return (Origin::parse(&url).ok(), true);
    }
    let host = host.trim_matches(['[', ']']);
    let is_here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    let is_reached = is_here || !admin.ip().is_loopback();
    if !is_reached {
        tracing::warn!(
            "no deployment by the registry reaches this node: its admin listener is for this machine only; `admin` of [listen] names another address"
        );
    }
    (Some(Origin::of(admin)), is_reached)
}

/// Keeps the bundle that the server was started with.
pub(super) fn keep_first(shelf: &mut Shelf, file: &Path, bundle: &Bundle) -> io::Result<()> {
    if shelf
        .current()
        .is_some_and(|of| of.stamp.digest == bundle.digest)
    {
        return Ok(());
    }
    shelf.copy(file, &bundle.digest)?;
    // The file may be another one by now.
    let copy = bundle::read(&shelf.bundle(&bundle.digest), None, None);
    if copy.is_ok_and(|copy| copy.digest == bundle.digest) {
        let first = Version {
            stamp: Stamp::now(0, &bundle.digest),
            version: bundle.index.version.clone(),
            commit: bundle.index.commit.clone(),
            by: "terrace up".to_owned(),
            from: file.display().to_string(),
        };
        return shelf.commit(first);
    }
    shelf.remove(&bundle.digest)
}
