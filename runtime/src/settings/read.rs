//! The settings from top to bottom.

use std::collections::BTreeMap;
use std::path::Path;

use super::{
    AccessLog, Config, Log, LogLevel, Rates, ServerLimits, cache, cluster, deploy, edge, listen,
    outbound, queue, rates, store,
};
use crate::document::Table;
use crate::fault::{Reason, choice};
use crate::limits::DEFAULT_INSTANCE_MEMORY;
use crate::units::{duration, size};
use crate::variables::check_name;

/// What the whole file means. Paths are relative to `directory`; what keys leave open is in `state`.
pub(super) fn config(root: &Table<'_>, directory: &Path, state: &Path) -> Config {
    let runtime = root.table("runtime", "[runtime]");
    let (sql, kv) = store::stores(root, directory, state);
    let (limits, rates) = limits(root);
    let queue = queue::queue(root, directory, state, (&sql, &kv));
    let config = Config {
        listen: listen::listen(root, directory),
        limits,
        rates,
        log: log(root),
        variables: variables(root),
        sql,
        kv,
        queue,
        cache: cache::cache(root, directory),
        edge: edge::edge(root, directory),
        cluster: cluster::cluster(root),
        deploy: deploy::deploy(root),
        blocked_networks: outbound::blocked_networks(root),
        cache_directory: runtime
            .as_ref()
            .and_then(|table| table.string("cache_dir"))
            .map_or_else(|| state.join("cache"), |path| directory.join(path)),
        instance_memory: runtime
            .as_ref()
            .and_then(|table| table.parsed("memory", size))
            .unwrap_or(DEFAULT_INSTANCE_MEMORY),
    };
    runtime.iter().for_each(Table::finish);
    root.finish();
    config
}

fn limits(root: &Table<'_>) -> (ServerLimits, Rates) {
    let standard = ServerLimits::standard();
    let Some(table) = root.table("limits", "[limits]") else {
        return (standard, Rates::default());
    };
    let time = |key, default| table.parsed(key, duration).unwrap_or(default);
    let count = |key, default| {
        let given = table.number(key, 1, u32::MAX.into());
        given.map_or(default, whole)
    };
    let header_bytes = table.parsed("header_bytes", size);
    let limits = ServerLimits {
        max_header_bytes: header_bytes.map_or(standard.max_header_bytes, whole),
        max_header_count: count("header_count", standard.max_header_count),
        header_timeout: time("header_timeout", standard.header_timeout),
        body_progress_timeout: time("body_timeout", standard.body_progress_timeout),
        write_progress_timeout: time("write_timeout", standard.write_progress_timeout),
        min_rate: table.parsed("min_rate", rate).unwrap_or(standard.min_rate),
        keep_alive_timeout: time("keep_alive_timeout", standard.keep_alive_timeout),
        max_connections: count("connections", standard.max_connections),
        drain_timeout: time("drain_timeout", standard.drain_timeout),
        ..standard
    };
    let rates = rates::rates(&table);
    table.finish();
    (limits, rates)
}

/// Bytes per second; `off` for none.
fn rate(text: &str) -> Result<u64, Reason> {
    if text == "off" { Ok(0) } else { size(text) }
}

/// A number from the file as a length in memory; one that no memory can have is as good as the longest.
fn whole(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn log(root: &Table<'_>) -> Log {
    const ACCESS: [(&str, AccessLog); 3] = [
        ("human", AccessLog::Human),
        ("json", AccessLog::Json),
        ("off", AccessLog::Off),
    ];
    const LEVELS: [(&str, LogLevel); 5] = [
        ("error", LogLevel::Error),
        ("warn", LogLevel::Warn),
        ("info", LogLevel::Info),
        ("debug", LogLevel::Debug),
        ("trace", LogLevel::Trace),
    ];
    let table = root.table("log", "[log]");
    let table = table.as_ref();
    let access = table.and_then(|table| table.parsed("access", |text| choice(text, &ACCESS)));
    let level = table.and_then(|table| table.parsed("level", |text| choice(text, &LEVELS)));
    table.into_iter().for_each(Table::finish);
    Log {
        access: access.unwrap_or(AccessLog::Human),
        level: level.unwrap_or(LogLevel::Info),
    }
}

fn variables(root: &Table<'_>) -> BTreeMap<String, String> {
    let entries = root
        .table("variables", "[variables]")
        .map(|table| table.string_entries());
    let mut variables = BTreeMap::new();
    for (entry, text) in entries.unwrap_or_default() {
        if let Err(reason) = check_name(entry.key()) {
            entry.report_key(reason);
        }
        variables.insert(entry.key().to_owned(), text.to_owned());
    }
    variables
}
