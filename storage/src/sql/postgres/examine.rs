//! Looks at the plans of queries and at indexes for [`crate::sql::advice`]. Nothing is executed or changed; an index is tried
//! as a hypothetical one if the database has the extension `hypopg`. Judging a plan is left to [`judge`].

mod judge;

use std::time::Instant;

use tokio::sync::oneshot;

use super::catalog::Known;
use super::connection::Connection;
use super::database::Database;
use super::failures::Failed;
use super::job::{Counters, Stop};
use super::plan;
use super::session::answered;
use super::sizes::{self, FirstSizes, Sizes};
use super::statement::Statement;
use crate::clock;
use crate::dialect::{self, Kind};
use crate::sql::candidates::{Candidate, Columns, candidates};
use crate::sql::error::Error;
use crate::sql::examined::{Examined, Growing, Helpful, Index, Listed, Measure, Query, Tried};
use crate::sql::limits::{MAX_QUIET_COST, MIN_INDEX_GAIN};
use crate::sql::plan::PlanStep;
use crate::sql::shapes::Example;
use crate::sql::words::{Words, quoted};
use crate::value::Value;

/// The schema of the extension, if the database has it.
const EXTENSION: &str = "SELECT quote_ident(n.nspname) FROM pg_extension AS e \
    JOIN pg_namespace AS n ON n.oid = e.extnamespace WHERE e.extname = 'hypopg'";

/// The foreign keys: the table that is referenced, and the first column that references it with its table.
const REFERENCES: &str = "SELECT p.relname, t.relname, a.attname FROM pg_constraint AS c \
    JOIN pg_class AS p ON p.oid = c.confrelid JOIN pg_class AS t ON t.oid = c.conrelid \
    JOIN pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1] \
    WHERE c.contype = 'f' AND t.relnamespace = current_schema()::regnamespace";

/// The indexes: name, table, parts, whether it is unique or partial, whether a foreign key begins with its first column, and its
/// scans.
const INDEXES: &str = "SELECT i.relname, t.relname, \
    (SELECT string_agg(pg_get_indexdef(x.indexrelid, k, true), E'\\n' ORDER BY k) FROM generate_series(1, x.indnkeyatts) AS k), \
    x.indisunique, x.indpred IS NOT NULL, \
    EXISTS (SELECT 1 FROM pg_constraint AS c WHERE c.contype = 'f' AND c.conrelid = x.indrelid AND c.conkey[1] = x.indkey[0]), \
    coalesce(s.idx_scan, 0) \
    FROM pg_index AS x JOIN pg_class AS i ON i.oid = x.indexrelid JOIN pg_class AS t ON t.oid = x.indrelid \
    LEFT JOIN pg_stat_user_indexes AS s ON s.indexrelid = x.indexrelid \
    WHERE t.relnamespace = current_schema()::regnamespace AND x.indisvalid ORDER BY i.relname";

impl Database {
    /// Looks at queries and at all indexes.
    pub(crate) async fn examine(
        &self,
        queries: Vec<Query>,
        deadline: Instant,
    ) -> Result<Examined, Error> {
        let (done, examined) = oneshot::channel();
        let database = self.clone();
        self.spawn(async move {
            let _ = done.send(examine(&database, &queries, deadline).await);
        });
        answered(examined, deadline).await
    }
}

async fn examine(
    database: &Database,
    queries: &[Query],
    deadline: Instant,
) -> Result<Examined, Error> {
    let mut stop = Stop::at(deadline);
    let ready = database.ready("SELECT 1", &[], &mut stop).await?;
    let Some(mut checkout) = ready.checkout else {
        return Ok(Examined::default());
    };
    let connection = checkout.connection();
    let mut examiner = Examiner {
        columns: columns(&ready.known),
        sizes: Sizes::new(),
        first_sizes: database.first_sizes(),
        references: Vec::new(),
        extension: None,
        known: &ready.known,
        connection,
        stop,
    };
    examiner.prepare().await.map_err(|failed| failed.error())?;
    let mut indexes = examiner.indexes().await.map_err(|failed| failed.error())?;
    let mut tried = Vec::with_capacity(queries.len());
    for query in queries {
        tried.push(match clock::now() < deadline {
            true => examiner.query(query).await,
            false => None,
        });
    }
    for index in &mut indexes {
        // The server counts its scans late.
        let named = [
            format!("using {} on ", index.name),
            format!("Index Scan on {} ", index.name),
        ];
        let mut plans = tried.iter().flatten().flat_map(|tried| &tried.plan);
        index.is_used |= plans.any(|step| named.iter().any(|named| step.contains(named)));
    }
    Ok(Examined {
        queries: tried,
        indexes,
    })
}

fn columns(known: &Known) -> Columns {
    let tables = known.schema.tables();
    let columns = tables.filter_map(|table| {
        let columns = known.schema.columns(table)?;
        let names = columns.iter().map(|(name, _)| (*name).to_owned());
        Some((table.to_owned(), names.collect()))
    });
    columns.collect()
}

/// A connection on which plans are read.
struct Examiner<'d> {
    columns: Columns,
    sizes: Sizes,
    first_sizes: &'d FirstSizes,
    references: Vec<Reference>,
    extension: Option<String>,
    known: &'d Known,
    connection: &'d mut Connection,
    stop: Stop<'d>,
}

impl Examiner<'_> {
    async fn prepare(&mut self) -> Result<(), Failed> {
        let found = self.connection.texts(EXTENSION, &mut self.stop).await?;
        self.extension = found.into_iter().flatten().next();
        self.sizes = sizes::read(self.connection, &mut self.stop).await?;
        let found = self.connection.texts(REFERENCES, &mut self.stop).await?;
        self.references = found.into_iter().filter_map(Reference::read).collect();
        Ok(())
    }

    /// A query's plan, and the index that helps it most. `None` if it has no plan.
    async fn query(&mut self, query: &Query) -> Option<Tried> {
        let steps = self.plan(&query.example).await?;
        let index = match query.is_costly {
            true => self.helpful(query, &steps).await,
            false => None,
        };
        let growing = self.growing(&steps);
        // The lines between have conditions, and in them values of users.
        let shown = steps
            .into_iter()
            .filter(|step| step.text.contains("(cost="));
        let plan = shown.map(|step| step.text).collect();
        Some(Tried {
            plan,
            index,
            growing,
        })
    }

    /// An index for the query, or for the tables whose rows the server looks for when one of a deleted row is referenced. The
    /// plan does not tell that.
    async fn helpful(&mut self, query: &Query, steps: &[PlanStep]) -> Option<Helpful> {
        let returned = Some(query.returned);
        if let Some(index) = self.index(&query.example, steps, returned).await {
            return Some(index);
        }
        for example in self.looked_for(&query.example.sql) {
            let steps = self.plan(&example).await?;
            if let Some(index) = self.index(&example, &steps, None).await {
                return Some(index);
            }
        }
        None
    }

    /// What the server asks to delete rows of a table that others reference.
    fn looked_for(&self, sql: &str) -> Vec<Example> {
        let words = Words::of(sql);
        let is_table = |name: &str| {
            let mut known = self.columns.keys();
            known
                .find(|known| known.eq_ignore_ascii_case(name))
                .cloned()
        };
        let tables = words.tables(is_table);
        let deleted = tables.first().filter(|_| words.verb() == "DELETE");
        let references = self.references.iter();
        let references = references.filter(|it| deleted.is_some_and(|(name, _)| it.to == *name));
        let examples = references.filter_map(|reference| {
            let columns = self.known.schema.columns(&reference.table)?;
            let mut columns = columns.iter();
            let (_, kind) = columns.find(|(name, _)| *name == reference.column)?;
            Some(reference.example(*kind))
        });
        examples.collect()
    }

    /// A table that the plan reads from one end to the other, and that has grown.
    fn growing(&self, steps: &[PlanStep]) -> Option<Growing> {
        let mut tables = judge::whole_tables(steps);
        tables.find_map(|table| {
            let (first, now) = (self.first_sizes.of(table)?, *self.sizes.get(table)?);
            let first = first.rows_before(now);
            let now = now.rows;
            (first < now).then_some(Growing { first, now })
        })
    }

    async fn plan(&mut self, example: &Example) -> Option<Vec<PlanStep>> {
        let translation = self
            .known
            .translate(&example.sql, &example.parameters)
            .ok()?;
        let statement = Statement {
            sql: example.sql.clone(),
            parameters: example.parameters.clone(),
            counters: Counters::default(),
            needs: None,
        };
        let steps = plan::of(&statement, &translation, self.connection, &mut self.stop).await;
        steps.ok()
    }

    /// The index that helps a statement most, with the rows that it returned, if that is known.
    async fn index(
        &mut self,
        example: &Example,
        steps: &[PlanStep],
        returned: Option<u64>,
    ) -> Option<Helpful> {
        let before = judge::cost(steps).filter(|before| *before > MAX_QUIET_COST)?;
        let all = candidates(&Words::of(&example.sql), &self.columns);
        // The server does not know how many rows an expression selects. The calls have shown it.
        let least = returned.and_then(|returned| judge::by_index(steps, returned));
        let planned = match self.extension.clone() {
            Some(extension) => self.hypothetical(example, &all, &extension).await,
            None => None,
        };
        let (candidate, after, measure) = match planned {
            Some((candidate, after)) => (candidate, after, Measure::Planned),
            None => {
                // The extension does not match expressions.
                let is_open =
                    |candidate: &&Candidate| self.extension.is_none() || candidate.has_expression();
                let open: Vec<_> = all.iter().filter(is_open).cloned().collect();
                let (candidate, after) = judge::index(&open, steps, &self.sizes, before)?;
                (candidate, after, Measure::Judged)
            }
        };
        let after = least.map_or(after, |least| after.min(least));
        (before >= after.saturating_mul(MIN_INDEX_GAIN)).then(|| Helpful {
            statement: candidate.statement(),
            before,
            after,
            measure,
        })
    }

    /// Has the server plan with each candidate as if it were there. The best one that is used, and the cost.
    async fn hypothetical(
        &mut self,
        example: &Example,
        all: &[Candidate],
        extension: &str,
    ) -> Option<(Candidate, u64)> {
        let mut best: Option<(Candidate, u64)> = None;
        for candidate in all {
            let Some(after) = self.supposing(example, candidate, extension).await else {
                continue;
            };
            if best.as_ref().is_none_or(|(_, least)| after < *least) {
                best = Some((candidate.clone(), after));
            }
        }
        best
    }

    /// The cost with an index that the server takes for real, if it would use it.
    async fn supposing(
        &mut self,
        example: &Example,
        candidate: &Candidate,
        extension: &str,
    ) -> Option<u64> {
        let made = dialect::translate(&candidate.statement(), &self.known.schema, &[]).ok()?;
        let text = made.texts.into_iter().next()?.replace('\'', "''");
        let make = format!("SELECT {extension}.hypopg_create_index('{text}')");
        let is_made = self.connection.texts(&make, &mut self.stop).await.is_ok();
        let steps = match is_made {
            true => self.plan(example).await,
            false => None,
        };
        let reset = format!("SELECT {extension}.hypopg_reset()");
        self.connection.texts(&reset, &mut self.stop).await.ok()?;
        let steps = steps?;
        let is_used = steps.iter().any(|step| step.text.contains(">btree_"));
        judge::cost(&steps).filter(|_| is_used)
    }

    async fn indexes(&mut self) -> Result<Vec<Index>, Failed> {
        let rows = self.connection.texts(INDEXES, &mut self.stop).await?;
        let all: Vec<(Listed, bool)> = rows.into_iter().filter_map(listed).collect();
        let optional = all.iter().filter(|(index, _)| !index.is_unique);
        let indexes = optional.map(|(index, is_used)| Index {
            name: index.name.clone(),
            table: index.table.clone(),
            covered_by: index.covering(all.iter().map(|(other, _)| other)),
            is_used: *is_used,
        });
        Ok(indexes.collect())
    }
}

/// An index as the server lists it, and whether it is used.
fn listed(row: Vec<String>) -> Option<(Listed, bool)> {
    let row: [String; 7] = row.try_into().ok()?;
    let [name, table, parts, unique, partial, foreign, scans] = row;
    let index = Listed {
        name,
        table,
        parts: parts.lines().map(str::to_owned).collect(),
        is_unique: unique == "t",
        is_partial: partial == "t",
    };
    Some((index, foreign == "t" || scans != "0"))
}

/// A column that references a table.
struct Reference {
    to: String,
    table: String,
    column: String,
}

impl Reference {
    fn read(row: Vec<String>) -> Option<Self> {
        let [to, table, column] = row.try_into().ok()?;
        Some(Self { to, table, column })
    }

    /// A statement that looks for the rows that reference one.
    fn example(&self, kind: Option<Kind>) -> Example {
        let (table, column) = (quoted(&self.table), quoted(&self.column));
        let value = match kind {
            Some(Kind::Text) => Value::Text(String::new()),
            Some(Kind::Real) => Value::Real(0.0),
            Some(Kind::Blob) => Value::Blob(Vec::new()),
            _ => Value::Integer(0),
        };
        Example {
            sql: format!("SELECT 1 FROM {table} WHERE {column} = ?").into(),
            parameters: vec![value],
        }
    }
}
