//! Deployments as text for people and as JSON.

use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

use crate::bundle::short_digest;
use crate::rollout::{Deployment, Phase, Seen, Status, Version};

/// How far a deployment is.
#[derive(Debug, Serialize)]
pub(crate) struct DeployStep<'s> {
    /// The server; absent if all of them are meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) server: Option<&'s str>,
    pub(crate) step: &'static str,
    /// The part of the requests that the new version gets, in percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) share: Option<f64>,
    /// The requests of both versions that were compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) compared: Option<Compared>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<&'s str>,
}

/// The requests of both versions.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Compared {
    new: Seen,
    old: Seen,
}

/// A deployment that is over, or holds.
#[derive(Debug, Serialize)]
pub(crate) struct Deployed<'s> {
    pub(crate) app: &'s str,
    pub(crate) version: &'s str,
    pub(crate) digest: &'s str,
    pub(crate) servers: usize,
    /// The part of the requests at which it is held, in percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) share: Option<f64>,
}

/// The versions, and the one that each server serves.
#[derive(Debug, Serialize)]
pub(crate) struct Versions {
    /// The newest first.
    versions: Vec<Version>,
    servers: Vec<Serving>,
}

#[derive(Debug, Serialize)]
struct Serving {
    server: String,
    /// The digest of the bundle that it serves.
    digest: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    deployment: Option<Deployment>,
    /// Why it tells nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl<'s> DeployStep<'s> {
    pub(crate) fn new(server: Option<&'s str>, step: &'static str) -> Self {
        Self {
            server,
            step,
            share: None,
            compared: None,
            reason: None,
        }
    }
}

impl Compared {
    /// The requests of a deployment; `None` before there are any.
    pub(crate) fn of(deployment: &Deployment) -> Option<Self> {
        let (new, old) = (deployment.new, deployment.old);
        (new.requests > 0).then_some(Self { new, old })
    }
}

impl Versions {
    /// Those of servers by their URLs. The versions are those of the server with the newest one.
    pub(crate) fn new(told: Vec<(String, Result<Status, String>)>) -> Self {
        let statuses = told.iter().filter_map(|(_, status)| status.as_ref().ok());
        let newest = statuses.max_by_key(|status| status.current().map(|of| &of.stamp));
        let versions = newest.map(|status| status.versions.clone());
        let servers = told.into_iter().map(|(server, status)| match status {
            Ok(status) => Serving {
                server,
                digest: status.digest,
                deployment: status.deployment.filter(|of| !of.phase.is_over()),
                error: None,
            },
            Err(error) => Serving {
                server,
                digest: String::new(),
                deployment: None,
                error: Some(error),
            },
        });
        Self {
            versions: versions.unwrap_or_default(),
            servers: servers.collect(),
        }
    }
}

impl fmt::Display for DeployStep<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(server) = self.server {
            write!(formatter, "{server}: ")?;
        }
        formatter.write_str(self.step)?;
        if let Some(share) = self.share {
            write!(formatter, ", {share} % of the requests")?;
        }
        if let Some(Compared { new, old }) = self.compared {
            write!(formatter, ": new {}, before {}", shown(&new), shown(&old))?;
        }
        match self.reason {
            Some(reason) => write!(formatter, ": {reason}"),
            None => Ok(()),
        }
    }
}

fn shown(seen: &Seen) -> String {
    let Seen {
        requests, failures, ..
    } = seen;
    let times = seen.p50_ms.zip(seen.p90_ms);
    let times = times.map_or(String::new(), |(p50, p90)| {
        format!(", p50 {p50:.1} ms, p90 {p90:.1} ms")
    });
    format!("{requests} requests, {failures} failed{times}")
}

impl fmt::Display for Deployed<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { app, version, .. } = self;
        let digest = short_digest(self.digest);
        let name = format!("{app} {version}");
        let servers = match self.servers {
            1 => "1 server".to_owned(),
            number => format!("{number} servers"),
        };
        match self.share {
            Some(share) => write!(
                formatter,
                "{} ({digest}) is held at {share} % of the requests on {servers}: `terrace deploy --continue` goes on with it, `terrace deploy --rollback` back",
                name.trim_end()
            ),
            None => write!(
                formatter,
                "{} ({digest}) is served by {servers}",
                name.trim_end()
            ),
        }
    }
}

impl fmt::Display for Versions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.versions.is_empty() {
            writeln!(formatter, "nothing was deployed so far")?;
        }
        for Version {
            stamp,
            version,
            commit,
            by,
            from,
        } in &self.versions
        {
            let at = i64::try_from(stamp.at)
                .ok()
                .and_then(|at| Timestamp::from_millisecond(at).ok());
            let at = at.map_or(String::new(), |at| format!("{at:.0}"));
            let commit = commit
                .as_deref()
                .map_or("", |commit| commit.get(..12).unwrap_or(commit));
            writeln!(
                formatter,
                "{:>4}  {}  {at}  {version:<10} {commit:<12}  {by}  {from}",
                stamp.number,
                short_digest(&stamp.digest),
            )?;
        }
        let mut lines = self.servers.iter().peekable();
        while let Some(serving) = lines.next() {
            serving.fmt(formatter)?;
            if lines.peek().is_some() {
                writeln!(formatter)?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Serving {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: ", self.server)?;
        if let Some(error) = &self.error {
            return formatter.write_str(error);
        }
        match &*self.digest {
            "" => formatter.write_str("serves a folder")?,
            digest => write!(formatter, "serves {}", short_digest(digest))?,
        }
        let Some(deployment) = &self.deployment else {
            return Ok(());
        };
        let tried = deployment
            .version
            .as_ref()
            .map_or("", |of| short_digest(&of.stamp.digest));
        let held = if deployment.held { "holds" } else { "tries" };
        match deployment.phase {
            Phase::Trying => write!(formatter, ", {held} {tried} at {} %", deployment.share)?,
            _ => write!(formatter, ", {} is deploying {tried}", deployment.by)?,
        }
        let compared = Compared::of(deployment);
        compared.map_or(Ok(()), |Compared { new, old }| {
            write!(formatter, ": new {}, before {}", shown(&new), shown(&old))
        })
    }
}
