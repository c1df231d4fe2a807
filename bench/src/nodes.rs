//! Measures whether throughput grows with the number of nodes behind an edge.

use std::{net::SocketAddr, path::Path};

use serde::Serialize;

use crate::{
    Outcome,
    apps::WAITING_AT_ONCE,
    finding::{Finding, Row, Series},
    limits::MAX_START_TIME,
    lineup::Lineup,
    load::{Load, Measured},
    options::Settings,
    server::Server,
    table::{Table, ratio},
    throughput::{Figures, of_first},
};

/// How many nodes there are, from row to row.
const COUNTS: [u32; 4] = [1, 2, 4, 8];

/// The aim for the requests per second of each node, divided by those of a node alone.
const AIM: f64 = 0.95;

/// Connections for each request that the nodes work on at once: enough that no node lacks work while its requests are on the way.
const CONNECTIONS_FOR_EACH: u32 = 2;

/// The results, one row for each number of nodes.
#[derive(Serialize)]
pub(crate) struct Nodes {
    pub(crate) rows: Vec<Row<Grown>>,
}

/// The summary of the rounds with so many nodes.
#[derive(Clone, Serialize)]
pub(crate) struct Grown {
    nodes: u32,
    #[serde(flatten)]
    figures: Figures,
    /// The requests per second of each node, divided by those of a node alone.
    of_one_alone: Option<f64>,
}

/// Measures each number of nodes in every round.
///
/// # Errors
/// When the contestants cannot be written.
pub(crate) async fn measure(
    lineup: &Lineup<'_>,
    settings: &Settings,
    script: &Path,
) -> Outcome<Nodes> {
    let node = lineup.waiting_node()?;
    let mut series = COUNTS.map(|_| Series::<Measured>::of(&node));
    for round in 1..=settings.rounds {
        for (nodes, series) in COUNTS.into_iter().zip(&mut series) {
            if series.goes_on() {
                let name = name(nodes);
                eprintln!("nodes: round {round} of {}, {name}", settings.rounds);
                let turn = take_turn(lineup, nodes, settings, script);
                series.note(&name, turn.await);
            }
        }
    }
    let rows = COUNTS.into_iter().zip(series);
    let rows = rows.map(|(nodes, series)| Row {
        name: name(nodes),
        finding: series.conclude(|samples| summarise(nodes, samples)),
    });
    let mut rows: Vec<_> = rows.collect();
    compare_with_one(&mut rows);
    Ok(Nodes { rows })
}

/// Starts so many nodes and an edge, and puts the load on it.
async fn take_turn(
    lineup: &Lineup<'_>,
    nodes: u32,
    settings: &Settings,
    script: &Path,
) -> Outcome<Measured> {
    let node = lineup.waiting_node()?;
    let mut running = Vec::new();
    for _ in 0..nodes {
        running.push(Server::start(&node, MAX_START_TIME).await?);
    }
    let origins: Vec<SocketAddr> = running.iter().map(|node| node.address).collect();
    let edge = lineup.edge_of_nodes(origins)?;
    let server = Server::start(&edge, MAX_START_TIME).await?;
    let url = edge.url(server.address);
    let of_all = |load: Load| Load {
        connections: nodes * WAITING_AT_ONCE * CONNECTIONS_FOR_EACH,
        ..load
    };
    of_all(settings.warm_up()).press(&url, script).await?;
    of_all(settings.load()).press(&url, script).await
}

fn summarise(nodes: u32, samples: &[Measured]) -> Option<Grown> {
    Some(Grown {
        nodes,
        figures: Figures::of(samples)?,
        of_one_alone: None,
    })
}

fn compare_with_one(rows: &mut [Row<Grown>]) {
    let Some(one) = of_first(rows, |grown| &grown.figures) else {
        return;
    };
    for row in rows.iter_mut().skip(1) {
        if let Finding::Measured(grown) = &mut row.finding {
            let each = grown.figures.requests_per_second.median / f64::from(grown.nodes);
            grown.of_one_alone = Some(each / one);
        }
    }
}

fn name(nodes: u32) -> String {
    match nodes {
        1 => "terrace, 1 node".to_owned(),
        nodes => format!("terrace, {nodes} nodes"),
    }
}

impl Nodes {
    /// For the terminal.
    pub(crate) fn table(&self) -> Table {
        let title = "nodes, 20 ms for each request";
        let header = [&Figures::HEADER[..], &["each ÷ one alone", "aim"]].concat();
        let mut table = Table::new(title, &header);
        for row in &self.rows {
            table.add(&row.name, &row.finding, cells);
        }
        table
    }
}

fn cells(grown: &Grown) -> Vec<String> {
    let mut cells = grown.figures.cells();
    if let Some(quotient) = grown.of_one_alone {
        cells.extend([ratio(quotient), format!("≥ {}", ratio(AIM))]);
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(nodes: u32, requests_per_second: f64) -> Row<Grown> {
        let sample = Measured {
            requests_per_second,
            p50_microseconds: 1.0,
            p99_microseconds: 1.0,
        };
        let grown = summarise(nodes, &[sample]).unwrap();
        Row {
            name: name(nodes),
            finding: Finding::Measured(grown),
        }
    }

    #[test]
    fn each_of_several_nodes_is_compared_with_one_alone() {
        let mut rows = [row(1, 200.0), row(4, 780.0)];
        compare_with_one(&mut rows);
        let quotients = rows.map(|row| row.finding.measured().unwrap().of_one_alone);
        assert_eq!(quotients[0], None);
        assert!((quotients[1].unwrap() - 0.975).abs() < 1e-9);
    }
}
