//! The start of a server that takes deployments: whether it does, which version it begins with, and how others reach it.

use std::io;
use std::path::Path;
use std::time::UNIX_EPOCH;

use super::{Node, Slot, follow};
use crate::bundle::{self, Bundle};
use crate::clock;
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
    own: Option<Origin>,
) -> Result<(), StartError> {
    if let (Some((token, shelf)), Some(own)) = (known, own) {
        let node = Node::new(reloader.clone(), app, token, own, shelf)?;
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
    let Some(digest) = current.map(|version| version.stamp.digest.clone()) else {
        return Ok((options.clone(), Some(shelf)));
    };
    // Settings and state stay where they are.
    let settings = options.config.clone().or_else(|| {
        let beside = folder.join(SETTINGS_FILE);
        beside.exists().then_some(beside)
    });
    let options = ServingOptions {
        manifest: shelf.bundle(&digest),
        config: settings,
        state_dir: Some(state),
        ..options.clone()
    };
    Ok((options, Some(shelf)))
}

/// The admin listener of this server, as others reach it.
pub(in crate::serving) fn own(inputs: &AppInputs, listeners: &Listeners) -> Option<Origin> {
    let admin = listeners.admin()?;
    let cluster = inputs.config.cluster.as_ref();
    let advertised = cluster.and_then(|cluster| cluster.advertise.as_ref());
    let host = match (admin.ip().is_unspecified(), advertised) {
        (true, Some(advertised)) => advertised.authority().host().to_owned(),
        (true, None) => "127.0.0.1".to_owned(),
        (false, _) => return Some(Origin::of(admin)),
    };
    Origin::parse(&format!("http://{host}:{}", admin.port())).ok()
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
            stamp: Stamp {
                number: 0,
                at: clock::time_of_day()
                    .duration_since(UNIX_EPOCH)
                    .map_or(0, |since| {
                        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
                    }),
                digest: bundle.digest.clone(),
            },
            version: bundle.index.version.clone(),
            commit: bundle.index.commit.clone(),
            by: "terrace up".to_owned(),
            from: file.display().to_string(),
        };
        return shelf.commit(first);
    }
    std::fs::remove_file(shelf.bundle(&bundle.digest))
}
