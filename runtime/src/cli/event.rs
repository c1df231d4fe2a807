//! The events of all commands, each as a sentence for people and as a JSON object for programs.
//! Where they are printed is left to `console`.

use std::fmt;
use std::path::Path;

use serde::Serialize;

use super::advice::Shown;
use super::answer::{Answer, Migrated, Pending, Plan, Translation};
use super::backed_up::{not_backed_up, not_restored};
use super::bundled::Bundled;
use super::deployed::{DeployStep, Deployed, Versions};
use super::messages::{Messages, Overview};
use super::moving::{MoveDone, MoveFinding, MovePlan, MoveProgress};
use crate::backup::{Elsewhere, Made, Progress, Restored};
use crate::bundle::Bundle;
use crate::cache::{CacheStatistics, Purged};
use crate::fault::{Fault, Reason};

/// A server answers requests.
#[derive(Debug, Serialize)]
pub(crate) struct Ready<'e> {
    /// The name of the app.
    #[serde(skip)]
    pub(crate) app: &'e str,
    /// The URL for clients.
    pub(crate) http: String,
    /// The URL for clients with TLS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) https: Option<String>,
    /// The URL of the admin listener.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) admin: Option<String>,
}

/// A bundle is served from now on.
#[derive(Debug, Serialize)]
pub(crate) struct BundleServed<'e> {
    file: &'e Path,
    app: &'e str,
    version: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    commit: Option<&'e str>,
    digest: &'e str,
}

impl<'e> BundleServed<'e> {
    pub(crate) fn new(file: &'e Path, bundle: &'e Bundle) -> Self {
        Self {
            file,
            app: &bundle.index.app,
            version: &bundle.index.version,
            commit: bundle.index.commit.as_deref(),
            digest: &bundle.digest,
        }
    }
}

/// An event that a command reports.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub(crate) enum Event<'e> {
    /// The app is served.
    Ready(Ready<'e>),
    /// A build begins.
    Building { component: &'e str },
    /// A build uses another toolchain than the active one.
    OtherToolchain {
        component: &'e str,
        toolchain: &'e str,
        target: &'e str,
    },
    /// A build is done.
    Built {
        component: &'e str,
        milliseconds: u128,
    },
    /// A build failed. The message contains the compiler's output, unless it was shown already.
    BuildFailed { component: &'e str, message: String },
    /// There was nothing to build.
    NothingToBuild,
    /// A bundle was made.
    BundleMade(&'e Bundled<'e>),
    /// The contents of a bundle.
    BundleContents(&'e Bundled<'e>),
    /// A bundle is served from now on.
    BundleServed(BundleServed<'e>),
    /// A bundle is not served.
    BundleRefused { file: &'e Path, message: String },
    /// New code is served.
    Swapped {
        components: Vec<&'e str>,
        milliseconds: u128,
    },
    /// New code could not be loaded. The old code goes on.
    SwapFailed { message: String },
    /// The settings changed. Only a restart reads them again.
    RestartNeeded { file: &'e Path },
    /// The files that a component is built from are unknown, so `terrace dev` does not watch them.
    NotWatched { component: &'e str },
    /// `check` found nothing.
    Fine {
        manifest: &'e Path,
        components: usize,
        routes: usize,
        /// The queries of a server, if they were asked for.
        #[serde(skip_serializing_if = "Option::is_none")]
        queries: Option<usize>,
    },
    /// Stored responses were purged.
    Purged(&'e Purged),
    /// The statistics of a cache.
    CacheStatistics(&'e CacheStatistics),
    /// The queues of a server.
    Queues(&'e Overview),
    /// Messages of a queue.
    Messages(&'e Messages),
    /// Dead letters are delivered again.
    Redriven { messages: u64 },
    /// Messages were deleted.
    Dropped { messages: u64 },
    /// A migration was applied.
    Migrated(&'e Migrated<'e>),
    /// A migration would be applied.
    Pending(&'e Pending<'e>),
    /// All migrations are applied.
    NothingToMigrate,
    /// The rows of a statement, or what it changed.
    SqlAnswer(&'e Answer),
    /// The plan of a statement.
    SqlPlan(&'e Plan),
    /// A statement for Postgres.
    SqlTranslation(&'e Translation),
    /// The queries of a running server, and the findings about them.
    SqlAdvice(&'e Shown),
    /// What a move would do.
    SqlMovePlan(&'e MovePlan),
    /// How far a move is.
    SqlMoveProgress(&'e MoveProgress),
    /// A value or a table that the target of a move cannot hold.
    SqlMoveFinding(&'e MoveFinding),
    /// A database was moved.
    SqlMoved(&'e MoveDone),
    /// A move was given up.
    SqlMoveAbandoned,
    /// How far a backup or a restore is.
    BackupProgress(&'e Progress<'e>),
    /// State that a backup does not have.
    NotBackedUp(&'e Elsewhere),
    /// State that a restore leaves as it is.
    NotRestored(&'e Elsewhere),
    /// A backup was made.
    BackedUp(&'e Made),
    /// A backup was restored.
    Restored(&'e Restored),
    /// How far a deployment is.
    DeployStep(&'e DeployStep<'e>),
    /// A deployment is over, or holds.
    Deployed(&'e Deployed<'e>),
    /// The versions that were deployed.
    Versions(&'e Versions),
    /// A mistake of the user.
    Fault(&'e Fault),
    /// The command failed.
    Failed {
        message: &'e str,
        suggestion: Option<&'e str>,
    },
}

impl Event<'_> {
    /// Whether this is the result of a command, and not its progress.
    pub(crate) fn is_result(&self) -> bool {
        matches!(
            self,
            Self::Ready(_)
                | Self::BundleMade(_)
                | Self::BundleContents(_)
                | Self::Fine { .. }
                | Self::Purged(_)
                | Self::CacheStatistics(_)
                | Self::Queues(_)
                | Self::Messages(_)
                | Self::Redriven { .. }
                | Self::Dropped { .. }
                | Self::Migrated(_)
                | Self::Pending(_)
                | Self::NothingToMigrate
                | Self::SqlAnswer(_)
                | Self::SqlPlan(_)
                | Self::SqlTranslation(_)
                | Self::SqlAdvice(_)
                | Self::SqlMovePlan(_)
                | Self::SqlMoved(_)
                | Self::SqlMoveAbandoned
                | Self::Deployed(_)
                | Self::Versions(_)
                | Self::BackedUp(_)
                | Self::Restored(_)
        )
    }
}

impl<'e> From<&'e Fault> for Event<'e> {
    fn from(fault: &'e Fault) -> Self {
        Self::Fault(fault)
    }
}

impl<'e> From<&'e Reason> for Event<'e> {
    fn from(reason: &'e Reason) -> Self {
        Self::Failed {
            message: &reason.message,
            suggestion: reason.suggestion.as_deref(),
        }
    }
}

impl fmt::Display for Event<'_> {
    #[expect(clippy::too_many_lines, reason = "a table: one arm for each event")]
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready(ready) => ready.fmt(formatter),
            Self::Building { component } => write!(formatter, "building {component} …"),
            Self::OtherToolchain {
                component,
                toolchain,
                target,
            } => write!(
                formatter,
                "building {component} with the toolchain `{toolchain}`, because the active one has no `{target}`"
            ),
            Self::Built {
                component,
                milliseconds,
            } => built(formatter, component, *milliseconds),
            Self::BuildFailed { message, .. } => formatter.write_str(message),
            Self::NothingToBuild => formatter.write_str("no component has a build command"),
            Self::BundleMade(bundle) => bundle.fmt(formatter),
            Self::BundleContents(bundle) => bundle.list(formatter),
            Self::BundleServed(served) => served.fmt(formatter),
            Self::BundleRefused { file, message } => bundle_refused(formatter, file, message),
            Self::Swapped {
                components,
                milliseconds,
            } => swapped(formatter, components, *milliseconds),
            Self::SwapFailed { message } => swap_failed(formatter, message),
            Self::RestartNeeded { file } => restart_needed(formatter, file),
            Self::NotWatched { component } => not_watched(formatter, component),
            Self::Fine {
                manifest,
                components,
                routes,
                queries,
            } => fine(formatter, manifest, *components, *routes, *queries),
            Self::Purged(purge) => purged(formatter, purge),
            Self::CacheStatistics(statistics) => statistics.fmt(formatter),
            Self::Queues(overview) => overview.fmt(formatter),
            Self::Messages(messages) => messages.fmt(formatter),
            Self::Redriven { messages } => {
                write!(formatter, "{} delivered again", count(*messages, "message"))
            }
            Self::Dropped { messages } => {
                write!(formatter, "{} deleted", count(*messages, "message"))
            }
            Self::Migrated(migrated) => migrated.fmt(formatter),
            Self::Pending(pending) => pending.fmt(formatter),
            Self::NothingToMigrate => formatter.write_str("all migrations are applied"),
            Self::SqlAnswer(answer) => answer.fmt(formatter),
            Self::SqlPlan(plan) => plan.fmt(formatter),
            Self::SqlTranslation(translation) => translation.fmt(formatter),
            Self::SqlAdvice(advice) => advice.fmt(formatter),
            Self::SqlMovePlan(plan) => plan.fmt(formatter),
            Self::SqlMoveProgress(progress) => progress.fmt(formatter),
            Self::SqlMoveFinding(finding) => finding.fmt(formatter),
            Self::SqlMoved(moved) => moved.fmt(formatter),
            Self::SqlMoveAbandoned => formatter.write_str("the move is given up"),
            Self::BackupProgress(progress) => progress.fmt(formatter),
            Self::NotBackedUp(elsewhere) => not_backed_up(formatter, elsewhere),
            Self::NotRestored(elsewhere) => not_restored(formatter, elsewhere),
            Self::DeployStep(step) => step.fmt(formatter),
            Self::Deployed(deployed) => deployed.fmt(formatter),
            Self::Versions(versions) => versions.fmt(formatter),
            Self::BackedUp(made) => made.fmt(formatter),
            Self::Restored(restored) => restored.fmt(formatter),
            Self::Fault(fault) => write!(formatter, "{}: {}", fault.file.display(), fault.message),
            Self::Failed {
                message,
                suggestion,
            } => failed(formatter, message, *suggestion),
        }
    }
}

impl fmt::Display for Ready<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "terrace: serving {} at {}", self.app, self.http)?;
        if let Some(https) = &self.https {
            write!(formatter, " and {https}")?;
        }
        match &self.admin {
            Some(admin) => write!(formatter, " (admin {admin})"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for BundleServed<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { app, version, .. } = self;
        let named = format!("{app} {version}");
        write!(
            formatter,
            "{} from {}",
            named.trim_end(),
            self.file.display()
        )?;
        if let Some(commit) = self.commit {
            write!(formatter, ", commit {commit}")?;
        }
        write!(formatter, ", sha256:{}", self.digest)
    }
}

fn bundle_refused(formatter: &mut fmt::Formatter<'_>, file: &Path, message: &str) -> fmt::Result {
    let file = file.display();
    write!(
        formatter,
        "{message}\nnot served: {file}; an earlier bundle is"
    )
}

fn swapped(
    formatter: &mut fmt::Formatter<'_>,
    components: &[&str],
    milliseconds: u128,
) -> fmt::Result {
    match components {
        [] => write!(formatter, "swapped the manifest in {milliseconds} ms"),
        _ => {
            let components = components.join(", ");
            write!(formatter, "swapped {components} in {milliseconds} ms")
        }
    }
}

fn swap_failed(formatter: &mut fmt::Formatter<'_>, message: &str) -> fmt::Result {
    write!(
        formatter,
        "{message}\nnot swapped: the last good build goes on serving"
    )
}

fn restart_needed(formatter: &mut fmt::Formatter<'_>, file: &Path) -> fmt::Result {
    let file = file.display();
    write!(formatter, "{file} changed: restart `terrace dev` to use it")
}

fn not_watched(formatter: &mut fmt::Formatter<'_>, component: &str) -> fmt::Result {
    write!(
        formatter,
        "changes of {component} are not noticed: name its sources in `watch` of [component.{component}.build]"
    )
}

fn failed(
    formatter: &mut fmt::Formatter<'_>,
    message: &str,
    suggestion: Option<&str>,
) -> fmt::Result {
    write!(formatter, "terrace: {message}")?;
    match suggestion {
        Some(suggestion) => write!(formatter, "\n    help: {suggestion}"),
        None => Ok(()),
    }
}

fn built(formatter: &mut fmt::Formatter<'_>, component: &str, milliseconds: u128) -> fmt::Result {
    let took = seconds(milliseconds);
    write!(formatter, "building {component} … done in {took}")
}

fn fine(
    formatter: &mut fmt::Formatter<'_>,
    manifest: &Path,
    components: usize,
    routes: usize,
    queries: Option<usize>,
) -> fmt::Result {
    let manifest = manifest.display();
    let components = count(components as u64, "component");
    let routes = count(routes as u64, "route");
    write!(formatter, "{manifest} is fine: {components}, {routes}")?;
    match queries {
        Some(1) => formatter.write_str(", 1 query"),
        Some(number) => write!(formatter, ", {number} queries"),
        None => Ok(()),
    }
}

fn purged(formatter: &mut fmt::Formatter<'_>, Purged { purged, detail }: &Purged) -> fmt::Result {
    write!(formatter, "purged {}", count(*purged, "response"))?;
    let mut detail = detail.iter();
    detail.try_for_each(|detail| write!(formatter, ": {detail}"))
}

/// A span in tenths of a second.
fn seconds(milliseconds: u128) -> String {
    format!("{}.{} s", milliseconds / 1000, milliseconds % 1000 / 100)
}

fn count(number: u64, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        _ => format!("{number} {noun}s"),
    }
}

#[cfg(test)]
mod tests;
