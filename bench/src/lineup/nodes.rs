//! The contestants of the part `nodes`: a node whose function waits, and an edge in front of several such nodes.

use std::{fs, net::SocketAddr};

use super::Lineup;
use crate::{
    Outcome,
    apps::{App, WAITING, WITHOUT_CACHE},
    contestant::{Contestant, Kind},
};

/// What is asked for: the function waits for 20 ms, as one does that asks a database.
const WAITING_PATH: &str = "/sleep/20";

/// Its response.
const WAITED: &str = "slept";

impl Lineup<'_> {
    /// A node whose function waits. Several of them can run at once.
    pub(crate) fn waiting_node(&self) -> Outcome<Contestant> {
        let app = App::new(WITHOUT_CACHE);
        let app = app.with("faults", "/...", &self.guest("faults_p3"), WAITING);
        Ok(Contestant {
            path: WAITING_PATH,
            expects: WAITED,
            ..self.terrace("terrace, a node", &app)?
        })
    }

    /// An edge in front of nodes.
    pub(crate) fn edge_of_nodes(&self, origins: Vec<SocketAddr>) -> Outcome<Contestant> {
        let name = format!("terrace edge, {} nodes", origins.len());
        let program = Ok(self.files.terrace.clone());
        let edge = self.contestant(&name, program, Kind::TerraceEdge { origins })?;
        fs::write(edge.folder.join("terrace.toml"), WITHOUT_CACHE)?;
        Ok(Contestant {
            path: WAITING_PATH,
            expects: WAITED,
            ..edge
        })
    }
}
