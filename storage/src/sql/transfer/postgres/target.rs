//! A Postgres database as the target of a move. Rows come by `COPY`, and references and triggers only at the end.

use std::pin::pin;

use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{ToSql, Type};

use super::{Postgres, arrays, bound, columns_of_t, join, references};
use crate::dialect::{Described, Kind, Schema, translate};
use crate::sql::postgres::dedicated::{self, Bound, SCHEMA_LOCK};
use crate::sql::transfer::error::MoveError;
use crate::sql::transfer::row::{self, Key, Row, literal, quoted};
use crate::sql::transfer::side::{Content, Target};

/// What the database has, other than what an extension brought.
const FOUND: &str = "SELECT c.oid::regclass::text FROM pg_class AS c \
     WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S') \
     AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = c.oid AND d.deptype = 'e') LIMIT 1";

/// Keeps indexes and references for later, and drops them; keeps triggers, and turns them off.
const KEEP_FOR_LATER: &str = "
INSERT INTO terrace.move_later (kind, text)
    SELECT 'index', pg_get_indexdef(i.indexrelid) FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indrelid
    WHERE c.relnamespace = current_schema()::regnamespace
    AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = i.indexrelid) ORDER BY i.indexrelid;
INSERT INTO terrace.move_later (kind, text)
    SELECT 'reference', format('ALTER TABLE %s ADD CONSTRAINT %I %s NOT VALID', conrelid::regclass, conname, pg_get_constraintdef(oid))
    FROM pg_constraint WHERE contype = 'f' AND connamespace = current_schema()::regnamespace ORDER BY oid;
INSERT INTO terrace.move_later (kind, text)
    SELECT 'valid', format('ALTER TABLE %s VALIDATE CONSTRAINT %I', conrelid::regclass, conname)
    FROM pg_constraint WHERE contype = 'f' AND connamespace = current_schema()::regnamespace ORDER BY oid;
INSERT INTO terrace.move_later (kind, text)
    SELECT 'trigger', format('ALTER TABLE %s ENABLE TRIGGER USER', oid::regclass)
    FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' AND relhastriggers;
DO $$ DECLARE command text; BEGIN
    FOR command IN
        SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname)
        FROM pg_constraint WHERE contype = 'f' AND connamespace = current_schema()::regnamespace
    LOOP EXECUTE command; END LOOP;
    FOR command IN
        SELECT format('DROP INDEX %s', i.indexrelid::regclass) FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indrelid
        WHERE c.relnamespace = current_schema()::regnamespace
        AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = i.indexrelid)
    LOOP EXECUTE command; END LOOP;
    FOR command IN
        SELECT format('ALTER TABLE %s DISABLE TRIGGER USER', oid::regclass)
        FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' AND relhastriggers
    LOOP EXECUTE command; END LOOP;
END $$;";

/// Drops all tables and views of the database, and the functions of its triggers.
const CLEAR: &str = "DO $$ DECLARE command text; BEGIN
    FOR command IN
        SELECT format('DROP %s IF EXISTS %s CASCADE', CASE relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END, c.oid::regclass)
        FROM pg_class AS c WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'v')
        AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = c.oid AND d.deptype = 'e')
    LOOP EXECUTE command; END LOOP;
    FOR command IN
        SELECT format('DROP FUNCTION %s', oid::regprocedure) FROM pg_proc AS p
        WHERE pronamespace = current_schema()::regnamespace AND prorettype = 'trigger'::regtype
        AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = p.oid AND d.deptype = 'e')
    LOOP EXECUTE command; END LOOP;
END $$;
DELETE FROM terrace.definitions;
DROP TABLE IF EXISTS terrace.move_target, terrace.move_later;";

impl Target for Postgres {
    fn shown(&self) -> &str {
        &self.connection.shown
    }

    async fn content(&mut self) -> Result<Content, MoveError> {
        if self.exists("terrace.move_target").await? {
            let ids = self.column("SELECT id FROM terrace.move_target").await?;
            return Ok(Content::OfMove(ids.concat()));
        }
        if self.exists("terrace.moved").await? {
            return Ok(Content::Other("the record of an earlier move".to_owned()));
        }
        Ok(match self.column(FOUND).await?.into_iter().next() {
            Some(found) => Content::Other(found),
            None => Content::Nothing,
        })
    }

    async fn prepare(&mut self, definitions: &[String], id: &str) -> Result<(), MoveError> {
        let allowed = "SELECT has_schema_privilege(current_schema(), 'CREATE')";
        if self.texts(allowed).await? != [["t"]] {
            return Err(MoveError::Rights {
                place: self.connection.shown.clone(),
                right: "CREATE on its schema; GRANT it".to_owned(),
            });
        }
        dedicated::make(&self.url, &self.options).await?;
        Target::begin(self).await?;
        let made = self.make_tables(definitions, id).await;
        match made {
            Ok(()) => Target::commit(self).await,
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
            row::key_columns(table, ""),
            quoted(&table.name),
            order.collect::<Vec<_>>().join(", ")
        );
        let rows = self.rows_of(&sql, &[], usize::MAX).await?;
        Ok(rows.into_iter().next())
    }

    async fn begin(&mut self) -> Result<(), MoveError> {
        self.run("BEGIN ISOLATION LEVEL READ COMMITTED").await
    }

    async fn commit(&mut self) -> Result<(), MoveError> {
        self.run("COMMIT").await
    }

    async fn roll_back(&mut self) {
        // Without a transaction it only warns. If it fails, the connection has ended, and the transaction with it.
        let _ = self.run("ROLLBACK").await;
    }

    async fn rows(&mut self, table: &Described, keys: &[Key]) -> Result<Vec<Row>, MoveError> {
        let name = quoted(&table.name);
        if table.key.is_empty() {
            let sql = format!("SELECT {} FROM {name}", row::columns(table));
            return self.rows_of(&sql, &[], usize::MAX).await;
        }
        let sql = format!(
            "SELECT {} FROM {} JOIN {name} AS t ON {}",
            columns_of_t(table),
            arrays::unnested(table),
            join(table)
        );
        let arrays = arrays::of_keys(table, keys);
        let values: Vec<_> = arrays.iter().map(|array| &**array as _).collect();
        self.rows_of(&sql, &values, usize::MAX).await
    }

    async fn delete(&mut self, table: &Described, keys: &[Key]) -> Result<(), MoveError> {
        let name = quoted(&table.name);
        if table.key.is_empty() {
            return self.run(&format!("DELETE FROM {name}")).await;
        }
        let sql = format!(
            "DELETE FROM {name} AS t USING {} WHERE {}",
            arrays::unnested(table),
            join(table)
        );
        let statement = self.prepared(&sql).await?;
        let arrays = arrays::of_keys(table, keys);
        let values: Vec<&(dyn ToSql + Sync)> = arrays.iter().map(|array| &**array as _).collect();
        let deleted = self.connection.client.execute(&statement, &values).await;
        deleted.map(drop).map_err(|error| self.failed(&error))
    }

    async fn insert(&mut self, table: &Described, rows: &[Row]) -> Result<(), MoveError> {
        if rows.is_empty() {
            return Ok(());
        }
        let sql = format!(
            "COPY {} ({}) FROM STDIN (FORMAT binary)",
            quoted(&table.name),
            row::columns(table)
        );
        let copied = self.copy(&sql, table, rows).await;
        copied.map_err(|error| self.failed(&error))
    }

    async fn range(
        &mut self,
        table: &Described,
        after: Option<&Key>,
        upto: Option<&Key>,
    ) -> Result<Vec<Row>, MoveError> {
        let condition = row::within(table, '$', after, upto);
        let sql = format!(
            "SELECT {} FROM {}{condition}",
            row::columns(table),
            quoted(&table.name)
        );
        let values = bound(after.into_iter().chain(upto));
        self.rows_of(&sql, &references(&values), usize::MAX).await
    }

    async fn count(&mut self, table: &Described) -> Result<u64, MoveError> {
        self.count_rows(table).await
    }

    async fn make_indexes(&mut self) -> Result<(), MoveError> {
        self.make_later("index").await?;
        self.run("ANALYZE").await
    }

    async fn finish(
        &mut self,
        tables: &[Described],
        sequences: &[Option<i64>],
    ) -> Result<(), MoveError> {
        for kind in ["index", "reference", "trigger"] {
            self.make_later(kind).await?;
        }
        for (table, sequence) in tables.iter().zip(sequences) {
            if let Some(rowid) = table.rowid {
                self.set_sequence(table, rowid, sequence.unwrap_or(0))
                    .await?;
            }
        }
        Ok(())
    }

    async fn forget(&mut self) -> Result<(), MoveError> {
        if !self.exists("terrace.move_later").await? {
            return Ok(());
        }
        // Reads and writes go on meanwhile.
        self.make_later("valid").await?;
        self.run("DROP TABLE IF EXISTS terrace.move_target, terrace.move_later")
            .await
    }

    async fn clear(&mut self) -> Result<(), MoveError> {
        self.run(&format!(
            "BEGIN; {SCHEMA_LOCK}; SET LOCAL client_min_messages = error; {CLEAR} COMMIT"
        ))
        .await
    }
}

impl Postgres {
    async fn make_tables(&mut self, definitions: &[String], id: &str) -> Result<(), MoveError> {
        self.run(&format!(
            "{SCHEMA_LOCK}; SET LOCAL client_min_messages = error; DELETE FROM terrace.definitions; \
             CREATE TABLE terrace.move_target (id text NOT NULL); \
             INSERT INTO terrace.move_target VALUES ({}); \
             CREATE TABLE terrace.move_later (number bigserial, kind text NOT NULL, text text NOT NULL)",
            literal(id)
        ))
        .await?;
        let mut schema = Schema::new();
        for (number, definition) in (1_i64..).zip(definitions) {
            let refused = |refusal: crate::dialect::Refusal| MoveError::Failed {
                place: self.connection.shown.clone(),
                message: refusal.to_string(),
            };
            let translated = translate(definition, &schema, &[]).map_err(refused)?;
            self.run(&translated.texts.join(";\n")).await?;
            schema.apply(definition).map_err(refused)?;
            self.run(&format!(
                "INSERT INTO terrace.definitions (number, text) VALUES ({number}, {})",
                literal(definition)
            ))
            .await?;
        }
        self.run(KEEP_FOR_LATER).await
    }

    /// Makes what was kept for later, of one kind. Each is one transaction.
    async fn make_later(&mut self, kind: &str) -> Result<(), MoveError> {
        let later = format!(
            "SELECT number, text FROM terrace.move_later WHERE kind = '{kind}' ORDER BY number"
        );
        for row in self.texts(&later).await? {
            let [number, text] = &row[..] else { continue };
            let made = format!(
                "BEGIN; {text}; DELETE FROM terrace.move_later WHERE number = {number}; COMMIT"
            );
            if let Err(error) = self.run(&made).await {
                self.roll_back().await;
                return Err(error);
            }
        }
        Ok(())
    }

    async fn copy(
        &mut self,
        sql: &str,
        table: &Described,
        rows: &[Row],
    ) -> Result<(), tokio_postgres::Error> {
        let types = table.columns.iter();
        let types: Vec<Type> = types.map(|column| type_of(column.kind)).collect();
        let sink = self.connection.client.copy_in(sql).await?;
        let mut writer = pin!(BinaryCopyInWriter::new(sink, &types));
        for row in rows {
            let values = row.iter().map(Bound::Given);
            writer.as_mut().write_raw(values).await?;
        }
        writer.finish().await.map(drop)
    }

    /// The next rowid is greater than all that the table ever had.
    async fn set_sequence(
        &mut self,
        table: &Described,
        rowid: usize,
        sequence: i64,
    ) -> Result<(), MoveError> {
        let (column, name) = (&table.columns[rowid].name, quoted(&table.name));
        let greatest = format!(
            "greatest({sequence}, (SELECT coalesce(max({}), 0) FROM {name}))",
            quoted(column)
        );
        let sql = format!(
            "SELECT setval(pg_get_serial_sequence({}, {})::regclass, greatest({greatest}, 1), {greatest} > 0)",
            literal(&name),
            literal(column)
        );
        self.texts(&sql).await.map(drop)
    }
}

fn type_of(kind: Kind) -> Type {
    match kind {
        Kind::Integer => Type::INT8,
        Kind::Real => Type::FLOAT8,
        Kind::Text => Type::TEXT,
        Kind::Blob => Type::BYTEA,
    }
}
