//! Looks at the plans of queries and at indexes for [`crate::sql::advice`]. Nothing is executed or changed; an index is tried
//! as a hypothetical one if the database has the extension `hypopg`.

use std::collections::BTreeMap;
use std::time::Instant;

use tokio::sync::oneshot;

use super::catalog::Known;
use super::connection::Connection;
use super::database::Database;
use super::failures::Failed;
use super::job::{Counters, Stop};
use super::plan;
use super::session::answered;
use super::statement::Statement;
use crate::dialect;
use crate::sql::candidates::{Candidate, Columns, candidates};
use crate::sql::error::Error;
use crate::sql::examined::{Examined, Helpful, Index, Listed, Measure, Query, Tried};
use crate::sql::limits::{MAX_QUIET_COST, MIN_INDEX_GAIN};
use crate::sql::plan::PlanStep;
use crate::sql::words::Words;

/// The schema of the extension, if the database has it.
const EXTENSION: &str = "SELECT quote_ident(n.nspname) FROM pg_extension AS e \
    JOIN pg_namespace AS n ON n.oid = e.extnamespace WHERE e.extname = 'hypopg'";

/// How many rows the tables have, about.
const TABLE_ROWS: &str = "SELECT c.relname, greatest(c.reltuples, 0)::bigint FROM pg_class AS c \
    WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace";

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

/// What a step of a plan reads by an index costs: its pages, in the planner's units, and a few pages of the index.
const ROW_BY_INDEX: u64 = 4;
const INDEX_DESCENT: u64 = 8;

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
        rows: BTreeMap::new(),
        extension: None,
        known: &ready.known,
        connection,
        stop,
    };
    examiner.prepare().await.map_err(|failed| failed.error())?;
    let mut tried = Vec::with_capacity(queries.len());
    for query in queries {
        tried.push(examiner.query(query).await);
    }
    let mut indexes = examiner.indexes().await.map_err(|failed| failed.error())?;
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
    rows: BTreeMap<String, u64>,
    extension: Option<String>,
    known: &'d Known,
    connection: &'d mut Connection,
    stop: Stop<'d>,
}

impl Examiner<'_> {
    async fn prepare(&mut self) -> Result<(), Failed> {
        let found = self.connection.texts(EXTENSION, &mut self.stop).await?;
        self.extension = found.into_iter().flatten().next();
        let rows = self.connection.texts(TABLE_ROWS, &mut self.stop).await?;
        let rows = rows.into_iter().filter_map(|row| {
            let [name, rows] = <[String; 2]>::try_from(row).ok()?;
            Some((name, rows.parse().ok()?))
        });
        self.rows = rows.collect();
        Ok(())
    }

    /// A query's plan, and the index that helps it most. `None` if it has no plan.
    async fn query(&mut self, query: &Query) -> Option<Tried> {
        let steps = self.plan(query).await?;
        let before = cost(&steps)?;
        let index = match query.is_costly && before > MAX_QUIET_COST {
            true => self.index(query, &steps, before).await,
            false => None,
        };
        // The lines between have conditions, and in them values of users.
        let shown = steps
            .into_iter()
            .filter(|step| step.text.contains("(cost="));
        let plan = shown.map(|step| step.text).collect();
        Some(Tried { plan, index })
    }

    async fn plan(&mut self, query: &Query) -> Option<Vec<PlanStep>> {
        let example = &query.example;
        let translation = self
            .known
            .translate(&example.sql, &example.parameters)
            .ok()?;
        let statement = Statement {
            sql: example.sql.clone(),
            parameters: example.parameters.clone(),
            counters: Counters::default(),
        };
        let steps = plan::of(&statement, &translation, self.connection, &mut self.stop).await;
        steps.ok()
    }

    async fn index(&mut self, query: &Query, steps: &[PlanStep], before: u64) -> Option<Helpful> {
        let all = candidates(&Words::of(&query.example.sql), &self.columns);
        let (candidate, after, measure) = match self.extension.clone() {
            Some(extension) => {
                let (candidate, after) = self.hypothetical(query, all, &extension).await?;
                (candidate, after, Measure::Planned)
            }
            None => {
                let (candidate, after) = judged(&all, steps, &self.rows, before)?;
                (candidate, after, Measure::Judged)
            }
        };
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
        query: &Query,
        all: Vec<Candidate>,
        extension: &str,
    ) -> Option<(Candidate, u64)> {
        let mut best: Option<(Candidate, u64)> = None;
        for candidate in all {
            let made = dialect::translate(&candidate.statement(), &self.known.schema, &[]);
            let Some(text) = made.ok().and_then(|made| made.texts.into_iter().next()) else {
                continue;
            };
            let text = text.replace('\'', "''");
            let make = format!("SELECT {extension}.hypopg_create_index('{text}')");
            let is_made = self.connection.texts(&make, &mut self.stop).await.is_ok();
            let steps = match is_made {
                true => self.plan(query).await,
                false => None,
            };
            let reset = format!("SELECT {extension}.hypopg_reset()");
            self.connection.texts(&reset, &mut self.stop).await.ok()?;
            let Some(steps) = steps else { continue };
            let is_used = steps.iter().any(|step| step.text.contains(">btree_"));
            let Some(after) = cost(&steps).filter(|_| is_used) else {
                continue;
            };
            if best.as_ref().is_none_or(|(_, least)| after < *least) {
                best = Some((candidate, after));
            }
        }
        best
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

/// The total cost of a plan.
fn cost(steps: &[PlanStep]) -> Option<u64> {
    number(&steps.first()?.text, "..")
}

/// The whole number after `before` in the line of a step.
fn number(line: &str, before: &str) -> Option<u64> {
    let (_, rest) = line.rsplit_once("(cost=")?;
    let (_, rest) = rest.split_once(before)?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// The candidate for a table that the plan reads as a whole although few of its rows pass the filter, and the cost that
/// follows.
fn judged(
    all: &[Candidate],
    steps: &[PlanStep],
    rows: &BTreeMap<String, u64>,
    total: u64,
) -> Option<(Candidate, u64)> {
    let filters = steps.iter().zip(steps.iter().skip(1));
    let scans = filters.filter_map(|(scan, filter)| {
        let table = scan
            .text
            .split_once("Seq Scan on ")?
            .1
            .split_whitespace()
            .next()?;
        let filter = filter.text.strip_prefix("Filter: ")?;
        let (kept, costs) = (number(&scan.text, "rows=")?, number(&scan.text, "..")?);
        let is_choosy = rows
            .get(table)
            .is_some_and(|all| *all >= kept.saturating_mul(MIN_INDEX_GAIN));
        let fitting = all.iter().filter(|candidate| {
            let is_filtered = |part: &String| filter.contains(part.trim_matches('"'));
            candidate.table == table && candidate.parts.iter().all(is_filtered)
        });
        let best = fitting
            .filter(|_| is_choosy)
            .max_by_key(|candidate| candidate.parts.len())?;
        let after = total.saturating_sub(costs) + INDEX_DESCENT + kept * ROW_BY_INDEX;
        Some((best.clone(), after))
    });
    scans.min_by_key(|(_, after)| *after)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(lines: &[&str]) -> Vec<PlanStep> {
        let step = |text: &&str| PlanStep {
            depth: 0,
            text: (*text).to_owned(),
        };
        lines.iter().map(step).collect()
    }

    #[test]
    fn a_scan_that_keeps_few_rows_is_judged() {
        let plan = steps(&[
            "Seq Scan on orders  (cost=0.00..1888.00 rows=10 width=30)",
            "Filter: (customer_id = $1)",
        ]);
        assert_eq!(cost(&plan), Some(1_888));
        let candidate = |part: &str| Candidate {
            table: "orders".to_owned(),
            parts: vec![part.to_owned()],
        };
        let all = [candidate("made_at"), candidate("customer_id")];
        let rows = |count| BTreeMap::from([("orders".to_owned(), count)]);
        let found = judged(&all, &plan, &rows(100_000), 1_888);
        assert_eq!(found, Some((candidate("customer_id"), 48)));
        assert_eq!(judged(&all, &plan, &rows(20), 1_888), None);
    }
}
