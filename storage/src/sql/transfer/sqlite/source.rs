//! An SQLite file as the source of a move. Triggers note the key of each row that is written; they are dropped at the end.
//!
//! Triggers change neither `changes()` nor `last_insert_rowid()`. `REPLACE` deletes rows without firing a trigger for them, so the
//! rows that it may delete are noted before it does.

use rusqlite::OptionalExtension;

use super::{OWN, Sqlite, brief, patient, read};
use crate::dialect::Described;
use crate::sql::transfer::error::MoveError;
use crate::sql::transfer::finding::{Finding, Findings};
use crate::sql::transfer::limits::MAX_CHUNK_BYTES;
use crate::sql::transfer::row::{self, Key, Row, literal, quoted};
use crate::sql::transfer::side::{Changes, Record, Source};
use crate::value::Value;

impl Source for Sqlite {
    fn shown(&self) -> &str {
        &self.shown
    }

    async fn record(&mut self) -> Result<Option<Record>, MoveError> {
        for (table, is_moved) in [("terrace_moved", true), ("terrace_move", false)] {
            if !self.has_table(table)? {
                continue;
            }
            let sql = format!("SELECT id, url, schema FROM {table}");
            let found = self.connection.query_row(&sql, [], |row| {
                Ok(Record {
                    id: row.get(0)?,
                    to: row.get(1)?,
                    schema: row.get(2)?,
                    is_moved,
                })
            });
            return found.optional().map_err(|error| self.failed(&error));
        }
        Ok(None)
    }

    async fn definitions(&mut self) -> Result<Vec<String>, MoveError> {
        self.texts(&format!(
            "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND NOT {OWN} ORDER BY rowid"
        ))
    }

    async fn capture(&mut self, tables: &[Described], record: &Record) -> Result<(), MoveError> {
        let mut sql = format!(
            "BEGIN IMMEDIATE; CREATE TABLE IF NOT EXISTS terrace_move (id TEXT NOT NULL, url TEXT NOT NULL, schema TEXT NOT NULL); \
             DELETE FROM terrace_move; INSERT INTO terrace_move VALUES ({}, {}, {});",
            literal(&record.id),
            literal(&record.to),
            literal(&record.schema)
        );
        for (number, table) in tables.iter().enumerate() {
            sql.push_str(&noting(number, table));
        }
        sql.push_str("COMMIT");
        let captured = self.run(&sql);
        if captured.is_err() {
            self.give_up().await;
        }
        captured
    }

    async fn begin(&mut self) -> Result<(), MoveError> {
        self.read.clear();
        // The first read settles the moment.
        self.run("BEGIN; SELECT count(*) FROM sqlite_schema")
    }

    async fn end(&mut self) -> Result<(), MoveError> {
        self.run("COMMIT")?;
        if self.read.is_empty() {
            return Ok(());
        }
        let deletes = self.read.iter().map(|(number, last)| {
            format!("DELETE FROM terrace_changes_{number} WHERE number <= {last};")
        });
        let deletes: String = deletes.collect();
        self.read.clear();
        let deleted = self.run(&format!("BEGIN IMMEDIATE; {deletes} COMMIT"));
        if deleted.is_err() {
            self.give_up().await;
        }
        deleted
    }

    async fn pause(&mut self, _: &[Described]) -> Result<(), MoveError> {
        self.read.clear();
        self.set_patience(brief)?;
        let paused = self.run("BEGIN IMMEDIATE");
        self.set_patience(patient)?;
        paused
    }

    async fn finish(&mut self, tables: &[Described], record: &Record) -> Result<(), MoveError> {
        self.drop_own("name GLOB 'terrace_change*' OR name = 'terrace_move'")?;
        let mut sql = format!(
            "CREATE TABLE terrace_moved (id TEXT NOT NULL, url TEXT NOT NULL, schema TEXT NOT NULL); \
             INSERT INTO terrace_moved VALUES ({}, {}, {});",
            literal(&record.id),
            literal(&record.to),
            literal(&record.schema)
        );
        let refusal = literal(&super::super::refusal(&record.to));
        for (number, table) in tables.iter().enumerate() {
            let name = quoted(&table.name);
            for event in ["INSERT", "UPDATE", "DELETE"] {
                sql.push_str(&format!(
                    "CREATE TRIGGER terrace_moved_{number}_{event} BEFORE {event} ON {name} \
                     BEGIN SELECT RAISE(ABORT, {refusal}); END;"
                ));
            }
        }
        sql.push_str("COMMIT");
        self.read.clear();
        self.run(&sql)
    }

    async fn give_up(&mut self) {
        self.read.clear();
        if !self.connection.is_autocommit() {
            // If it fails, the transaction has ended already.
            let _ = self.run("ROLLBACK");
        }
    }

    async fn changes(&mut self, number: usize, table: &Described) -> Result<Changes, MoveError> {
        let last = self.connection.query_row(
            &format!("SELECT max(number) FROM terrace_changes_{number}"),
            [],
            |row| row.get::<_, Option<i64>>(0),
        );
        let Some(last) = last.map_err(|error| self.failed(&error))? else {
            return Ok(Changes::default());
        };
        self.read.push((number, last));
        if table.key.is_empty() {
            let rows = self.chunk(table, None, usize::MAX).await?;
            return Ok(Changes {
                keys: vec![Vec::new()],
                rows,
            });
        }
        let keys = self.changed_keys(number, table)?;
        let join = table.key.iter().enumerate().map(|(at, column)| {
            let column = quoted(&table.columns[*column].name);
            format!("t.{column} = c.k{at}")
        });
        let join: Vec<_> = join.collect();
        let columns = table.columns.iter();
        let columns: Vec<_> = columns
            .map(|column| format!("t.{}", quoted(&column.name)))
            .collect();
        let sql = format!(
            "SELECT {} FROM (SELECT DISTINCT {} FROM terrace_changes_{number}) AS c CROSS JOIN {} AS t ON {}",
            columns.join(", "),
            key_names(table),
            quoted(&table.name),
            join.join(" AND ")
        );
        let rows = self.rows_of(table, &sql, &[], usize::MAX)?;
        Ok(Changes { keys, rows })
    }

    async fn chunk(
        &mut self,
        table: &Described,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<Row>, MoveError> {
        let condition = row::within(table, '?', after, None);
        let (order, most) = match table.key.is_empty() {
            true => (String::new(), usize::MAX),
            false => {
                let keys = row::key_columns(table, "");
                (format!(" ORDER BY {keys} LIMIT {limit}"), MAX_CHUNK_BYTES)
            }
        };
        let sql = format!(
            "SELECT {} FROM {}{condition}{order}",
            row::columns(table),
            quoted(&table.name)
        );
        self.rows_of(table, &sql, after.map_or(&[], Vec::as_slice), most)
    }

    async fn judge(
        &mut self,
        table: &Described,
        findings: &mut Findings,
    ) -> Result<(u64, u64), MoveError> {
        let (columns, name) = (row::columns(table), quoted(&table.name));
        let sql = format!("SELECT {columns} FROM {name}");
        let (mut count, mut bytes) = (0, 0);
        let mut work = || -> rusqlite::Result<()> {
            let mut statement = self.connection.prepare(&sql)?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                count += 1;
                match read(row, table.columns.len())? {
                    Ok(row) => {
                        bytes += row::size(&row) as u64;
                        findings.judge(table, &row, self.holder);
                    }
                    Err(column) => findings.add(Finding {
                        table: table.name.clone(),
                        key: key_as_far_as_read(row, table),
                        column: Some(table.columns[column].name.clone()),
                        reason: "a text that is not UTF-8; store it as a blob".to_owned(),
                    }),
                }
            }
            Ok(())
        };
        work().map_err(|error| self.failed(&error))?;
        Ok((count, bytes))
    }

    async fn judge_references(&mut self, findings: &mut Findings) -> Result<(), MoveError> {
        let work = || -> rusqlite::Result<Vec<(String, Option<i64>, String)>> {
            let mut statement = self.connection.prepare("PRAGMA foreign_key_check")?;
            let rows =
                statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
            rows.collect()
        };
        for (table, rowid, parent) in work().map_err(|error| self.failed(&error))? {
            findings.add(Finding {
                table,
                key: rowid.map(|rowid| format!("rowid {rowid}")),
                column: None,
                reason: format!("a reference to a row of {parent} that is not there"),
            });
        }
        Ok(())
    }

    async fn count(&mut self, table: &Described) -> Result<u64, MoveError> {
        self.count_rows(table)
    }

    async fn sequence(&mut self, table: &Described) -> Result<Option<i64>, MoveError> {
        if table.rowid.is_none() || !self.has_table("sqlite_sequence")? {
            return Ok(None);
        }
        let sql = "SELECT seq FROM sqlite_sequence WHERE lower(name) = ?1";
        let found = self
            .connection
            .query_row(sql, [&table.name], |row| row.get(0));
        found.optional().map_err(|error| self.failed(&error))
    }

    async fn clean(&mut self) -> Result<(), MoveError> {
        self.run("BEGIN IMMEDIATE")?;
        let dropped = self.drop_own("name GLOB 'terrace_change*' OR name = 'terrace_move'");
        match dropped.and_then(|()| self.run("COMMIT")) {
            Ok(()) => Ok(()),
            Err(error) => {
                self.give_up().await;
                Err(error)
            }
        }
    }
}

impl Sqlite {
    fn changed_keys(&self, number: usize, table: &Described) -> Result<Vec<Key>, MoveError> {
        let sql = format!(
            "SELECT DISTINCT {} FROM terrace_changes_{number}",
            key_names(table)
        );
        let work = || -> rusqlite::Result<Vec<Key>> {
            let mut statement = self.connection.prepare(&sql)?;
            let mut rows = statement.query([])?;
            let mut keys = Vec::new();
            while let Some(row) = rows.next()? {
                // A key that is not UTF-8 is found when its row is read.
                if let Ok(key) = read(row, table.key.len())? {
                    keys.push(key);
                }
            }
            Ok(keys)
        };
        work().map_err(|error| self.failed(&error))
    }
}

/// The columns of a key among those of a row that has a text which cannot be read.
fn key_as_far_as_read(row: &rusqlite::Row<'_>, table: &Described) -> Option<String> {
    let key = table.key.iter().map(|at| row.get::<_, i64>(*at).ok());
    let key: Option<Vec<Value>> = key.map(|value| value.map(Value::Integer)).collect();
    key.filter(|key| !key.is_empty())
        .map(|key| row::shown(&key))
}

/// The columns of a table of changes.
fn key_names(table: &Described) -> String {
    let names = (0..table.key.len().max(1)).map(|at| format!("k{at}"));
    names.collect::<Vec<_>>().join(", ")
}

/// The table and the triggers that note the changes of a table.
fn noting(number: usize, table: &Described) -> String {
    let (name, keys) = (quoted(&table.name), key_names(table));
    let values = |row: &str| match table.key.is_empty() {
        true => "1".to_owned(),
        false => row::key_columns(table, &format!("{row}.")),
    };
    let note = format!("INSERT INTO terrace_changes_{number} ({keys})");
    let (old, new) = (values("OLD"), values("NEW"));
    let mut sql = format!(
        "CREATE TABLE IF NOT EXISTS terrace_changes_{number} (number INTEGER PRIMARY KEY, {keys});"
    );
    for (event, notes) in [
        ("INSERT", format!("{note} VALUES ({new});")),
        ("UPDATE", format!("{note} VALUES ({old}), ({new});")),
        ("DELETE", format!("{note} VALUES ({old});")),
    ] {
        sql.push_str(&format!(
            "CREATE TRIGGER IF NOT EXISTS terrace_changes_{number}_{event} AFTER {event} ON {name} BEGIN {notes} END;"
        ));
    }
    if table.key.is_empty() || table.unique.is_empty() {
        return sql;
    }
    let replaced = table.unique.iter().map(|columns| {
        let same = columns.iter().map(|at| {
            let column = quoted(&table.columns[*at].name);
            format!("{column} = NEW.{column}")
        });
        let same = same.collect::<Vec<_>>().join(" AND ");
        let key = row::key_columns(table, "");
        format!("{note} SELECT {key} FROM {name} WHERE {same};")
    });
    let replaced: String = replaced.collect();
    for event in ["INSERT", "UPDATE"] {
        sql.push_str(&format!(
            "CREATE TRIGGER IF NOT EXISTS terrace_changes_{number}_before_{event} BEFORE {event} ON {name} BEGIN {replaced} END;"
        ));
    }
    sql
}
