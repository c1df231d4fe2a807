//! `[edge]`: the origin of `terrace edge`, and its timeouts.

use std::time::Duration;

use super::{Edge, Origin};
use crate::document::Table;
use crate::fault::Reason;
use crate::limits::{
    DEFAULT_CONNECT_TIMEOUT, DEFAULT_EDGE_REQUEST_TIMEOUT, DEFAULT_READ_TIMEOUT,
    DEFAULT_REQUEST_BODY,
};
use crate::units::{duration, size};

pub(super) fn edge(root: &Table<'_>) -> Edge {
    let table = root.table("edge", "[edge]");
    let time = |key, default: Duration| {
        let given = table.as_ref().and_then(|table| table.parsed(key, duration));
        given.unwrap_or(default)
    };
    let edge = Edge {
        origin: table.as_ref().and_then(origin),
        connect_timeout: time("connect_timeout", DEFAULT_CONNECT_TIMEOUT),
        first_byte_timeout: time("first_byte_timeout", DEFAULT_READ_TIMEOUT),
        between_bytes_timeout: time("between_bytes_timeout", DEFAULT_READ_TIMEOUT),
        request_timeout: time("request_timeout", DEFAULT_EDGE_REQUEST_TIMEOUT),
        request_body: table
            .as_ref()
            .and_then(|table| table.parsed("request_body", size))
            .unwrap_or(DEFAULT_REQUEST_BODY),
    };
    table.iter().for_each(Table::finish);
    edge
}

/// The one origin. All of them are judged.
fn origin(table: &Table<'_>) -> Option<Origin> {
    let value = table.get("origins")?;
    let origins = value.strings();
    match origins.len() {
        0 if value.is_list() => {
            let help = "write one: `origins = [\"http://10.0.0.2:3000\"]`";
            value.report(Reason::new("`origins` is empty").help(help));
        }
        0 | 1 => {}
        _ => {
            let what = "this version of Terrace does not balance load over several origins yet";
            value.report(Reason::new(what).help("keep one of them"));
        }
    }
    let origins = origins.into_iter();
    let judged: Vec<_> = origins
        .filter_map(|(place, _)| place.parsed(Origin::parse))
        .collect();
    judged.into_iter().next()
}
