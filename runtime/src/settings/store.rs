//! `[sql.LABEL]` and `[kv.LABEL]`: the database or the store behind each label.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use super::{DEFAULT_LABEL, Engine, Postgres, Redis, StoreEngine, not_yet, same_file};
use crate::document::{Table, Value};
use crate::environment;
use crate::fault::Reason;
use crate::limits::{MAX_REPLICAS, MAX_SQL_CONNECTIONS};
use crate::manifest::check_label;

/// The schemes of engines that later versions have.
const LATER: [&str; 2] = ["libsql", "citus"];

/// The schemes of Postgres.
const POSTGRES: [&str; 2] = ["postgres", "postgresql"];

/// The schemes of Redis.
const REDIS: [&str; 3] = ["redis", "rediss", "redis+unix"];

/// The databases and the key-value stores by label.
type Engines = (BTreeMap<String, Engine>, BTreeMap<String, StoreEngine>);

/// The databases and the key-value stores by label. `default` is among both even if the file does not name it.
///
/// No file may be both: a component that may use the database would read and write every key-value store in it.
pub(super) fn stores(root: &Table<'_>, directory: &Path, state: &Path) -> Engines {
    let default = Engine::Sqlite(state.join("default.db"));
    let sql = section(root, "sql", default, |table, url| {
        database(table, url, directory)
    });
    let default = StoreEngine::Sqlite(state.join("kv.db"));
    let kv = section(root, "kv", default, |table, url| {
        key_value(table, url, directory)
    });
    for (database, store) in sql.iter().flat_map(|a| kv.iter().map(move |b| (a, b))) {
        let (Engine::Sqlite(other), StoreEngine::Sqlite(path)) = (&database.engine, &store.engine)
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
struct Stored<'d, E> {
    label: String,
    engine: E,
    /// Where the file says so; absent for a `default` that it does not name.
    url: Option<Value<'d>>,
}

fn by_label<E>(stores: Vec<Stored<'_, E>>) -> BTreeMap<String, E> {
    let stores = stores.into_iter();
    stores.map(|stored| (stored.label, stored.engine)).collect()
}

/// What the tables of a section say, and the default of the label `default` before them.
fn section<'d, E>(
    root: &Table<'d>,
    name: &'static str,
    default: E,
    engine: impl Fn(&Table<'d>, &Value<'d>) -> Option<E>,
) -> Vec<Stored<'d, E>> {
    let entries = root
        .table(name, format!("[{name}]"))
        .map(|table| table.entries());
    let stored = |entry: Value<'d>| {
        if let Err(reason) = check_label(entry.key()) {
            entry.report_key(reason);
        }
        let table = entry.table(format!("[{name}.{}]", entry.key()))?;
        let url = table.required("url", "add `url = \"sqlite:PATH\"`");
        let engine = url.as_ref().and_then(|url| engine(&table, url));
        table.finish();
        Some(Stored {
            label: entry.key().to_owned(),
            engine: engine?,
            url: Some(url?),
        })
    };
    let mut stores: Vec<_> = entries.into_iter().flatten().filter_map(stored).collect();
    if !stores.iter().any(|stored| stored.label == DEFAULT_LABEL) {
        stores.push(Stored {
            label: DEFAULT_LABEL.to_owned(),
            engine: default,
            url: None,
        });
    }
    stores
}

/// Whether a URL is one of Redis, right or wrong.
fn is_redis(url: &str) -> bool {
    REDIS.contains(&scheme(url))
}

/// Whether a URL is one of Postgres, right or wrong.
pub(super) fn is_postgres(url: &str) -> bool {
    POSTGRES.contains(&scheme(url))
}

/// Whether a URL is one of NATS, right or wrong.
pub(super) fn is_nats(url: &str) -> bool {
    ["nats", "tls"].contains(&scheme(url))
}

/// The URL of a Redis server that holds nothing of the app. It is not repeated in messages, because it may hold a password.
pub(super) fn redis_url(url: &str) -> Result<String, Reason> {
    if is_redis(url) {
        return Ok(url.to_owned());
    }
    let what = "the scheme of the URL is not one of Redis";
    Err(Reason::new(what).help("write `redis://HOST/NUMBER`"))
}

fn scheme(url: &str) -> &str {
    url.split_once(':').map_or("", |(scheme, _)| scheme)
}

fn database(table: &Table<'_>, url: &Value<'_>, directory: &Path) -> Option<Engine> {
    if is_postgres(url.string()?) {
        let replicas = replicas(table);
        let postgres = postgres(table, url)?;
        return Some(Engine::Postgres(Postgres {
            replicas,
            ..postgres
        }));
    }
    let path = url.parsed(|url| sqlite_path(&OF_DATABASES, url))?;
    if let Some(replicas) = table.get("replicas") {
        let reason = Reason::new("a database in a file has no replicas");
        replicas.report_key(reason.help("remove `replicas`, or move the database to Postgres"));
    }
    Some(Engine::Sqlite(directory.join(path)))
}

fn key_value(table: &Table<'_>, url: &Value<'_>, directory: &Path) -> Option<StoreEngine> {
    if is_redis(url.string()?) {
        return redis(table, url).map(StoreEngine::Redis);
    }
    let path = url.parsed(|url| sqlite_path(&OF_STORES, url))?;
    Some(StoreEngine::Sqlite(directory.join(path)))
}

/// The server of `postgres://…`. Whether its URL is right is seen when it is opened.
pub(super) fn postgres(table: &Table<'_>, url: &Value<'_>) -> Option<Postgres> {
    let connections = table.number("connections", 1, MAX_SQL_CONNECTIONS);
    let connections = connections.and_then(|number| usize::try_from(number).ok());
    let prepared = table.boolean("prepared");
    let at = Postgres::at(url.string()?, password(table, "password_variable")?);
    Some(Postgres {
        connections: connections
            .and_then(NonZeroUsize::new)
            .unwrap_or(at.connections),
        prepared,
        ..at
    })
}

/// The URLs of the servers that follow the primary. Whether they are right is seen when they are opened.
fn replicas(table: &Table<'_>) -> Vec<String> {
    let listed = table.strings("replicas").into_iter().enumerate();
    let urls = listed.filter_map(|(at, (value, url))| {
        let fault = match is_postgres(url) {
            true if at < MAX_REPLICAS => return Some(url.to_owned()),
            true => format!("a database has at most {MAX_REPLICAS} replicas"),
            false => "the URL of a replica is not one of Postgres".to_owned(),
        };
        // It is not repeated, because it may hold a password.
        value.report(Reason::new(fault).help("write `postgres://USER@HOST/DATABASE`"));
        None
    });
    urls.collect()
}

/// The server of `redis://…`. Whether its URL is right is seen when it is opened.
fn redis(table: &Table<'_>, url: &Value<'_>) -> Option<Redis> {
    // Before a prefix ends this: a key that nobody reads counts as unknown.
    let password = password(table, "password_variable");
    let prefix = match table.get("prefix") {
        Some(given) => Some(given.parsed(prefix)?),
        None => None,
    };
    Some(Redis {
        url: url.string()?.to_owned(),
        password: password?,
        prefix,
    })
}

pub(super) fn prefix(text: &str) -> Result<String, Reason> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if !text.is_empty() && text.bytes().all(is_plain) {
        return Ok(text.to_owned());
    }
    let help = "write letters, digits, `-`, `_` and `.`";
    Err(Reason::new(format!("`{text}` cannot be a prefix")).help(help))
}

/// The value of the environment variable that a key names, if the table has it. `None` for a fault, which is reported.
#[expect(clippy::option_option, reason = "a key that is not there is no fault")]
pub(super) fn password(table: &Table<'_>, key: &'static str) -> Option<Option<String>> {
    let Some(variable) = table.get(key) else {
        return Some(None);
    };
    let value = variable.parsed(|variable| {
        environment::variable(variable).ok_or_else(|| {
            let reason = format!("the environment variable `{variable}` is not set, or not UTF-8");
            Reason::new(reason).help("set it to the password of the server's user")
        })
    });
    value.map(Some)
}

/// What a section's URLs may be.
struct Urls {
    help: &'static str,
    /// Schemes of the other section, and what is to be said of them.
    elsewhere: (&'static [&'static str], &'static str),
}

const OF_DATABASES: Urls = Urls {
    help: "write `sqlite:PATH`, with a path relative to this file, or `postgres://USER@HOST/DATABASE`",
    elsewhere: (&REDIS, "databases are not on Redis"),
};

const OF_STORES: Urls = Urls {
    help: "write `sqlite:PATH`, with a path relative to this file, or `redis://HOST/NUMBER`",
    elsewhere: (&POSTGRES, "key-value stores are not on Postgres"),
};

const OF_QUEUES: Urls = Urls {
    help: "write `sqlite:PATH`, with a path relative to this file, `postgres://USER@HOST/DATABASE`, or `nats://HOST:PORT`",
    elsewhere: (&REDIS, "queues are not on Redis"),
};

const OF_LEDGERS: Urls = Urls {
    help: "write `sqlite:PATH`, with a path relative to this file, or `postgres://USER@HOST/DATABASE`",
    elsewhere: (
        &["nats", "tls", "redis", "rediss"],
        "it needs a file or a database",
    ),
};

/// The file of what NATS cannot keep.
pub(super) fn ledger_path(url: &str) -> Result<PathBuf, Reason> {
    sqlite_path(&OF_LEDGERS, url)
}

/// The file of the queues.
pub(super) fn queue_path(url: &str) -> Result<PathBuf, Reason> {
    sqlite_path(&OF_QUEUES, url)
}

/// The path of `sqlite:PATH`. Other URLs are not repeated in messages: they may hold passwords.
fn sqlite_path(urls: &Urls, url: &str) -> Result<PathBuf, Reason> {
    let Some((scheme, path)) = url.split_once(':') else {
        return Err(Reason::new("the URL has no scheme").help(urls.help));
    };
    let (elsewhere, reason) = urls.elsewhere;
    match scheme {
        "sqlite" if path.is_empty() => Err(Reason::new("the URL has no path").help(urls.help)),
        "sqlite" => Ok(PathBuf::from(path)),
        _ if elsewhere.contains(&scheme) => Err(Reason::new(reason).help(urls.help)),
        _ if LATER.contains(&scheme) => Err(not_yet(&format!("`{scheme}:` URLs")).help(urls.help)),
        _ => Err(Reason::new("the scheme of the URL is not known").help(urls.help)),
    }
}
