//! Owns `terrace up` and `terrace edge`: `start` has their steps, from files that a user wrote to a server that drains and
//! ends, `pipeline` the stages of a request. Their work is left to their modules.

mod alike;
mod app_digest;
mod bundles;
mod clustered;
mod consuming;
mod current_app;
mod databases;
mod deploying;
mod inputs;
mod listeners;
mod migrations;
mod open;
mod pipeline;
mod precompiled;
mod relaying;
mod reload;
mod start;
mod switch;
mod unpacked;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::fault::Faults;
use crate::settings::{AdminAddress, STATE_DIRECTORY};

pub use bundles::Taken;
pub use databases::Databases;
pub use migrations::{Migrations, portability};
pub use reload::Reloader;
pub use start::{Serving, check};
pub(crate) use switch::{HOLD_PATH, RELEASE_PATH, SWITCH_PATH, SwitchAnswer, SwitchRequest};
pub use unpacked::{BundleFile, newest_bundle};

/// The arguments of `terrace up`.
#[derive(Clone, Debug, Default)]
pub struct ServingOptions {
    /// The manifest, or the folder that it is in; a bundle, or a folder with bundles.
    pub manifest: PathBuf,
    /// The settings; without it `terrace.toml` beside the manifest, if there is one.
    pub config: Option<PathBuf>,
    /// The address for clients, in place of the settings'.
    pub listen: Option<SocketAddr>,
    /// The address for metrics and health, in place of the settings'.
    pub admin: Option<AdminAddress>,
    /// Where state is kept; without it `.terrace` beside the manifest.
    pub state_dir: Option<PathBuf>,
    /// The ids of the components to serve; all of them if empty.
    pub only: Vec<String>,
    /// Values of variables, as in [`crate::variables::VariableSources::arguments`].
    pub variables: Vec<String>,
    /// Whether the sockets of the server that runs with this state folder and address are taken over.
    pub take_over: bool,
    /// Whether a program reads the output.
    pub json: bool,
    /// Whether the app is built and replaced as its folder changes.
    pub follows_itself: bool,
}

impl ServingOptions {
    /// The folder of the state of the app in `folder`.
    fn state_directory(&self, folder: &Path) -> PathBuf {
        let given = self.state_dir.clone();
        given.unwrap_or_else(|| folder.join(STATE_DIRECTORY))
    }
}

/// The arguments of `terrace edge`.
#[derive(Clone, Debug, Default)]
pub struct EdgeOptions {
    /// The origins, in place of the settings' if there are any.
    pub origins: Vec<String>,
    /// The settings; without it `terrace.toml` in the working directory, if there is one.
    pub config: Option<PathBuf>,
    /// The address for clients, in place of the settings'.
    pub listen: Option<SocketAddr>,
    /// The address for metrics and health, in place of the settings'.
    pub admin: Option<AdminAddress>,
    /// The folder for paths that the settings do not name; without it `.terrace`.
    pub state_dir: Option<PathBuf>,
    /// Whether the sockets of the edge that runs with this state folder and address are taken over.
    pub take_over: bool,
    /// Whether a program reads the output.
    pub json: bool,
}

/// Why an app or an origin can't be served.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The user's files or arguments have faults.
    #[error("{0}")]
    Faults(Faults),
    /// Something else is in the way: a port that is taken, a folder that can't be written.
    #[error("{0}")]
    Failed(String),
}

impl From<Faults> for StartError {
    fn from(faults: Faults) -> Self {
        Self::Faults(faults)
    }
}

fn failed(error: impl std::fmt::Display) -> StartError {
    StartError::Failed(error.to_string())
}
