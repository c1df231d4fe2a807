//! A Postgres database as the source of a move. Triggers note the key of each row that is written.

use tokio::time::sleep;

use super::{Postgres, bound, columns_of_t, join, key_names, references};
use crate::dialect::Described;
use crate::sql::limits::MAX_RETRY_PAUSE;
use crate::sql::postgres::dedicated::SCHEMA_LOCK;
use crate::sql::transfer::error::MoveError;
use crate::sql::transfer::finding::Findings;
use crate::sql::transfer::limits::{MAX_CHUNK_BYTES, MAX_LOCK_ATTEMPTS, MAX_LOCK_WAIT};
use crate::sql::transfer::row::{self, Key, Row, key_kinds, literal, quoted};
use crate::sql::transfer::side::{Changes, Record, Source};

/// Attempts to pause writes. A server that was asked to hold its statements does so for some seconds only.
const PAUSE_ATTEMPTS: usize = 6;

impl Source for Postgres {
    fn shown(&self) -> &str {
        &self.connection.shown
    }

    async fn record(&mut self) -> Result<Option<Record>, MoveError> {
        for (table, is_moved) in [("terrace.moved", true), ("terrace.move", false)] {
            if !self.exists(table).await? {
                continue;
            }
            let sql = format!("SELECT id, url, schema FROM {table}");
            let row = self.texts(&sql).await?.into_iter().next();
            let Some(Ok([id, to, schema])) = row.map(<[String; 3]>::try_from) else {
                continue;
            };
            return Ok(Some(Record {
                id,
                to,
                schema,
                is_moved,
            }));
        }
        Ok(None)
    }

    async fn definitions(&mut self) -> Result<Vec<String>, MoveError> {
        let known = "SELECT text FROM terrace.definitions ORDER BY number";
        match self.exists("terrace.definitions").await? {
            true => self.column(known).await,
            false => Ok(Vec::new()),
        }
    }

    async fn capture(&mut self, tables: &[Described], record: &Record) -> Result<(), MoveError> {
        self.run(&format!(
            "BEGIN; SET LOCAL client_min_messages = error; \
             CREATE TABLE IF NOT EXISTS terrace.move (id text NOT NULL, url text NOT NULL, schema text NOT NULL); \
             DELETE FROM terrace.move; INSERT INTO terrace.move VALUES ({}, {}, {}); COMMIT",
            literal(&record.id),
            literal(&record.to),
            literal(&record.schema)
        ))
        .await?;
        for (number, table) in tables.iter().enumerate() {
            let is_there = format!(
                "SELECT 1 FROM pg_trigger WHERE tgrelid = {}::regclass AND tgname = 'terrace_changes'",
                literal(&quoted(&table.name))
            );
            if self.texts(&is_there).await?.is_empty() {
                // Each table by itself: with locks on several, a guest could wait for this, and this for the guest.
                self.locked(&noting(number, table), MAX_LOCK_ATTEMPTS)
                    .await?;
                self.run("COMMIT").await?;
            }
        }
        Ok(())
    }

    async fn begin(&mut self) -> Result<(), MoveError> {
        // The first statement settles the moment.
        self.run("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1")
            .await
    }

    async fn end(&mut self) -> Result<(), MoveError> {
        self.run("COMMIT").await
    }

    async fn pause(&mut self, tables: &[Described]) -> Result<(), MoveError> {
        let names = tables.iter().map(|table| quoted(&table.name));
        let names = names.collect::<Vec<_>>().join(", ");
        let lock = match tables.is_empty() {
            true => String::new(),
            false => format!("LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE"),
        };
        self.locked(&format!("{SCHEMA_LOCK}; {lock}"), PAUSE_ATTEMPTS)
            .await
    }

    async fn finish(&mut self, tables: &[Described], record: &Record) -> Result<(), MoveError> {
        let mut sql = format!(
            "CREATE TABLE terrace.moved (id text NOT NULL, url text NOT NULL, schema text NOT NULL); \
             INSERT INTO terrace.moved VALUES ({}, {}, {}); \
             CREATE OR REPLACE FUNCTION terrace.refuse_moved() RETURNS trigger LANGUAGE plpgsql AS $$ \
             BEGIN RAISE EXCEPTION USING MESSAGE = {}, ERRCODE = 'TR002'; END $$;",
            literal(&record.id),
            literal(&record.to),
            literal(&record.schema),
            literal(&super::super::refusal(&record.to))
        );
        for table in tables {
            sql.push_str(&format!(
                "CREATE TRIGGER terrace_moved BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON {} \
                 FOR EACH STATEMENT EXECUTE FUNCTION terrace.refuse_moved();",
                quoted(&table.name)
            ));
        }
        sql.push_str("COMMIT");
        self.run(&sql).await
    }

    async fn give_up(&mut self) {
        // Without a transaction it only warns. If it fails, the connection has ended, and the transaction with it.
        let _ = self.run("ROLLBACK").await;
    }

    async fn changes(&mut self, number: usize, table: &Described) -> Result<Changes, MoveError> {
        let noted = format!("terrace.changes_{number}");
        let names = key_names(table);
        let keys = self
            .rows_of(
                &format!("SELECT DISTINCT {names} FROM {noted}"),
                &[],
                usize::MAX,
            )
            .await?;
        if keys.is_empty() {
            return Ok(Changes::default());
        }
        let changes = if table.key.is_empty() {
            Changes {
                keys: vec![Vec::new()],
                rows: self.chunk(table, None, usize::MAX).await?,
            }
        } else {
            let sql = format!(
                "SELECT {} FROM {} AS t JOIN (SELECT DISTINCT {names} FROM {noted}) AS c ON {}",
                columns_of_t(table),
                quoted(&table.name),
                join(table)
            );
            let rows = self.rows_of(&sql, &[], usize::MAX).await?;
            Changes { keys, rows }
        };
        // Those of this moment only. They come back if the transaction is rolled back.
        self.run(&format!("DELETE FROM {noted}")).await?;
        Ok(changes)
    }

    async fn chunk(
        &mut self,
        table: &Described,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<Row>, MoveError> {
        let condition = row::within(table, '$', after, None);
        let (columns, name) = (row::columns(table), quoted(&table.name));
        let values = bound(after);
        if table.key.is_empty() {
            let sql = format!("SELECT {columns} FROM {name}");
            return self.rows_of(&sql, &[], usize::MAX).await;
        }
        let order = row::key_columns(table, "");
        let sql = format!("SELECT {columns} FROM {name}{condition} ORDER BY {order} LIMIT {limit}");
        self.rows_of(&sql, &references(&values), MAX_CHUNK_BYTES)
            .await
    }

    async fn judge(
        &mut self,
        table: &Described,
        findings: &mut Findings,
    ) -> Result<(u64, u64), MoveError> {
        let sql = format!(
            "SELECT {} FROM {}",
            row::columns(table),
            quoted(&table.name)
        );
        let (mut count, mut bytes) = (0, 0);
        let holder = self.holder;
        self.each(&sql, &[], |row| {
            count += 1;
            bytes += row::size(&row) as u64;
            findings.judge(table, &row, holder);
            true
        })
        .await?;
        Ok((count, bytes))
    }

    async fn judge_references(&mut self, _: &mut Findings) -> Result<(), MoveError> {
        // Postgres has kept them.
        Ok(())
    }

    async fn count(&mut self, table: &Described) -> Result<u64, MoveError> {
        self.count_rows(table).await
    }

    async fn sequence(&mut self, table: &Described) -> Result<Option<i64>, MoveError> {
        let Some(rowid) = table.rowid else {
            return Ok(None);
        };
        let sql = format!(
            "SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence({}, {})::regclass), 0)",
            literal(&quoted(&table.name)),
            literal(&table.columns[rowid].name)
        );
        let last = self.column(&sql).await?.into_iter().next();
        Ok(last.and_then(|last| last.parse().ok()))
    }

    async fn clean(&mut self) -> Result<(), MoveError> {
        let triggers = self.column(
            "SELECT format('DROP TRIGGER IF EXISTS terrace_changes ON %s', tgrelid::regclass) \
             FROM pg_trigger WHERE tgname = 'terrace_changes'",
        );
        for drop in triggers.await? {
            self.locked(&drop, MAX_LOCK_ATTEMPTS).await?;
            self.run("COMMIT").await?;
        }
        let rest = self.column(
            "SELECT format('DROP TABLE %s;', oid::regclass) FROM pg_class \
             WHERE relnamespace = 'terrace'::regnamespace AND relkind = 'r' \
             AND (relname ~ '^changes_[0-9]+$' OR relname = 'move') \
             UNION ALL SELECT format('DROP FUNCTION %s;', oid::regprocedure) FROM pg_proc \
             WHERE pronamespace = 'terrace'::regnamespace AND proname ~ '^note_[0-9]+$'",
        );
        let rest = rest.await?.concat();
        self.run(&rest).await
    }
}

impl Postgres {
    /// Begins a transaction with commands that need locks. Others wait behind them, so it waits briefly, and tries again.
    async fn locked(&mut self, commands: &str, attempts: usize) -> Result<(), MoveError> {
        let wait = MAX_LOCK_WAIT.as_millis();
        let sql = format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL client_min_messages = error; SET LOCAL lock_timeout = {wait}; {commands}"
        );
        for _ in 1..attempts {
            match self.run(&sql).await {
                Err(MoveError::Busy { .. }) => {
                    self.give_up().await;
                    sleep(MAX_RETRY_PAUSE).await;
                }
                done => return done,
            }
        }
        self.run(&sql).await
    }
}

/// The table, the function and the trigger that note the changes of a table.
fn noting(number: usize, table: &Described) -> String {
    let name = quoted(&table.name);
    let (columns, old, new) = match table.key.is_empty() {
        true => ("k0 bigint".to_owned(), "1".to_owned(), "1".to_owned()),
        false => {
            let kinds = key_kinds(table).enumerate();
            let columns = kinds.map(|(at, kind)| match kind.postgres() {
                "text" => format!("k{at} text COLLATE \"C\""),
                other => format!("k{at} {other}"),
            });
            (
                columns.collect::<Vec<_>>().join(", "),
                row::key_columns(table, "OLD."),
                row::key_columns(table, "NEW."),
            )
        }
    };
    format!(
        "CREATE TABLE IF NOT EXISTS terrace.changes_{number} ({columns}); \
         CREATE OR REPLACE FUNCTION terrace.note_{number}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         IF TG_OP <> 'INSERT' THEN INSERT INTO terrace.changes_{number} VALUES ({old}); END IF; \
         IF TG_OP <> 'DELETE' THEN INSERT INTO terrace.changes_{number} VALUES ({new}); END IF; \
         RETURN NULL; END $$; \
         CREATE TRIGGER terrace_changes AFTER INSERT OR UPDATE OR DELETE ON {name} \
         FOR EACH ROW EXECUTE FUNCTION terrace.note_{number}()"
    )
}
