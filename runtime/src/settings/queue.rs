//! `[queue]`: where the messages of queues are kept, and how many.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use storage::queue::Room;

use super::{Engine, Postgres, StoreEngine, same_file, store};
use crate::document::{Table, Value};
use crate::fault::Reason;
use crate::limits::{DEFAULT_QUEUE_BYTES, DEFAULT_QUEUE_MESSAGES};
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
        .and_then(|url| engine(&table, url, directory))
        .unwrap_or_else(default);
    table.finish();
    if let (QueueEngine::Sqlite(path), Some(url)) = (&engine, url)
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

fn engine(table: &Table<'_>, url: &Value<'_>, directory: &Path) -> Option<QueueEngine> {
    if store::is_postgres(url.string()?) {
        return store::postgres(table, url).map(QueueEngine::Postgres);
    }
    let path = url.parsed(store::queue_path)?;
    Some(QueueEngine::Sqlite(directory.join(path)))
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
