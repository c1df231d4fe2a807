//! An SQLite file as the target of a move.

use rusqlite::params_from_iter;

use super::{OWN, Sqlite, key_condition};
use crate::dialect::Described;
use crate::sql::sqlite::to_sqlite;
use crate::sql::transfer::error::MoveError;
use crate::sql::transfer::row::{self, Key, Row, literal, quoted};
use crate::sql::transfer::side::{Content, Target};
use crate::value::Value;

impl Target for Sqlite {
    fn shown(&self) -> &str {
        &self.shown
    }

    async fn content(&mut self) -> Result<Content, MoveError> {
        if self.has_table("terrace_move_target")? {
            let ids = self.texts("SELECT id FROM terrace_move_target")?;
            return Ok(Content::OfMove(ids.concat()));
        }
        let found = self.texts("SELECT type || ' ' || name FROM sqlite_schema LIMIT 1")?;
        Ok(match found.into_iter().next() {
            Some(found) => Content::Other(found),
            None => Content::Nothing,
        })
    }

    async fn prepare(&mut self, definitions: &[String], id: &str) -> Result<(), MoveError> {
        if let Some(path) = self.missing.take() {
            *self = Self::open(&path, true, self.holder)?;
        }
        Target::begin(self).await?;
        let made = self.make_tables(definitions, id);
        match made.and_then(|()| self.run("COMMIT")) {
            Ok(()) => Ok(()),
            Err(error) => {
                self.roll_back().await;
                Err(error)
            }
        }
    }

    async fn last(&mut self, table: &Described) -> Result<Option<Key>, MoveError> {
        let columns = table.key.iter();
        let order = columns.map(|at| format!("{} DESC", quoted(&table.columns[*at].name)));
        let sql = format!(
            "SELECT {} FROM {} ORDER BY {} LIMIT 1",
            row::columns(table),
            quoted(&table.name),
            order.collect::<Vec<_>>().join(", ")
        );
        let rows = self.rows_of(table, &sql, &[], 1)?;
        Ok(rows.first().map(|row| row::key_of(table, row)))
    }

    async fn begin(&mut self) -> Result<(), MoveError> {
        self.run("BEGIN IMMEDIATE")
    }

    async fn commit(&mut self) -> Result<(), MoveError> {
        self.run("COMMIT")
    }

    async fn roll_back(&mut self) {
        if !self.connection.is_autocommit() {
            // If it fails, the transaction has ended already.
            let _ = self.run("ROLLBACK");
        }
    }

    async fn rows(&mut self, table: &Described, keys: &[Key]) -> Result<Vec<Row>, MoveError> {
        let (columns, name) = (row::columns(table), quoted(&table.name));
        if table.key.is_empty() {
            let sql = format!("SELECT {columns} FROM {name}");
            return self.rows_of(table, &sql, &[], usize::MAX);
        }
        let condition = key_condition(table);
        let sql = format!("SELECT {columns} FROM {name} WHERE {condition}");
        let mut found = Vec::new();
        for key in keys {
            found.append(&mut self.rows_of(table, &sql, key, 1)?);
        }
        Ok(found)
    }

    async fn delete(&mut self, table: &Described, keys: &[Key]) -> Result<(), MoveError> {
        let name = quoted(&table.name);
        if table.key.is_empty() {
            return self.run(&format!("DELETE FROM {name}"));
        }
        let sql = format!("DELETE FROM {name} WHERE {}", key_condition(table));
        self.repeat(&sql, keys)
    }

    async fn insert(&mut self, table: &Described, rows: &[Row]) -> Result<(), MoveError> {
        let parameters = vec!["?"; table.columns.len()].join(", ");
        let sql = format!(
            "INSERT INTO {} ({}) VALUES ({parameters})",
            quoted(&table.name),
            row::columns(table)
        );
        self.repeat(&sql, rows)
    }

    async fn range(
        &mut self,
        table: &Described,
        after: Option<&Key>,
        upto: Option<&Key>,
    ) -> Result<Vec<Row>, MoveError> {
        let condition = row::within(table, '?', after, upto);
        let sql = format!(
            "SELECT {} FROM {}{condition}",
            row::columns(table),
            quoted(&table.name)
        );
        let values: Vec<Value> = after.into_iter().chain(upto).flatten().cloned().collect();
        self.rows_of(table, &sql, &values, usize::MAX)
    }

    async fn count(&mut self, table: &Described) -> Result<u64, MoveError> {
        self.count_rows(table)
    }

    async fn make_indexes(&mut self) -> Result<(), MoveError> {
        self.make_later("index").await
    }

    async fn finish(
        &mut self,
        tables: &[Described],
        sequences: &[Option<i64>],
    ) -> Result<(), MoveError> {
        self.make_later("index").await?;
        Target::begin(self).await?;
        let work = |side: &Self| -> Result<(), MoveError> {
            for (table, sequence) in tables.iter().zip(sequences) {
                if let Some(sequence) = sequence {
                    side.set_sequence(table, *sequence)?;
                }
            }
            let texts = side.texts("SELECT text FROM terrace_move_later ORDER BY rowid")?;
            side.run(&texts.join(";\n"))?;
            side.run("DELETE FROM terrace_move_later; COMMIT")
        };
        let finished = work(self);
        if finished.is_err() {
            self.roll_back().await;
        }
        finished
    }

    async fn forget(&mut self) -> Result<(), MoveError> {
        self.drop_own("name GLOB 'terrace_move_*'")
    }

    async fn clear(&mut self) -> Result<(), MoveError> {
        Target::begin(self).await?;
        let drops = self.texts(
            "SELECT 'DROP ' || type || ' \"' || replace(name, '\"', '\"\"') || '\";' FROM sqlite_schema \
             WHERE type IN ('view', 'table') AND name NOT GLOB 'sqlite_*' ORDER BY type DESC, rowid DESC",
        );
        let cleared = drops.and_then(|drops| self.run(&format!("{} COMMIT", drops.concat())));
        if cleared.is_err() {
            self.roll_back().await;
        }
        cleared
    }
}

impl Sqlite {
    fn make_tables(&self, definitions: &[String], id: &str) -> Result<(), MoveError> {
        for definition in definitions {
            self.run(definition)?;
        }
        self.run(&format!(
            "CREATE TABLE terrace_move_target (id TEXT NOT NULL); \
             INSERT INTO terrace_move_target VALUES ({}); \
             CREATE TABLE terrace_move_later (kind TEXT NOT NULL, text TEXT NOT NULL); \
             INSERT INTO terrace_move_later SELECT type, sql FROM sqlite_schema \
             WHERE type IN ('index', 'trigger') AND sql IS NOT NULL AND NOT {OWN} ORDER BY rowid",
            literal(id)
        ))?;
        let drops = self.texts(&format!(
            "SELECT 'DROP ' || type || ' \"' || replace(name, '\"', '\"\"') || '\";' FROM sqlite_schema \
             WHERE type IN ('index', 'trigger') AND sql IS NOT NULL AND NOT {OWN}"
        ))?;
        self.run(&drops.concat())
    }

    /// Makes what was kept for later, of one kind.
    async fn make_later(&mut self, kind: &str) -> Result<(), MoveError> {
        Target::begin(self).await?;
        let texts = self.texts(&format!(
            "SELECT text FROM terrace_move_later WHERE kind = '{kind}' ORDER BY rowid"
        ));
        let made = texts.and_then(|texts| {
            self.run(&texts.join(";\n"))?;
            self.run(&format!(
                "DELETE FROM terrace_move_later WHERE kind = '{kind}'; COMMIT"
            ))
        });
        if made.is_err() {
            self.roll_back().await;
        }
        made
    }

    /// Runs a statement for each row of values.
    fn repeat(&self, sql: &str, rows: &[Vec<Value>]) -> Result<(), MoveError> {
        let work = || -> rusqlite::Result<()> {
            let mut statement = self.connection.prepare_cached(sql)?;
            for row in rows {
                statement.execute(params_from_iter(row.iter().map(to_sqlite)))?;
            }
            Ok(())
        };
        work().map_err(|error| self.failed(&error))
    }

    /// A rowid is never given twice by a table with `AUTOINCREMENT`.
    fn set_sequence(&self, table: &Described, sequence: i64) -> Result<(), MoveError> {
        if !self.has_table("sqlite_sequence")? {
            return Ok(());
        }
        let name = literal(&table.name);
        self.run(&format!(
            "UPDATE sqlite_sequence SET seq = max(seq, {sequence}) WHERE lower(name) = {name}; \
             INSERT INTO sqlite_sequence (name, seq) SELECT name, {sequence} FROM sqlite_schema \
             WHERE type = 'table' AND lower(name) = {name} AND upper(sql) GLOB '*AUTOINCREMENT*' \
             AND NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE lower(name) = {name})"
        ))
    }
}
