//! `[cache]`: how much the edge cache keeps, and how it behaves where the standards leave a choice.

use std::path::Path;
use std::time::Duration;

use edge_cache::limits::{DEFAULT_CAPACITY_BYTES, DEFAULT_STALE_WHEN_DISCONNECTED};
use edge_cache::rules::storing::SetCookie;
use http::{HeaderName, StatusCode};

use super::key_rules::{KeyRules, key_rules};
use super::{Cache, CacheDisk, Redis, store};
use crate::document::{Table, Value};
use crate::fault::Reason;
use crate::limits::{MAX_CACHED_RESPONSE_DIVISOR, MIN_CACHE_DISK, MIN_CACHE_MEMORY};
use crate::units::{duration, size};

/// The targeted field that all caches on the way to a client's own obey (RFC 9213 §3.1).
const DEFAULT_TARGETED_FIELD: HeaderName = HeaderName::from_static("cdn-cache-control");

pub(super) fn cache(root: &Table<'_>, directory: &Path) -> Cache {
    let Some(table) = root.table("cache", "[cache]") else {
        return defaults();
    };
    let defaults = defaults();
    let cache = Cache {
        memory: table.parsed("memory", memory).unwrap_or(defaults.memory),
        max_response: table.parsed("max_response", size),
        targeted_fields: targeted_fields(&table).unwrap_or(defaults.targeted_fields),
        negative: negative(&table),
        stale_if_unreachable: table
            .parsed("stale_if_unreachable", duration)
            .unwrap_or(defaults.stale_if_unreachable),
        compression: table.boolean("compression").unwrap_or(defaults.compression),
        set_cookie: table
            .parsed("set_cookie", set_cookie)
            .unwrap_or(defaults.set_cookie),
        shared: shared(&table),
        disk: disk(&table, directory),
        key_rules: key_rules(&table),
    };
    check_max_response(&table, &cache);
    check_disk(&table, &cache);
    if cache.memory.is_none()
        && let Some(shared) = table.get("shared")
    {
        let what = "a server without a cache of its own shares none";
        shared.report(Reason::new(what).help("remove `shared`, or give `memory` a size"));
    }
    table.finish();
    cache
}

fn defaults() -> Cache {
    Cache {
        memory: Some(DEFAULT_CAPACITY_BYTES),
        max_response: None,
        targeted_fields: [DEFAULT_TARGETED_FIELD].into(),
        negative: Vec::new(),
        stale_if_unreachable: DEFAULT_STALE_WHEN_DISCONNECTED,
        compression: true,
        set_cookie: SetCookie::default(),
        shared: None,
        disk: None,
        key_rules: KeyRules::default(),
    }
}

/// The server of `shared`. Whether its URL is right is seen when it is opened.
fn shared(table: &Table<'_>) -> Option<Redis> {
    // All keys are read before one of them ends this: a key that nobody reads counts as unknown.
    let password = store::password(table, "shared_password_variable");
    let url = table.get("shared")?;
    Some(Redis {
        url: url.parsed(store::redis_url)?,
        password: password?,
        prefix: None,
    })
}

/// The folder of `disk`. Whether it can be used is seen when it is opened.
fn disk(table: &Table<'_>, directory: &Path) -> Option<CacheDisk> {
    let disk = table.table("disk", "`disk` of [cache]")?;
    let path = disk.required("path", "add `path = \"/var/cache/terrace\"`");
    let bytes = disk.required("size", "add `size = \"10GiB\"`");
    disk.finish();
    Some(CacheDisk {
        path: directory.join(path?.string()?),
        size: bytes?.parsed(disk_size)?,
    })
}

fn disk_size(text: &str) -> Result<u64, Reason> {
    let bytes = size(text)?;
    if bytes >= MIN_CACHE_DISK {
        return Ok(bytes);
    }
    let help = "write at least `64MiB`";
    Err(Reason::new(format!("`{text}` is too little for a cache on disk")).help(help))
}

fn check_disk(table: &Table<'_>, cache: &Cache) {
    let Some(disk) = table.get("disk").filter(|_| cache.disk.is_some()) else {
        return;
    };
    if cache.memory.is_none() {
        let what = "a server without a cache has nothing to keep on disk";
        disk.report(Reason::new(what).help("remove `disk`, or give `memory` a size"));
    } else if cache.shared.is_some() {
        let what = "`disk` and `shared` cannot be used together yet";
        disk.report(Reason::new(what).help("remove one of them"));
    }
}

fn memory(text: &str) -> Result<Option<u64>, Reason> {
    if text == "off" {
        return Ok(None);
    }
    let bytes = size(text)?;
    if bytes >= MIN_CACHE_MEMORY {
        return Ok(Some(bytes));
    }
    let help = "write at least `1MiB`, or `memory = \"off\"` for no cache";
    Err(Reason::new(format!("`{text}` is too little for a cache")).help(help))
}

fn set_cookie(text: &str) -> Result<SetCookie, Reason> {
    match text {
        "if-public" => Ok(SetCookie::IfForAll),
        "store" => Ok(SetCookie::Store),
        _ => {
            let help = "write `\"if-public\"` or `\"store\"`";
            Err(Reason::new(format!("`{text}` is not a value of `set_cookie`")).help(help))
        }
    }
}

fn check_max_response(table: &Table<'_>, cache: &Cache) {
    let (Some(memory), Some(max_response)) = (cache.memory, cache.max_response) else {
        return;
    };
    if max_response > memory / MAX_CACHED_RESPONSE_DIVISOR
        && let Some(value) = table.get("max_response")
    {
        let what = "a response of this size would push out most of the others";
        let help = format!(
            "write at most {} bytes, an eighth of `memory`",
            memory / MAX_CACHED_RESPONSE_DIVISOR
        );
        value.report(Reason::new(what).help(help));
    }
}

fn targeted_fields(table: &Table<'_>) -> Option<Box<[HeaderName]>> {
    let value = table.get("targeted_fields")?;
    let fields = value.strings().into_iter();
    let fields = fields.filter_map(|(place, _)| place.parsed(field_name));
    Some(fields.collect())
}

fn field_name(text: &str) -> Result<HeaderName, Reason> {
    text.parse().map_err(|_| {
        let help = "write names of fields, such as `CDN-Cache-Control`, the most specific first";
        Reason::new(format!("`{text}` cannot be the name of a field")).help(help)
    })
}

fn negative(table: &Table<'_>) -> Vec<(StatusCode, Duration)> {
    let entries = table
        .table("negative", "[cache.negative]")
        .map(|table| table.entries());
    let entries = entries.unwrap_or_default();
    entries.iter().filter_map(negative_entry).collect()
}

fn negative_entry(entry: &Value<'_>) -> Option<(StatusCode, Duration)> {
    let status = entry.key().parse().ok();
    // 206 and 304 say something about another response (RFC 9111 §3.3 and §4.3.3).
    let is_known = |status: &StatusCode| status.is_client_error() || status.is_server_error();
    let Some(status) = status.filter(is_known) else {
        let help = "write a status from 400 to 599 and a time: `404 = \"10s\"`";
        let what = format!("`{}` is not the status of a failure", entry.key());
        entry.report_key(Reason::new(what).help(help));
        return None;
    };
    Some((status, entry.parsed(duration)?))
}
