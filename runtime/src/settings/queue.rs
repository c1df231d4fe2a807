//! `[queue]`: where the messages of queues are kept, and how many.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use storage::queue::Room;

use super::{Engine, Postgres, StoreEngine, same_file, store};
use crate::document::{Table, Value};
use crate::fault::Reason;
use crate::limits::{DEFAULT_QUEUE_BYTES, DEFAULT_QUEUE_MESSAGES, MAX_STREAM_REPLICAS};
use crate::units::size;

/// Where the messages of queues are kept, and how many.
#[derive(Debug, Clone)]
pub struct Queue {
    /// What keeps them.
    pub engine: QueueEngine,
    /// The room of each queue.
    pub room: Room,
}

/// What keeps the messages of queues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueueEngine {
    /// An SQLite file.
    Sqlite(PathBuf),
    /// Tables in a database on a Postgres server.
    Postgres(Postgres),
    /// Streams of a NATS server.
    JetStream(Box<JetStream>),
}

/// A NATS server, and how it is used.
#[derive(Clone, PartialEq, Eq)]
pub struct JetStream {
    /// The URL, which may hold a password.
    pub url: String,
    /// The password, if it is not in the URL.
    pub password: Option<String>,
    /// The beginning of the names of streams; absent for the name of the app.
    pub prefix: Option<String>,
    /// How many servers keep each message.
    pub replicas: usize,
    /// What keeps messages that are due later, failures and dead letters: a file or a database.
    pub ledger: QueueEngine,
}

impl fmt::Debug for JetStream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("JetStream");
        shown.field("ledger", &self.ledger).finish_non_exhaustive()
    }
}

impl QueueEngine {
    /// The file that only this machine has, if there is one.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Sqlite(path) => Some(path),
            Self::Postgres(_) => None,
            Self::JetStream(jetstream) => jetstream.ledger.file(),
        }
    }
}

/// Databases and key-value stores by label.
type Stores<'a> = (
    &'a BTreeMap<String, Engine>,
    &'a BTreeMap<String, StoreEngine>,
);

/// The file is no database or store of the app: a component with the database would read every message.
pub(super) fn queue(root: &Table<'_>, directory: &Path, state: &Path, stores: Stores<'_>) -> Queue {
    let default = || QueueEngine::Sqlite(state.join("queue.db"));
    let room = Room {
        messages: DEFAULT_QUEUE_MESSAGES,
        bytes: DEFAULT_QUEUE_BYTES,
    };
    let Some(table) = root.table("queue", "[queue]") else {
        let engine = default();
        return Queue { engine, room };
    };
    let messages = table.number("messages", 1, u64::MAX >> 1);
    let bytes = table.parsed("bytes", size);
    let url = table.get("url");
    let engine = url
        .as_ref()
        .and_then(|url| engine(&table, url, directory, default))
        .unwrap_or_else(default);
    table.finish();
    if let (Some(path), Some(url)) = (engine.file(), url)
        && is_of_others(path, stores)
    {
        let what = format!(
            "{} is a database or a key-value store of the app",
            path.display()
        );
        url.report(Reason::new(what).help("give the queues a file of their own"));
    }
    Queue {
        engine,
        room: Room {
            messages: messages.unwrap_or(room.messages),
            bytes: bytes.unwrap_or(room.bytes),
        },
    }
}

fn engine(
    table: &Table<'_>,
    url: &Value<'_>,
    directory: &Path,
    default: impl Fn() -> QueueEngine,
) -> Option<QueueEngine> {
    if store::is_postgres(url.string()?) {
        return store::postgres(table, url).map(QueueEngine::Postgres);
    }
    if store::is_nats(url.string()?) {
        return jetstream(table, url, directory, default)
            .map(Box::new)
            .map(QueueEngine::JetStream);
    }
    let path = url.parsed(store::queue_path)?;
    Some(QueueEngine::Sqlite(directory.join(path)))
}

/// The server of `nats://…`. Whether its URL is right is seen when it is opened.
fn jetstream(
    table: &Table<'_>,
    url: &Value<'_>,
    directory: &Path,
    default: impl Fn() -> QueueEngine,
) -> Option<JetStream> {
    // All keys are read before one of them ends this: a key that nobody reads counts as unknown.
    let (prefix, ledger) = (table.get("prefix"), table.get("ledger"));
    let replicas = table.number("replicas", 1, MAX_STREAM_REPLICAS);
    let password = store::password(table, "password_variable");
    let ledger_password = store::password(table, "ledger_password_variable");
    let prefix = match prefix {
        Some(prefix) => Some(prefix.parsed(store::prefix)?),
        None => None,
    };
    let ledger = match ledger {
        Some(ledger) if store::is_postgres(ledger.string()?) => {
            QueueEngine::Postgres(Postgres::at(ledger.string()?, ledger_password?))
        }
        Some(ledger) => QueueEngine::Sqlite(directory.join(ledger.parsed(store::ledger_path)?)),
        None => default(),
    };
    Some(JetStream {
        url: url.string()?.to_owned(),
        password: password?,
        prefix,
        replicas: replicas
            .and_then(|number| usize::try_from(number).ok())
            .unwrap_or(1),
        ledger,
    })
}

fn is_of_others(path: &Path, (databases, stores): Stores<'_>) -> bool {
    let databases = databases.values().filter_map(|engine| match engine {
        Engine::Sqlite(other) => Some(other),
        Engine::Postgres(_) => None,
    });
    let stores = stores.values().filter_map(|engine| match engine {
        StoreEngine::Sqlite(other) => Some(other),
        StoreEngine::Redis(_) => None,
    });
    let mut others = databases.chain(stores);
    others.any(|other| same_file::is_same(path, other))
}
