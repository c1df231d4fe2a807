//! `[sql.LABEL]` and `[kv.LABEL]`: the database or the store behind each label.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use storage::sql::DEFAULT_CONNECTIONS;

use super::{DEFAULT_LABEL, Engine, Postgres, not_yet, same_file};
use crate::document::{Table, Value};
use crate::environment;
use crate::fault::Reason;
use crate::limits::MAX_SQL_CONNECTIONS;
use crate::manifest::check_label;

/// The schemes of engines that later versions have.
const LATER: [&str; 4] = ["redis", "rediss", "libsql", "citus"];

/// The databases and the key-value stores by label. `default` is among both even if the file does not name it.
///
/// No file may be both: a component that may use the database would read and write every key-value store in it.
pub(super) fn stores(
    root: &Table<'_>,
    directory: &Path,
    state: &Path,
) -> (BTreeMap<String, Engine>, BTreeMap<String, Engine>) {
    let sql = section(root, "sql", directory, &state.join("default.db"));
    let kv = section(root, "kv", directory, &state.join("kv.db"));
    for (database, store) in sql.iter().flat_map(|a| kv.iter().map(move |b| (a, b))) {
        let (Engine::Sqlite(path), Engine::Sqlite(other)) = (&store.engine, &database.engine)
        else {
            continue;
        };
        if !same_file::is_same(path, other) {
            continue;
        }
        let reason = Reason::new(format!(
            "`[sql.{}]` and `[kv.{}]` are one file, {}",
            database.label,
            store.label,
            path.display()
        ))
        .help("give each a file of its own: a component with the database would read every key-value store in it");
        match (&store.url, &database.url) {
            (Some(url), _) | (None, Some(url)) => url.report(reason),
            (None, None) => root.report(reason),
        }
    }
    (by_label(sql), by_label(kv))
}

/// The engine behind one label.
struct Stored<'d> {
    label: String,
    engine: Engine,
    /// Where the file says so; absent for a `default` that it does not name.
    url: Option<Value<'d>>,
}

fn by_label(stores: Vec<Stored<'_>>) -> BTreeMap<String, Engine> {
    let stores = stores.into_iter();
    stores.map(|stored| (stored.label, stored.engine)).collect()
}

/// What the tables of a section say, and the default of the label `default` before them.
fn section<'d>(
    root: &Table<'d>,
    name: &'static str,
    directory: &Path,
    default: &Path,
) -> Vec<Stored<'d>> {
    let entries = root
        .table(name, format!("[{name}]"))
        .map(|table| table.entries());
    let stored = |entry: Value<'d>| {
        let (engine, url) = engine(name, &entry, directory)?;
        Some(Stored {
            label: entry.key().to_owned(),
            engine,
            url: Some(url),
        })
    };
    let mut stores: Vec<_> = entries.into_iter().flatten().filter_map(stored).collect();
    if !stores.iter().any(|stored| stored.label == DEFAULT_LABEL) {
        stores.push(Stored {
            label: DEFAULT_LABEL.to_owned(),
            engine: Engine::Sqlite(default.to_owned()),
            url: None,
        });
    }
    stores
}

/// The engine that a table names, and where it names it.
fn engine<'d>(section: &str, entry: &Value<'d>, directory: &Path) -> Option<(Engine, Value<'d>)> {
    if let Err(reason) = check_label(entry.key()) {
        entry.report_key(reason);
    }
    let table = entry.table(format!("[{section}.{}]", entry.key()))?;
    let url = table.required("url", "add `url = \"sqlite:PATH\"`");
    if let Some(replicas) = table.get("replicas") {
        replicas.report_key(not_yet("`replicas`"));
    }
    let engine = url.as_ref().and_then(|url| {
        let scheme = url
            .string()?
            .split_once(':')
            .map_or("", |(scheme, _)| scheme);
        if section == "sql" && ["postgres", "postgresql"].contains(&scheme) {
            return postgres(&table, url);
        }
        let path = url.parsed(|url| sqlite_path(section, url))?;
        Some(Engine::Sqlite(directory.join(path)))
    });
    table.finish();
    Some((engine?, url?))
}

/// The server of `postgres://…`. Whether its URL is right is seen when it is opened.
fn postgres(table: &Table<'_>, url: &Value<'_>) -> Option<Engine> {
    let connections = table.number("connections", 1, MAX_SQL_CONNECTIONS);
    let connections = connections.and_then(|number| usize::try_from(number).ok());
    let prepared = table.boolean("prepared");
    let password = match table.get("password_variable") {
        Some(variable) => Some(variable.parsed(password)?),
        None => None,
    };
    Some(Engine::Postgres(Postgres {
        url: url.string()?.to_owned(),
        password,
        connections: NonZeroUsize::new(connections.unwrap_or(DEFAULT_CONNECTIONS))
            .expect("neither the least number nor the default is zero"),
        prepared,
    }))
}

fn password(variable: &str) -> Result<String, Reason> {
    environment::variable(variable).ok_or_else(|| {
        let reason = format!("the environment variable `{variable}` is not set, or not UTF-8");
        Reason::new(reason).help("set it to the password of the database's user")
    })
}

/// The path of `sqlite:PATH`. Other URLs are not repeated in messages: they may hold passwords.
fn sqlite_path(section: &str, url: &str) -> Result<PathBuf, Reason> {
    let help = match section {
        "sql" => {
            "write `sqlite:PATH`, with a path relative to this file, or `postgres://USER@HOST/DATABASE`"
        }
        _ => "write `sqlite:PATH`, with a path relative to this file",
    };
    let Some((scheme, path)) = url.split_once(':') else {
        return Err(Reason::new("the URL has no scheme").help(help));
    };
    match scheme {
        "sqlite" if path.is_empty() => Err(Reason::new("the URL has no path").help(help)),
        "sqlite" => Ok(PathBuf::from(path)),
        "postgres" | "postgresql" => {
            Err(Reason::new("key-value stores are in SQLite files only").help(help))
        }
        _ if LATER.contains(&scheme) => Err(not_yet(&format!("`{scheme}:` URLs")).help(help)),
        _ => Err(Reason::new("the scheme of the URL is not known").help(help)),
    }
}
