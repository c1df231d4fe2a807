//! The words of `terrace deploy` and of the servers. Servers of other versions read them as well: keys may be added, and none changes
//! its meaning.

use serde::{Deserialize, Serialize};

use super::figures::Seen;
use crate::cluster::Stamp;

/// The page of the admin listener that tells the [`Status`], and takes a [`Command`].
pub(crate) const DEPLOY_PATH: &str = "/deploy";

/// The page that takes and gives the bundle with the digest in its query.
pub(crate) const BUNDLE_PATH: &str = "/deploy/bundle";

/// A version of the app that was deployed.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Version {
    /// Its place among all, with the digest of its bundle.
    #[serde(flatten)]
    pub(crate) stamp: Stamp,
    /// The version in its manifest; empty if there is none.
    pub(crate) version: String,
    /// The commit that its bundle names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) commit: Option<String>,
    /// The user and the machine that deployed it.
    pub(crate) by: String,
    /// The file that it came from.
    pub(crate) from: String,
}

/// A step of one deployment, for a server.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Command {
    /// Tells the deployment from all others.
    pub(crate) id: String,
    #[serde(flatten)]
    pub(crate) step: Step,
}

/// What a server is to do.
#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "step", rename_all = "kebab-case")]
pub(crate) enum Step {
    /// Take no other deployment until the end of this one.
    Begin {
        by: String,
        /// The admin listeners of all servers of the deployment, as URLs.
        peers: Vec<String>,
    },
    /// Check the bundle, which is there, against this server.
    Stage(Box<Stage>),
    /// Apply the migrations.
    Migrate,
    /// Load it, and give it this part of the requests, in percent.
    Try {
        share: f64,
        /// Whether it is to be exactly that. If not, it is less where the cache answers most requests.
        exact: bool,
    },
    /// Stay at that part, also without the command.
    Hold,
    /// The command is there again.
    Resume,
    /// Give it all requests.
    Take,
    /// Keep it.
    Commit,
    /// Give all requests to the version before.
    Back { reason: String },
    /// The deployment is over.
    End,
}

/// A version, and what may be said against it.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Stage {
    pub(crate) version: Version,
    /// Whether it was served before, and is to be served again.
    pub(crate) rollback: bool,
    /// Whether it may be older, or migrate what the version before needs.
    pub(crate) force: bool,
}

/// What a server tells.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Status {
    /// The name of the app.
    pub(crate) app: String,
    /// The version of Terrace.
    pub(crate) terrace: String,
    /// The digest of the bundle that is served; empty if none is.
    pub(crate) digest: String,
    /// The versions that were deployed, the newest first.
    pub(crate) versions: Vec<Version>,
    /// The digests of the bundles that are on its disk.
    pub(crate) kept: Vec<String>,
    /// The deployment that goes on, or the last one.
    pub(crate) deployment: Option<Deployment>,
}

/// How far a server is with a deployment.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Deployment {
    pub(crate) id: String,
    /// The user and the machine.
    pub(crate) by: String,
    /// When it began, in seconds since 1970.
    pub(crate) since: u64,
    pub(crate) phase: Phase,
    /// Whether a step is being done.
    pub(crate) busy: bool,
    /// Why the last step was not done.
    pub(crate) error: Option<String>,
    pub(crate) version: Option<Version>,
    /// Whether it stays as it is without the command.
    pub(crate) held: bool,
    /// The part of the requests that the new version gets, in percent.
    pub(crate) share: f64,
    /// The new version's requests.
    pub(crate) new: Seen,
    /// Requests to the version before, chosen as those of the new one and as many.
    pub(crate) old: Seen,
    /// Why the server went back.
    pub(crate) reason: Option<String>,
}

/// How far a server is with a deployment.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Phase {
    /// It takes no other deployment.
    Begun,
    /// The bundle fits.
    Staged,
    /// The migrations are applied.
    Migrated,
    /// Some of the requests go to the new version.
    Trying,
    /// All of them do.
    Taken,
    /// The new version is kept.
    Committed,
    /// The version before serves.
    Back,
}

impl Phase {
    /// Whether nothing more happens.
    pub(crate) fn is_over(self) -> bool {
        matches!(self, Self::Committed | Self::Back)
    }
}

impl Status {
    /// The version that was committed last.
    pub(crate) fn current(&self) -> Option<&Version> {
        self.versions.first()
    }
}
