//! `[cluster]`: the registry in which nodes announce themselves and edges find them.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use super::{Origin, Redis, store};
use crate::document::Table;
use crate::fault::{Fault, Position, Reason};

/// The registry in which nodes announce themselves and edges find them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// The server that has it.
    pub redis: Redis,
    /// Where the settings name it.
    pub position: Position,
    /// Where edges reach this node; absent if its listener says it.
    pub advertise: Option<Origin>,
    /// The app whose nodes an edge uses; absent to find it out.
    pub app: Option<String>,
    /// Whether a node may have state of its own.
    pub allow_local: bool,
}

/// Whether its URL is right is seen when the registry is opened.
pub(super) fn cluster(root: &Table<'_>) -> Option<Cluster> {
    let table = root.table("cluster", "[cluster]")?;
    let url = table.required("url", "add `url = \"redis://HOST/NUMBER\"`");
    let password = store::password(&table, "password_variable");
    let (advertise, app) = (
        table.parsed("advertise", advertised),
        table.string("app").map(str::to_owned),
    );
    let allow_local = table.boolean("allow_local").unwrap_or(false);
    table.finish();
    let url = url?;
    Some(Cluster {
        redis: Redis {
            url: url.parsed(store::redis_url)?,
            password: password?,
            prefix: None,
        },
        position: Position {
            // The line may hold a password.
            excerpt: String::new(),
            ..url.key_position()
        },
        advertise,
        app,
        allow_local,
    })
}

/// An address at which others reach this node.
fn advertised(text: &str) -> Result<Origin, Reason> {
    let origin = Origin::parse(text)?;
    let host = origin.authority().host().trim_matches(['[', ']']);
    let is_unspecified = host
        .parse::<IpAddr>()
        .is_ok_and(|address| address.is_unspecified());
    if is_unspecified {
        let what = format!("nobody can connect to {host}");
        return Err(
            Reason::new(what).help("write an address that edges reach: `http://10.0.0.5:3000`")
        );
    }
    Ok(origin)
}

impl Cluster {
    /// Where others reach a node that listens there.
    ///
    /// # Errors
    /// If neither the settings nor the listener say it. The fault is one of the settings in `file`.
    pub fn address(&self, listener: SocketAddr, file: &Path) -> Result<Origin, Fault> {
        if let Some(advertise) = &self.advertise {
            return Ok(advertise.clone());
        }
        if listener.ip().is_unspecified() {
            let what = format!(
                "the node listens on {listener}, which does not say at which address edges reach it"
            );
            let help = "add `advertise = \"http://ADDRESS:PORT\"` with an address of this machine";
            return Err(Fault::new(file, Reason::new(what).help(help)).at(self.position.clone()));
        }
        Ok(Origin::of(listener))
    }
}
