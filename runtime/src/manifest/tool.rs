//! Reads `[component.ID.tool.terrace]`: the limits of a component, what it consumes, and its schedules. Tables of other tools are ignored.

use std::time::Duration;

use super::consumes::consumes;
use super::schedules::schedules;
use super::{ComponentLimits, Consumes, Reuse, Schedule, Subscription};
use crate::document::{Table, Value};
use crate::fault::Reason;
use crate::limits::{
    DEFAULT_CONCURRENCY, DEFAULT_CPU_TIME, DEFAULT_MEMORY, DEFAULT_QUEUE, DEFAULT_REQUEST_BODY,
    DEFAULT_REUSE_CONCURRENT, DEFAULT_REUSE_IDLE, DEFAULT_REUSE_REQUESTS, DEFAULT_TIMEOUT,
    MAX_MEMORY, MIN_MEMORY,
};
use crate::units::{duration, size};

/// The limits of a component without such a table.
pub(super) fn defaults() -> ComponentLimits {
    ComponentLimits {
        timeout: DEFAULT_TIMEOUT,
        cpu: DEFAULT_CPU_TIME,
        memory: DEFAULT_MEMORY,
        concurrency: DEFAULT_CONCURRENCY,
        queue: DEFAULT_QUEUE,
        request_body: DEFAULT_REQUEST_BODY,
        reuse: default_reuse(),
        cache: true,
    }
}

fn default_reuse() -> Reuse {
    Reuse::Shared {
        requests: DEFAULT_REUSE_REQUESTS,
        concurrent: DEFAULT_REUSE_CONCURRENT,
        idle: DEFAULT_REUSE_IDLE,
    }
}

/// The limits of a component, what it consumes, and its schedules.
pub(super) fn terrace(
    id: &str,
    component: &Table<'_>,
) -> (ComponentLimits, Vec<Consumes>, Vec<Schedule>) {
    let tools = component.table("tool", format!("[component.{id}.tool]"));
    let name = format!("[component.{id}.tool.terrace]");
    let Some(table) = tools.and_then(|tools| tools.table("terrace", name)) else {
        return (defaults(), Vec::new(), Vec::new());
    };
    let limits = limits(id, &table);
    let mut consumes = consumes(id, &table);
    let schedules = schedules(id, &table);
    table.finish();
    if let Some(first) = schedules.first() {
        let subscription = Subscription::Schedules(id.to_owned());
        consumes.push(Consumes {
            ordered_by: Some("subject".to_owned()),
            ..Consumes::of(subscription, first.position.clone())
        });
    }
    (limits, consumes, schedules)
}

fn limits(id: &str, table: &Table<'_>) -> ComponentLimits {
    let defaults = defaults();
    ComponentLimits {
        timeout: table
            .parsed("timeout", duration)
            .unwrap_or(defaults.timeout),
        cpu: table.parsed("cpu", duration).unwrap_or(defaults.cpu),
        memory: table.parsed("memory", memory).unwrap_or(defaults.memory),
        concurrency: count(table, "concurrency", 1).unwrap_or(defaults.concurrency),
        queue: count(table, "queue", 0).unwrap_or(defaults.queue),
        request_body: table
            .parsed("request_body", size)
            .unwrap_or(defaults.request_body),
        reuse: reuse(id, table).unwrap_or(defaults.reuse),
        cache: table.boolean("cache").unwrap_or(defaults.cache),
    }
}

fn memory(text: &str) -> Result<u64, Reason> {
    let bytes = size(text)?;
    if (MIN_MEMORY..=MAX_MEMORY).contains(&bytes) {
        return Ok(bytes);
    }
    let help = "write a size from `64KiB`, one page, to `4GiB`, all that 32-bit addresses reach";
    Err(Reason::new(format!("`{text}` is not an allowed size of memory")).help(help))
}

fn count(table: &Table<'_>, key: &'static str, least: u64) -> Option<u32> {
    let number = table.get(key)?.number(least, u32::MAX.into())?;
    u32::try_from(number).ok()
}

fn reuse(id: &str, table: &Table<'_>) -> Option<Reuse> {
    let value = table.get("reuse")?;
    if value.is_table() {
        return shared(id, &value);
    }
    value.parsed(|text| match text {
        "fresh" => Ok(Reuse::Fresh),
        _ => {
            let help = "write `reuse = \"fresh\"` or `reuse = { requests = 1000, concurrent = 1, idle = \"10s\" }`";
            Err(Reason::new(format!("`{text}` is not a value of `reuse`")).help(help))
        }
    })
}

fn shared(id: &str, value: &Value<'_>) -> Option<Reuse> {
    let table = value.table(format!("`reuse` of [component.{id}.tool.terrace]"))?;
    let idle: Option<Duration> = table.parsed("idle", duration);
    let reuse = Reuse::Shared {
        requests: count(&table, "requests", 1).unwrap_or(DEFAULT_REUSE_REQUESTS),
        concurrent: count(&table, "concurrent", 1).unwrap_or(DEFAULT_REUSE_CONCURRENT),
        idle: idle.unwrap_or(DEFAULT_REUSE_IDLE),
    };
    table.finish();
    Some(reuse)
}
