//! SQLite with Terrace's settings: one connection makes all changes, in a thread of its own, each in a transaction of its own.
//! Another one reads.

use std::{sync::Arc, thread};

use bytes::Bytes;
use rusqlite::{Connection, params};
use tokio::sync::{Notify, Semaphore, mpsc, oneshot};

use crate::{CONCURRENCY, Outcome, consume, figures::Figures, handle, now, since};

/// Changes that wait at most.
const MAX_CHANGES: usize = 1024;

const TABLE: &str = "CREATE TABLE IF NOT EXISTS jobs (id INTEGER PRIMARY KEY AUTOINCREMENT, accepted INTEGER NOT NULL, data BLOB NOT NULL)";

/// Messages behind the one that was read last.
const NEXT: &str = "SELECT id, accepted, data FROM jobs WHERE id > ?1 ORDER BY id LIMIT ?2";

enum Change {
    Insert(i64, Bytes),
    Delete(i64),
}

/// Tells whoever wants a change when it is on the disk.
type Told = oneshot::Sender<rusqlite::Result<()>>;

/// A file with messages.
#[derive(Clone)]
pub(crate) struct Engine {
    changes: mpsc::Sender<(Change, Told)>,
    stored: Arc<Notify>,
}

struct Message {
    id: i64,
    accepted: i64,
    data: Vec<u8>,
}

impl Engine {
    pub(crate) fn open(file: &str, figures: Arc<Figures>) -> Outcome<Self> {
        let writer = open(file)?;
        writer.execute(TABLE, [])?;
        let (changes, mut wanted) = mpsc::channel::<(Change, Told)>(MAX_CHANGES);
        thread::spawn(move || {
            while let Some((change, told)) = wanted.blocking_recv() {
                // Nobody waits if the client has left.
                let _ = told.send(make(&writer, change));
            }
        });
        let stored = Arc::new(Notify::new());
        let engine = Self { changes, stored };
        consume(work(open(file)?, engine.clone(), figures));
        Ok(engine)
    }

    pub(crate) async fn store(&self, data: Bytes) -> Outcome {
        self.change(Change::Insert(now(), data)).await?;
        self.stored.notify_one();
        Ok(())
    }

    async fn change(&self, change: Change) -> Outcome {
        let (told, made) = oneshot::channel();
        self.changes.send((change, told)).await?;
        Ok(made.await??)
    }
}

fn make(writer: &Connection, change: Change) -> rusqlite::Result<()> {
    match change {
        Change::Insert(accepted, data) => writer
            .prepare_cached("INSERT INTO jobs (accepted, data) VALUES (?1, ?2)")?
            .execute(params![accepted, &data[..]]),
        Change::Delete(id) => writer
            .prepare_cached("DELETE FROM jobs WHERE id = ?1")?
            .execute([id]),
    }?;
    Ok(())
}

/// Works on the messages, as many at once as there may be.
async fn work(reader: Connection, engine: Engine, figures: Arc<Figures>) -> Outcome {
    let places = Arc::new(Semaphore::new(CONCURRENCY));
    let mut last = 0;
    loop {
        let messages = next(&reader, last)?;
        if messages.is_empty() {
            engine.stored.notified().await;
        }
        for message in messages {
            last = message.id;
            let place = Arc::clone(&places).acquire_owned().await?;
            let (engine, figures) = (engine.clone(), Arc::clone(&figures));
            consume(async move {
                if handle(&message.data).status().is_success() {
                    engine.change(Change::Delete(message.id)).await?;
                    figures.acknowledged(since(message.accepted));
                }
                drop(place);
                Ok(())
            });
        }
    }
}

fn next(reader: &Connection, last: i64) -> rusqlite::Result<Vec<Message>> {
    let mut statement = reader.prepare_cached(NEXT)?;
    let messages = statement.query_map(params![last, CONCURRENCY.cast_signed() as i64], |row| {
        Ok(Message {
            id: row.get(0)?,
            accepted: row.get(1)?,
            data: row.get(2)?,
        })
    })?;
    messages.collect()
}

fn open(file: &str) -> rusqlite::Result<Connection> {
    let connection = Connection::open(file)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    Ok(connection)
}
