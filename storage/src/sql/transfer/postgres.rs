//! A database on a Postgres server as a side of a move: its connection, and what both roles need.

mod arrays;
mod source;
mod target;

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::pin;
use std::time::Duration;

use futures_core::Stream;
use tokio::time::sleep;
use tokio_postgres::Statement;
use tokio_postgres::types::ToSql;

use super::error::MoveError;
use super::finding::Holder;
use super::limits::{MAX_MOVER_WAIT, MAX_OPEN_WAIT};
use super::row::{self, Key, Row, quoted};
use crate::clock;
use crate::dialect::Described;
use crate::sql::open::{OpenError, PostgresOptions};
use crate::sql::postgres::dedicated::{self, Bound, Dedicated, Received, texts};

/// The lock of whoever moves a database. It ends with the connection.
const MOVE_LOCK: i64 = 8_387_236_756_170_467_874;

/// A database.
#[derive(Debug)]
pub(super) struct Postgres {
    url: String,
    options: PostgresOptions,
    connection: Dedicated,
    prepared: HashMap<String, Statement>,
    /// The engine of the other side.
    holder: Holder,
}

impl Postgres {
    /// Reaches a server. It makes nothing there.
    pub(super) async fn connect(
        url: &str,
        options: &PostgresOptions,
        holder: Holder,
    ) -> Result<Self, OpenError> {
        let options = PostgresOptions {
            open_timeout: MAX_OPEN_WAIT,
            ..options.clone()
        };
        Ok(Self {
            connection: dedicated::connect(url, &options).await?,
            url: url.to_owned(),
            options,
            prepared: HashMap::new(),
            holder,
        })
    }

    /// Keeps other movers away until the connection ends.
    pub(super) async fn lock_out_others(&mut self) -> Result<(), MoveError> {
        const PAUSE: Duration = Duration::from_millis(50);
        let lock = format!("SELECT pg_try_advisory_lock({MOVE_LOCK})");
        let deadline = clock::now() + MAX_MOVER_WAIT;
        while self.texts(&lock).await? != [["t"]] {
            if clock::now() >= deadline {
                let place = self.connection.shown.clone();
                return Err(MoveError::AtWork { place });
            }
            sleep(PAUSE).await;
        }
        Ok(())
    }

    /// For messages, without a password.
    pub(super) fn place(&self) -> &str {
        &self.connection.shown
    }

    /// What tells its database from all others.
    pub(super) async fn identity(&mut self) -> Result<Vec<Vec<String>>, MoveError> {
        self.texts("SELECT current_database(), pg_postmaster_start_time(), inet_server_port()")
            .await
    }

    async fn run(&self, sql: &str) -> Result<(), MoveError> {
        let done = self.connection.client.batch_execute(sql).await;
        done.map_err(|error| self.failed(&error))
    }

    /// The texts of a query; `NULL` is empty.
    async fn texts(&self, sql: &str) -> Result<Vec<Vec<String>>, MoveError> {
        let texts = texts(&self.connection.client, sql).await;
        texts.map_err(|error| self.failed(&error))
    }

    /// The first column of a query.
    async fn column(&self, sql: &str) -> Result<Vec<String>, MoveError> {
        let rows = self.texts(sql).await?;
        Ok(rows
            .into_iter()
            .filter_map(|row| row.into_iter().next())
            .collect())
    }

    /// The number of rows of a table.
    async fn count_rows(&self, table: &Described) -> Result<u64, MoveError> {
        let count = format!("SELECT count(*) FROM {}", quoted(&table.name));
        Ok(self.column(&count).await?.concat().parse().unwrap_or(0))
    }

    async fn exists(&self, name: &str) -> Result<bool, MoveError> {
        let exists = format!("SELECT to_regclass('{name}') IS NOT NULL");
        Ok(self.texts(&exists).await? == [["t"]])
    }

    /// Prepares a statement once.
    async fn prepared(&mut self, sql: &str) -> Result<Statement, MoveError> {
        if let Some(statement) = self.prepared.get(sql) {
            return Ok(statement.clone());
        }
        let prepared = self.connection.client.prepare(sql).await;
        let statement = prepared.map_err(|error| self.failed(&error))?;
        self.prepared.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    /// The rows of a query, up to about so many bytes.
    async fn rows_of(
        &mut self,
        sql: &str,
        values: &[&(dyn ToSql + Sync)],
        most: usize,
    ) -> Result<Vec<Row>, MoveError> {
        let mut found = Vec::new();
        let mut bytes = 0;
        self.each(sql, values, |row| {
            bytes += row::size(&row);
            found.push(row);
            bytes < most
        })
        .await?;
        Ok(found)
    }

    /// Gives each row of a query to `take`, until it has enough.
    async fn each(
        &mut self,
        sql: &str,
        values: &[&(dyn ToSql + Sync)],
        mut take: impl FnMut(Row) -> bool,
    ) -> Result<(), MoveError> {
        let statement = self.prepared(sql).await?;
        let rows = self
            .connection
            .client
            .query_raw(&statement, values.iter().copied());
        let rows = rows.await.map_err(|error| self.failed(&error))?;
        let mut rows = pin!(rows);
        while let Some(row) = poll_fn(|context| rows.as_mut().poll_next(context)).await {
            let row = row.map_err(|error| self.failed(&error))?;
            let values = (0..row.len()).map(|at| row.try_get::<_, Received>(at));
            let values = values.map(|value| value.map(|value| value.0));
            let values: Result<Row, _> = values.collect();
            if !take(values.map_err(|error| self.failed(&error))?) {
                break;
            }
        }
        Ok(())
    }

    fn failed(&self, error: &tokio_postgres::Error) -> MoveError {
        let place = self.connection.shown.clone();
        match error.code().map_or("", |code| code.code()) {
            "55P03" | "40P01" => MoveError::Busy { place },
            "42501" => MoveError::Rights {
                place,
                right: dedicated::words(error),
            },
            _ => MoveError::Failed {
                place,
                message: dedicated::words(error),
            },
        }
    }
}

/// The values of keys as parameters.
fn bound<'k>(keys: impl IntoIterator<Item = &'k Key>) -> Vec<Bound<'k>> {
    keys.into_iter().flatten().map(Bound::Given).collect()
}

fn references<'b>(bound: &'b [Bound<'_>]) -> Vec<&'b (dyn ToSql + Sync)> {
    bound.iter().map(|value| value as _).collect()
}

/// `t."a" = c.k0 AND t."b" = c.k1` for the columns of the key.
fn join(table: &Described) -> String {
    let columns = table.key.iter().enumerate().map(|(at, column)| {
        let column = quoted(&table.columns[*column].name);
        format!("t.{column} = c.k{at}")
    });
    columns.collect::<Vec<_>>().join(" AND ")
}

/// `t."a", t."b"` for all columns.
fn columns_of_t(table: &Described) -> String {
    let columns = table.columns.iter();
    let columns = columns.map(|column| format!("t.{}", quoted(&column.name)));
    columns.collect::<Vec<_>>().join(", ")
}

/// The columns of a table of changes.
fn key_names(table: &Described) -> String {
    let names = (0..table.key.len().max(1)).map(|at| format!("k{at}"));
    names.collect::<Vec<_>>().join(", ")
}
