//! Which queries hurt, and how to mend them: findings from the statistics of shapes, and from what the engine finds out
//! about their plans. Nothing of the database is changed.

mod indexes;
mod judged;
mod repeated;
mod unread;

use std::time::Instant;

use super::database::Database;
use super::examined::{Examined, Query};
use super::finding::Finding;
use super::limits::{MAX_QUIET_SCAN, MAX_QUIET_STEPS, MAX_TRIED_SHAPES, MIN_JUDGED_CALLS};
use super::place::Engine;
use super::shapes::{Observed, ShapeStatistics};
use super::words::Words;
use crate::dialect::{self, Kind, Refusal};

/// What there is to say about the queries of a database.
#[derive(Debug)]
pub struct Advice {
    /// The statistics.
    pub observed: Observed,
    /// What is known of each shape, in the order of the statistics.
    pub shapes: Vec<ShapeAdvice>,
    /// The findings; the kinds that save most are first.
    pub findings: Vec<Finding>,
    /// Why plans and indexes were not looked at, if they were not.
    pub unexamined: Option<String>,
}

/// What is known of a shape beside its statistics.
#[derive(Debug, Default)]
pub struct ShapeAdvice {
    /// The steps of the plan of one of its statements, if it was read.
    pub plan: Vec<String>,
    /// Why the dialect refuses the statement for Postgres, if it does.
    pub refusal: Option<Refusal>,
}

impl Database {
    /// Judges the queries of requests since the database was opened. It ends at about the deadline, with what it has found
    /// by then.
    pub async fn advise(&self, deadline: Instant) -> Advice {
        let observed = self.observed();
        let mut shapes: Vec<_> = self.refusals(&observed, deadline).await;
        let engine = self.engine();
        let asked = asked(&observed, &engine);
        let queries = asked.iter().map(|(_, query)| query.clone()).collect();
        let examined = match &engine {
            Engine::Sqlite(database) => database.examine(queries, deadline).await,
            Engine::Postgres(database) => database.examine(queries, deadline).await,
        };
        let (examined, unexamined) = match examined {
            Ok(examined) => (examined, None),
            Err(error) => (Examined::default(), Some(error.to_string())),
        };
        for ((at, _), tried) in asked.iter().zip(&examined.queries) {
            if let Some(tried) = tried {
                shapes[*at].plan.clone_from(&tried.plan);
            }
        }
        let mut findings = judged::findings(&observed, self.facts());
        if let Engine::Postgres(database) = &engine {
            findings.extend(judged::row_locks(database.seen_waiting()));
        }
        findings.extend(unread::findings(&observed, &findings));
        let asked: Vec<_> = asked.iter().map(|(at, _)| &observed.shapes[*at]).collect();
        let is_complete = observed.evicted.shapes == 0 && asked.len() == planned(&observed).count();
        findings.extend(indexes::findings(&observed, &asked, &examined, is_complete));
        findings.sort_by_key(|finding| finding.kind);
        Advice {
            observed,
            shapes,
            findings,
            unexamined,
        }
    }

    fn facts(&self) -> judged::Facts {
        judged::Facts {
            writes_queue: matches!(self.engine(), Engine::Sqlite(_)),
            lock_waits: self.statistics().lock_waits.get(),
        }
    }

    /// For each shape, why its statement is not portable.
    async fn refusals(&self, observed: &Observed, deadline: Instant) -> Vec<ShapeAdvice> {
        // Without its schema, every statement would be refused.
        let schema = self.session().schema(deadline).await.ok();
        let refusal = |shape: &ShapeStatistics| {
            let example = shape
                .example
                .as_ref()
                .filter(|_| shape.errors < shape.calls)?;
            let kinds: Vec<_> = example.parameters.iter().map(Kind::of).collect();
            dialect::translate(&example.sql, schema.as_ref()?, &kinds).err()
        };
        let advice = observed.shapes.iter().map(|shape| ShapeAdvice {
            plan: Vec::new(),
            refusal: refusal(shape),
        });
        advice.collect()
    }
}

/// The shapes whose plans are read, and for the costly ones indexes are tried.
/// Each with its place among the shapes.
fn asked(observed: &Observed, engine: &Engine) -> Vec<(usize, Query)> {
    let mut costly = 0;
    let planned = planned(observed).filter_map(|(at, shape)| {
        let example = shape.example.clone()?;
        let is_costly = is_costly(shape, engine) && costly < MAX_TRIED_SHAPES;
        costly += usize::from(is_costly);
        let query = Query {
            example,
            is_costly,
            returned: shape.rows / shape.calls.max(1),
        };
        Some((at, query))
    });
    planned.collect()
}

/// The shapes that read or change rows. A statement that always failed has no plan.
fn planned(observed: &Observed) -> impl Iterator<Item = (usize, &ShapeStatistics)> {
    observed.shapes.iter().enumerate().filter(|(_, shape)| {
        let verb = Words::of(&shape.text).verb();
        let verbs = ["SELECT", "WITH", "INSERT", "UPDATE", "DELETE", "REPLACE"];
        shape.errors < shape.calls && verbs.contains(&verb.as_str())
    })
}

fn is_costly(shape: &ShapeStatistics, engine: &Engine) -> bool {
    if shape.calls < MIN_JUDGED_CALLS {
        return false;
    }
    match (shape.reading, engine) {
        (Some(reading), _) => {
            let calls = reading.calls.max(1);
            reading.scanned / calls > MAX_QUIET_SCAN || reading.steps / calls > MAX_QUIET_STEPS
        }
        // A server does not say what a query read. Its plan says what it costs.
        (None, Engine::Postgres(_)) => true,
        (None, Engine::Sqlite(_)) => false,
    }
}
