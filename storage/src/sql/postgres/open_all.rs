//! Opens a database with its replicas: finds the primary among the servers, and refuses those that are no replicas of it. A server
//! that is down may come later.

use std::time::Instant;

use futures::future::join_all;

use super::address::Address;
use super::catalog::Catalog;
use super::job::Stop;
use super::open::{self, Opened};
use super::server::WHO;
use super::tls::Connector;
use crate::sql::open::OpenError;

/// A server, and how a connection to it is made.
pub(super) struct Addressed {
    pub(super) address: Address,
    pub(super) connector: Connector,
}

/// A server that was reached, or may be later.
pub(super) struct OpenedServer {
    pub(super) opened: Opened,
    pub(super) connector: Connector,
    pub(super) shown: String,
}

/// The servers of a database.
pub(super) struct OpenedServers {
    /// The identifier of their data; 0 for a server without replicas, which is not asked.
    pub(super) system: u64,
    pub(super) servers: Vec<OpenedServer>,
    /// The index of the primary.
    pub(super) primary: usize,
}

/// What a server is.
struct Found {
    opened: Opened,
    system: u64,
    /// Its timeline, if it follows no other.
    timeline: Option<u32>,
}

/// Opens the database of the first server, the others of which are its replicas: or the other way round, if they have changed places.
///
/// # Errors
///
/// See [`OpenError`].
pub(super) async fn open(
    servers: Vec<Addressed>,
    catalog: &Catalog,
    deadline: Instant,
) -> Result<OpenedServers, OpenError> {
    let mut found: Vec<Option<Found>> = Vec::new();
    let mut primary = 0;
    if servers.len() > 1 {
        let all = join_all(servers.iter().map(|server| find(server, deadline))).await;
        primary = primary_of(&all);
        let of_primary = all[primary].as_ref().ok();
        let of_primary = of_primary.map(|found| (found.system, found.timeline));
        for (at, (result, server)) in all.into_iter().zip(&servers).enumerate() {
            found.push(match at == primary {
                true => result.ok(),
                false => judge(&server.address.shown, result, of_primary)?,
            });
        }
    }
    let Addressed { address, connector } = &servers[primary];
    let opened = open::open(address, connector, catalog, deadline).await?;
    let system = found.get(primary).and_then(Option::as_ref);
    let system = system.map_or(0, |found| found.system);
    if primary > 0 {
        let shown = &address.shown;
        tracing::warn!("the primary of a database is {shown}, and not the server of its `url`");
    }
    let mut of_primary = Some(opened);
    let opened = servers.into_iter().enumerate().map(|(at, server)| {
        let found = found.get_mut(at).and_then(Option::take);
        let opened = match at == primary {
            true => of_primary.take(),
            false => found.map(|found| found.opened),
        };
        OpenedServer {
            // One that is down is taken for a server itself, and not for a pooler.
            opened: opened.unwrap_or_else(|| Opened {
                config: server.address.direct(),
                is_direct: true,
            }),
            connector: server.connector,
            shown: server.address.shown,
        }
    });
    Ok(OpenedServers {
        system,
        servers: opened.collect(),
        primary,
    })
}

/// The server that takes writes on the newest timeline; the first of them.
fn primary_of(all: &[Result<Found, OpenError>]) -> usize {
    let timeline = |at: usize| all[at].as_ref().ok().and_then(|found| found.timeline);
    let newest = (0..all.len()).rev().max_by_key(|&at| timeline(at));
    newest.filter(|&at| timeline(at).is_some()).unwrap_or(0)
}

/// Refuses a server that is no replica of a primary with this system and timeline, and cannot become one. `None` if it is down.
fn judge(
    shown: &str,
    found: Result<Found, OpenError>,
    primary: Option<(u64, Option<u32>)>,
) -> Result<Option<Found>, OpenError> {
    let refused = |message| {
        Err(OpenError::Replica {
            server: shown.to_owned(),
            message,
        })
    };
    let found = match found {
        Ok(found) => found,
        Err(OpenError::Unreachable { message, .. } | OpenError::Server { message, .. }) => {
            tracing::warn!("the replica {shown} is out, and is used once it answers: {message}");
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let Some((system, timeline)) = primary else {
        return Ok(Some(found));
    };
    if found.system != system {
        return refused(
            "it has the data of another server; name one that follows the server of `url` by streaming replication",
        );
    }
    if found.timeline.is_some() && found.timeline == timeline {
        return refused("it is the primary itself; name a server that follows it");
    }
    if found.timeline.is_some() {
        tracing::warn!(
            "the replica {shown} is not used: others left it behind, and it takes writes of its own"
        );
    }
    Ok(Some(found))
}

/// Asks a server what it is.
async fn find(server: &Addressed, deadline: Instant) -> Result<Found, OpenError> {
    let Addressed { address, connector } = server;
    let (config, mut connection) = open::reached(address, connector, deadline).await?;
    let question = format!("{WHO}, current_setting('{}', true)", super::address::DIRECT);
    let rows = connection.texts(&question, &mut Stop::at(deadline)).await;
    let unreadable = |message: String| OpenError::Server {
        server: address.shown.clone(),
        message,
    };
    let rows = rows.map_err(|failed| unreadable(failed.error().to_string()))?;
    let row = rows.into_iter().next().unwrap_or_default();
    let found = match <[String; 3]>::try_from(row) {
        Ok([system, timeline, direct]) => system.parse().ok().map(|system| Found {
            opened: Opened {
                config,
                is_direct: direct == "on",
            },
            system,
            timeline: timeline.parse().ok(),
        }),
        Err(_) => None,
    };
    found.ok_or_else(|| unreadable("it does not say whose data it has".to_owned()))
}
