//! `[sql.LABEL]` and `[kv.LABEL]`: what keeps the state behind each label.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::read::not_yet;
use super::{DEFAULT_LABEL, Engine};
use crate::document::{Table, Value};
use crate::fault::Reason;
use crate::manifest::check_label;

/// The schemes of engines that later versions have.
const LATER: [&str; 6] = [
    "postgres",
    "postgresql",
    "redis",
    "rediss",
    "libsql",
    "citus",
];

/// The stores of a section by label. `default` is there even if the section is not.
pub(super) fn stores(
    root: &Table<'_>,
    section: &'static str,
    directory: &Path,
    default: &Path,
) -> BTreeMap<String, Engine> {
    let entries = root
        .table(section, format!("[{section}]"))
        .map(|table| table.entries());
    let mut stores =
        BTreeMap::from([(DEFAULT_LABEL.to_owned(), Engine::Sqlite(default.to_owned()))]);
    for entry in entries.unwrap_or_default() {
        if let Some(engine) = store(section, &entry, directory) {
            stores.insert(entry.key().to_owned(), engine);
        }
    }
    stores
}

fn store(section: &str, entry: &Value<'_>, directory: &Path) -> Option<Engine> {
    if let Err(reason) = check_label(entry.key()) {
        entry.report_key(reason);
    }
    let table = entry.table(format!("[{section}.{}]", entry.key()))?;
    let url = table.required("url", "add `url = \"sqlite:PATH\"`");
    if let Some(replicas) = table.get("replicas") {
        replicas.report_key(not_yet("`replicas`"));
    }
    table.finish();
    let path = url?.parsed(sqlite_path)?;
    Some(Engine::Sqlite(directory.join(path)))
}

/// The path of `sqlite:PATH`. Other URLs are not repeated in messages: they may hold passwords.
fn sqlite_path(url: &str) -> Result<PathBuf, Reason> {
    let help = "write `sqlite:PATH`, with a path relative to this file";
    let Some((scheme, path)) = url.split_once(':') else {
        return Err(Reason::new("the URL has no scheme").help(help));
    };
    match scheme {
        "sqlite" if path.is_empty() => Err(Reason::new("the URL has no path").help(help)),
        "sqlite" => Ok(PathBuf::from(path)),
        _ if LATER.contains(&scheme) => Err(not_yet(&format!("`{scheme}:` URLs")).help(help)),
        _ => Err(Reason::new("the scheme of the URL is not known").help(help)),
    }
}
