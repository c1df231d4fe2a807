//! Postgres as most workers use it: each message is a row, and each worker has a connection, on which it takes one row at a time with
//! `FOR UPDATE SKIP LOCKED` and deletes it in the same transaction.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use bytes::Bytes;
use tokio::sync::Notify;
use tokio_postgres::{Client, NoTls, Statement};

use crate::{CONCURRENCY, Outcome, consume, figures::Figures, handle, now, since};

/// Connections for storing, as many as Terrace's default is.
const CONNECTIONS: usize = 16;

const TABLE: &str = "CREATE TABLE IF NOT EXISTS jobs (id bigserial PRIMARY KEY, accepted bigint NOT NULL, data bytea NOT NULL)";
const INSERT: &str = "INSERT INTO jobs (accepted, data) VALUES ($1, $2)";
const NEXT: &str = "SELECT id, accepted, data FROM jobs ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED";
const DELETE: &str = "DELETE FROM jobs WHERE id = $1";

/// A table with messages.
pub(crate) struct Engine {
    stores: Vec<(Client, Statement)>,
    next: AtomicUsize,
    stored: Arc<Notify>,
}

impl Engine {
    pub(crate) async fn open(url: &str, figures: Arc<Figures>) -> Outcome<Self> {
        connect(url).await?.batch_execute(TABLE).await?;
        let stored = Arc::new(Notify::new());
        let mut stores = Vec::new();
        for _ in 0..CONNECTIONS {
            let client = connect(url).await?;
            let insert = client.prepare(INSERT).await?;
            stores.push((client, insert));
        }
        for _ in 0..CONCURRENCY {
            let worker = connect(url).await?;
            consume(work(worker, Arc::clone(&stored), Arc::clone(&figures)));
        }
        Ok(Self {
            stores,
            next: AtomicUsize::new(0),
            stored,
        })
    }

    pub(crate) async fn store(&self, data: Bytes) -> Outcome {
        let next = self.next.fetch_add(1, Relaxed) % self.stores.len();
        let (client, insert) = &self.stores[next];
        client.execute(insert, &[&now(), &&data[..]]).await?;
        self.stored.notify_one();
        Ok(())
    }
}

/// Works on one message after the other. If there is none, it waits until one is stored.
async fn work(mut client: Client, stored: Arc<Notify>, figures: Arc<Figures>) -> Outcome {
    let next = client.prepare(NEXT).await?;
    let delete = client.prepare(DELETE).await?;
    loop {
        let transaction = client.transaction().await?;
        let Some(row) = transaction.query_opt(&next, &[]).await? else {
            transaction.commit().await?;
            stored.notified().await;
            continue;
        };
        let (id, accepted, data): (i64, i64, &[u8]) = (row.get(0), row.get(1), row.get(2));
        if handle(data).status().is_success() {
            transaction.execute(&delete, &[&id]).await?;
            transaction.commit().await?;
            figures.acknowledged(since(accepted));
        }
    }
}

async fn connect(url: &str) -> Outcome<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(async move {
        // How it ended, the statements on it show.
        let _ = connection.await;
    });
    Ok(client)
}
