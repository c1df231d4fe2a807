//! All results of one run, as tables, `results.json` and `bench.svg`.

use std::{fmt, fs, path::Path};

use serde::Serialize;

use crate::{
    Outcome, functions::Functions, machine::Machine, nodes::Nodes, options::Settings, plot,
    programs::Peers, queues::Queues, start::Starts, throughput::Workload,
};

/// One run.
#[derive(Serialize)]
pub(crate) struct Results {
    pub(crate) machine: Machine,
    pub(crate) settings: Settings,
    pub(crate) peers: Peers,
    pub(crate) workloads: Vec<Workload>,
    pub(crate) queues: Vec<Queues>,
    pub(crate) nodes: Option<Nodes>,
    pub(crate) starts: Option<Starts>,
    pub(crate) functions: Option<Functions>,
}

impl Results {
    /// Writes `results.json` and `bench.svg` into a folder.
    ///
    /// # Errors
    /// When it cannot be written to.
    pub(crate) fn write(&self, folder: &Path) -> Outcome {
        let json = serde_json::to_string_pretty(self)?;
        fs::write(folder.join("results.json"), json + "\n")?;
        let starts = self.starts.iter().flat_map(Starts::charts);
        let charts: Vec<_> = self
            .workloads
            .iter()
            .map(Workload::chart)
            .chain(starts)
            .collect();
        Ok(fs::write(folder.join("bench.svg"), plot::svg(&charts))?)
    }

    /// Whether all measurements of Terrace succeeded. The tables say which other servers are missing.
    pub(crate) fn has_all_of_terrace(&self) -> bool {
        let rows = self
            .workloads
            .iter()
            .flat_map(|workload| &workload.rows)
            .map(|row| (&row.name, row.finding.reason()));
        let starts = self
            .starts
            .iter()
            .flat_map(|starts| &starts.rows)
            .map(|row| (&row.name, row.finding.reason()));
        let nodes = self
            .nodes
            .iter()
            .flat_map(|nodes| &nodes.rows)
            .map(|row| (&row.name, row.finding.reason()));
        let queues = self
            .queues
            .iter()
            .flat_map(|queues| &queues.rows)
            .map(|row| (&row.name, row.finding.reason()));
        let failed = rows
            .chain(queues)
            .chain(starts)
            .chain(nodes)
            .any(|(name, reason)| name.starts_with("terrace") && reason.is_some());
        let functions = self.functions.as_ref();
        !failed && functions.is_none_or(Functions::is_complete)
    }
}

impl fmt::Display for Results {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}", self.machine)?;
        for peer in self.peers.iter() {
            let version = peer
                .path
                .as_ref()
                .map_or("not installed", |_| &peer.version);
            writeln!(formatter, "  {}: {version} ({})", peer.name, peer.source)?;
        }
        for workload in &self.workloads {
            write!(formatter, "\n{}", workload.table())?;
        }
        for queues in &self.queues {
            write!(formatter, "\n{}", queues.table())?;
        }
        if let Some(nodes) = &self.nodes {
            write!(formatter, "\n{}", nodes.table())?;
        }
        if let Some(starts) = &self.starts {
            write!(formatter, "\n{}", starts.table())?;
        }
        if let Some(functions) = &self.functions {
            write!(formatter, "\n{}", functions.table())?;
        }
        Ok(())
    }
}
