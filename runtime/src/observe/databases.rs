//! Owns the metrics of the databases, which are read from them when the metrics are asked for: a statement counts only once.

use std::fmt;

use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use storage::sql::{ServerFigures, ServerState};

use super::source::Figures;

/// What a database tells about itself. Labels with the same database have the same figures.
#[derive(Clone, Debug, Default)]
pub struct DatabaseFigures {
    /// The database's label.
    pub label: String,
    /// Statements that changed nothing.
    pub reads: u64,
    /// Statements that changed something, or tried to.
    pub writes: u64,
    /// Transactions that functions opened.
    pub transactions: u64,
    /// Transactions that were rolled back because their function ended, or was idle for too long.
    pub transactions_lost: u64,
    /// Statements that ran again.
    pub retries: u64,
    /// Statements refused because too many waited.
    pub overloads: u64,
    /// Statements that ended at their deadline.
    pub deadlines_exceeded: u64,
    /// Pauses because another process held a lock. On SQLite only.
    pub lock_waits: u64,
    /// Statements that wait now.
    pub waiting: u64,
    /// The connections to a server; none on SQLite.
    pub connections: Option<ConnectionFigures>,
    /// The servers of a database with replicas.
    pub servers: Vec<ServerFigures>,
}

/// The connections of this process to a database server.
#[derive(Clone, Copy, Debug, Default)]
pub struct ConnectionFigures {
    /// How many were opened.
    pub opened: u64,
    /// How many are open.
    pub open: u64,
    /// Whether the server did not answer, so that no others are tried for a while.
    pub is_out: bool,
}

/// A family of metrics: its name, what it is, and its value for a database that has it.
type Family = (
    &'static str,
    &'static str,
    fn(&DatabaseFigures) -> Option<u64>,
);

#[rustfmt::skip]
const GAUGES: [Family; 3] = [
    ("sql_waiting", "Statements that wait", |of| Some(of.waiting)),
    ("sql_connections", "Open connections to the database server", |of| Some(of.connections?.open)),
    ("sql_breaker_open", "1 while the database server does not answer and statements fail at once", |of| Some(of.connections?.is_out.into())),
];

#[rustfmt::skip]
const COUNTERS: [Family; 9] = [
    ("sql_reads", "Statements that changed nothing", |of| Some(of.reads)),
    ("sql_writes", "Statements that changed something", |of| Some(of.writes)),
    ("sql_transactions", "Transactions that functions opened", |of| Some(of.transactions)),
    ("sql_transactions_lost", "Transactions that nobody ended", |of| Some(of.transactions_lost)),
    ("sql_retries", "Statements that ran again", |of| Some(of.retries)),
    ("sql_overloads", "Statements refused because too many waited", |of| Some(of.overloads)),
    ("sql_deadlines_exceeded", "Statements that ended at their deadline", |of| Some(of.deadlines_exceeded)),
    ("sql_lock_waits", "Pauses because another process held a lock", |of| of.connections.is_none().then_some(of.lock_waits)),
    ("sql_connections_opened", "Connections opened to the database server", |of| Some(of.connections?.opened)),
];

/// The names of the states of servers.
const STATES: [(ServerState, &str); 4] = [
    (ServerState::Primary, "primary"),
    (ServerState::Replica, "replica"),
    (ServerState::Out, "out"),
    (ServerState::Apart, "apart"),
];

/// The metrics of the servers of databases with replicas.
fn encode_servers(all: &[DatabaseFigures], encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let servers = || {
        let all = all.iter();
        all.flat_map(|of| of.servers.iter().map(|server| (of.label.as_str(), server)))
    };
    if servers().next().is_none() {
        return Ok(());
    }
    let help = "Statements of requests that ran on a server as a replica";
    let mut family =
        encoder.encode_descriptor("sql_replica_reads", help, None, MetricType::Counter)?;
    for (label, server) in servers() {
        let labels = [("database", label), ("server", &server.server)];
        ConstCounter::new(server.reads).encode(family.encode_family(&labels)?)?;
    }
    let help = "How far a replica lagged behind its primary when it was looked at last";
    let name = "sql_replica_lag_seconds";
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (label, server) in servers() {
        let labels = [("database", label), ("server", &server.server)];
        if let Some(lag) = server.lag {
            ConstGauge::new(lag.as_secs_f64()).encode(family.encode_family(&labels)?)?;
        }
    }
    let help = "1 for the state in which a server was seen last";
    let mut family =
        encoder.encode_descriptor("sql_server_state", help, None, MetricType::Gauge)?;
    for (label, server) in servers() {
        for (state, name) in STATES {
            let labels = [
                ("database", label),
                ("server", &server.server),
                ("state", name),
            ];
            let is_so = i64::from(server.state == state);
            ConstGauge::new(is_so).encode(family.encode_family(&labels)?)?;
        }
    }
    Ok(())
}

impl Figures for Vec<DatabaseFigures> {
    fn encode(self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let values = |value: fn(&DatabaseFigures) -> Option<u64>| {
            let known = self.iter().map(move |of| (of.label.as_str(), value(of)));
            known
                .filter_map(|(label, value)| Some(([("database", label)], value?)))
                .collect::<Vec<_>>()
        };
        for (name, help, value) in GAUGES {
            let values = values(value);
            if values.is_empty() {
                continue;
            }
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for (labels, value) in values {
                let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
                gauge.encode(family.encode_family(&labels)?)?;
            }
        }
        for (name, help, value) in COUNTERS {
            let values = values(value);
            if values.is_empty() {
                continue;
            }
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for (labels, value) in values {
                ConstCounter::new(value).encode(family.encode_family(&labels)?)?;
            }
        }
        encode_servers(&self, &mut encoder)
    }
}
