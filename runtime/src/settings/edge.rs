//! `[edge]`: the origins of `terrace edge`, its timeouts, and how it notices that an origin is out.

use std::path::Path;
use std::time::Duration;

use http::uri::PathAndQuery;

use super::authorities::authorities;
use super::{Edge, HealthChecks, Origin, OriginEntry, OriginProtocol};
use crate::document::{Table, Value};
use crate::fault::{Reason, choice};
use crate::limits::{
    DEFAULT_CHECK_INTERVAL, DEFAULT_CHECK_TIMEOUT, DEFAULT_CONNECT_TIMEOUT,
    DEFAULT_EDGE_REQUEST_TIMEOUT, DEFAULT_FAILURES, DEFAULT_ORIGIN_CONNECTIONS,
    DEFAULT_READ_TIMEOUT, DEFAULT_REQUEST_BODY, DEFAULT_SILENCE_TIMEOUT, DEFAULT_WEBSOCKET_TIMEOUT,
    MAX_FAILURES, MAX_ORIGIN_CONNECTIONS,
};
use crate::units::{duration, size};

const PROTOCOLS: [(&str, OriginProtocol); 2] = [
    ("http/1.1", OriginProtocol::Http1),
    ("http/2", OriginProtocol::Http2),
];

pub(super) fn edge(root: &Table<'_>, directory: &Path) -> Edge {
    let table = root.table("edge", "[edge]");
    let time = |key, default: Duration| {
        let given = table.as_ref().and_then(|table| table.parsed(key, duration));
        given.unwrap_or(default)
    };
    let edge = Edge {
        origins: table.as_ref().and_then(origins).unwrap_or_default(),
        shield: table.as_ref().map(shield).unwrap_or_default(),
        connect_timeout: time("connect_timeout", DEFAULT_CONNECT_TIMEOUT),
        first_byte_timeout: time("first_byte_timeout", DEFAULT_READ_TIMEOUT),
        between_bytes_timeout: time("between_bytes_timeout", DEFAULT_READ_TIMEOUT),
        silence_timeout: time("silence_timeout", DEFAULT_SILENCE_TIMEOUT),
        request_timeout: time("request_timeout", DEFAULT_EDGE_REQUEST_TIMEOUT),
        websocket_timeout: time("websocket_timeout", DEFAULT_WEBSOCKET_TIMEOUT),
        request_body: table
            .as_ref()
            .and_then(|table| table.parsed("request_body", size))
            .unwrap_or(DEFAULT_REQUEST_BODY),
        connections: table
            .as_ref()
            .and_then(|table| table.number("connections", 1, MAX_ORIGIN_CONNECTIONS))
            .and_then(|connections| usize::try_from(connections).ok())
            .unwrap_or(DEFAULT_ORIGIN_CONNECTIONS),
        origin_protocol: table
            .as_ref()
            .and_then(|table| table.parsed("origin_protocol", |text| choice(text, &PROTOCOLS)))
            .unwrap_or(OriginProtocol::Http1),
        origin_ca: table
            .as_ref()
            .and_then(|table| authorities(&table.get("origin_ca")?, directory)),
        hedge_after: table
            .as_ref()
            .and_then(|table| table.parsed("hedge_after", interval))
            .flatten(),
        health: health(table.as_ref()),
    };
    table.iter().for_each(Table::finish);
    edge
}

/// The origins that are right. All of them are judged.
fn origins(table: &Table<'_>) -> Option<Vec<OriginEntry>> {
    let value = table.get("origins")?;
    let given = value.strings();
    if given.is_empty() && value.is_list() {
        let help = "write one or more: `origins = [\"http://10.0.0.2:3000\"]`";
        value.report(Reason::new("`origins` is empty").help(help));
    }
    let mut origins = Vec::new();
    for (place, _) in given {
        place.parsed(|text| OriginEntry::add(text, &mut origins));
    }
    Some(origins)
}

/// The edges before the origins that are right. All of them are judged.
fn shield(table: &Table<'_>) -> Vec<Origin> {
    let given = table.get("shield").map(|value| value.strings());
    let mut shield = Vec::new();
    for (place, _) in given.unwrap_or_default() {
        place.parsed(|text| add_shield(text, &mut shield));
    }
    shield
}

fn add_shield(text: &str, shield: &mut Vec<Origin>) -> Result<(), Reason> {
    let edge = Origin::parse(text)?;
    if shield.contains(&edge) {
        let what = format!("the edge {edge} is in the list twice");
        return Err(Reason::new(what).help("remove one of them"));
    }
    shield.push(edge);
    Ok(())
}

fn health(edge: Option<&Table<'_>>) -> HealthChecks {
    let table = edge.and_then(|edge| edge.table("health", "[edge.health]"));
    let defaults = HealthChecks {
        path: None,
        interval: Some(DEFAULT_CHECK_INTERVAL),
        timeout: DEFAULT_CHECK_TIMEOUT,
        failures: DEFAULT_FAILURES,
    };
    let Some(table) = table else {
        return defaults;
    };
    let health = HealthChecks {
        path: table.parsed("path", path),
        interval: table
            .parsed("interval", interval)
            .unwrap_or(defaults.interval),
        timeout: table
            .parsed("timeout", duration)
            .unwrap_or(defaults.timeout),
        failures: table
            .number("failures", 1, MAX_FAILURES)
            .and_then(|failures| u32::try_from(failures).ok())
            .unwrap_or(defaults.failures),
    };
    if health.path.is_some() && health.interval.is_none() {
        let path: Option<Value<'_>> = table.get("path");
        let what = "`path` has no use while `interval` is \"off\"";
        let reason = Reason::new(what).help("remove one of them");
        path.iter().for_each(|path| path.report(reason.clone()));
    }
    table.finish();
    health
}

fn interval(text: &str) -> Result<Option<Duration>, Reason> {
    match text {
        "off" => Ok(None),
        _ => duration(text).map(Some),
    }
}

fn path(text: &str) -> Result<PathAndQuery, Reason> {
    let path = text.parse().ok().filter(|_| text.starts_with('/'));
    path.ok_or_else(|| {
        let what = format!("`{text}` is not the path of a URL");
        Reason::new(what).help("write a path: `path = \"/healthy\"`")
    })
}
