//! The course of a move, from its plan to the switch, for any two sides.
//! The steps in between are left to [`super::steps`].

use std::hash::{BuildHasher, RandomState};

use super::error::{MoveError, refuse};
use super::finding::{Finding, Findings, Holder};
use super::limits::MAX_WHOLE_ROWS;
use super::side::{Content, Record, Source, Target, digest};
use super::steps::Steps;
use super::watch::{Progress, Watch};
use super::{Moved, Plan, PlannedTable};
use crate::clock;
use crate::dialect::{Described, Refusal, Schema, translate};

/// A plan with what is needed to follow it.
pub(super) struct Planned {
    pub(super) plan: Plan,
    definitions: Vec<String>,
    /// The digest of the definitions as the source has them.
    digest: String,
    tables: Vec<Described>,
    /// That of the source, if a move has begun.
    record: Option<Record>,
    content: Content,
}

/// Reads and judges both sides.
pub(super) async fn plan<S: Source, T: Target>(
    source: &mut S,
    target: &mut T,
) -> Result<Planned, MoveError> {
    let (record, content) = state(source, target).await?;
    let read = source.definitions().await?;
    let digest = digest(&read);
    if let Some(record) = &record
        && !record.is_moved
        && record.schema != digest
    {
        let place = source.shown().to_owned();
        return Err(MoveError::SchemaChanged { place });
    }
    let mut findings = Findings::default();
    let (definitions, schema) = ordered(read, &mut findings);
    refuse(findings)?;
    let tables = schema.described();
    let mut planned = Vec::new();
    if record.as_ref().is_none_or(|record| !record.is_moved) {
        source.begin().await?;
        let judged = judge(source, &tables).await;
        source.give_up().await;
        planned = judged?;
    }
    Ok(Planned {
        plan: Plan {
            from: source.shown().to_owned(),
            to: target.shown().to_owned(),
            tables: planned,
            is_begun: record.is_some(),
        },
        definitions,
        digest,
        tables,
        record,
        content,
    })
}

/// Whether the two sides are ready, or in the middle of the same move.
async fn state<S: Source, T: Target>(
    source: &mut S,
    target: &mut T,
) -> Result<(Option<Record>, Content), MoveError> {
    let (record, content) = (source.record().await?, target.content().await?);
    let place = target.shown().to_owned();
    match (&record, &content) {
        (Some(record), _) if record.to != place => Err(match record.is_moved {
            true => MoveError::Moved {
                to: record.to.clone(),
            },
            false => MoveError::UnderWay {
                to: record.to.clone(),
            },
        }),
        (Some(record), Content::OfMove(id)) if *id == record.id => {
            Ok((Some(record.clone()), content))
        }
        (Some(record), Content::Other(_)) if record.is_moved => Ok((Some(record.clone()), content)),
        (_, Content::Nothing) => Ok((record, content)),
        (_, Content::OfMove(_)) => {
            let found = "the rows of another move".to_owned();
            Err(MoveError::NotEmpty { place, found })
        }
        (_, Content::Other(found)) => {
            let found = found.clone();
            Err(MoveError::NotEmpty { place, found })
        }
    }
}

/// Counts and judges all rows of one moment.
async fn judge<S: Source>(
    source: &mut S,
    tables: &[Described],
) -> Result<Vec<PlannedTable>, MoveError> {
    let mut findings = Findings::default();
    let mut planned = Vec::new();
    for table in tables {
        let (rows, bytes) = source.judge(table, &mut findings).await?;
        let name = table.name.clone();
        if table.key.is_empty() && rows > MAX_WHOLE_ROWS {
            return Err(MoveError::NoKey { table: name, rows });
        }
        planned.push(PlannedTable { name, rows, bytes });
    }
    source.judge_references(&mut findings).await?;
    refuse(findings)?;
    Ok(planned)
}

/// The definitions in an order in which each table comes after those that it refers to, and their schema.
fn ordered(mut left: Vec<String>, findings: &mut Findings) -> (Vec<String>, Schema) {
    let (mut definitions, mut schema) = (Vec::new(), Schema::new());
    loop {
        let mut later: Vec<(String, Refusal)> = Vec::new();
        let before = left.len();
        for definition in left {
            let translated = translate(&definition, &schema, &[]).map(drop);
            match translated.and_then(|()| schema.apply(&definition)) {
                Ok(()) => definitions.push(definition),
                Err(refusal) => later.push((definition, refusal)),
            }
        }
        if later.len() == before || later.is_empty() {
            for (definition, refusal) in later {
                findings.add(Finding {
                    table: definition.chars().take(60).collect(),
                    key: None,
                    column: None,
                    reason: refusal.to_string(),
                });
            }
            return (definitions, schema);
        }
        left = later
            .into_iter()
            .map(|(definition, _)| definition)
            .collect();
    }
}

/// Moves a database, or continues.
pub(super) async fn run<S: Source, T: Target>(
    source: &mut S,
    target: &mut T,
    holder: Holder,
    watch: &mut impl Watch,
) -> Result<Moved, MoveError> {
    let planned = plan(source, target).await?;
    let mut moved = Moved {
        to: target.shown().to_owned(),
        rows: planned.plan.tables.iter().map(|table| table.rows).sum(),
        pause: None,
    };
    let tables = &planned.tables;
    match &planned.record {
        Some(record) if record.is_moved => {
            if matches!(planned.content, Content::OfMove(_)) {
                finish_target(source, target, tables).await?;
            }
        }
        _ => {
            let record = begin(source, target, &planned).await?;
            let mut steps = Steps::new(source, target, tables, holder).await?;
            steps.copy(moved.rows, watch).await?;
            watch.report(&Progress::Indexing);
            steps.make_indexes().await?;
            steps.compare(moved.rows, watch).await?;
            steps.catch_up(watch).await?;
            moved.pause = Some(switch(steps, tables, &record, watch).await?);
        }
    }
    watch.switch().await;
    target.forget().await?;
    source.clean().await?;
    Ok(moved)
}

/// Has the source note its changes, and the target have its tables.
async fn begin<S: Source, T: Target>(
    source: &mut S,
    target: &mut T,
    planned: &Planned,
) -> Result<Record, MoveError> {
    let record = planned.record.clone().unwrap_or_else(|| Record {
        id: format!("{:016x}", RandomState::new().hash_one(&planned.plan.to)),
        to: planned.plan.to.clone(),
        schema: planned.digest.clone(),
        is_moved: false,
    });
    // In this order: a target that belongs to no source could not be told from one in use.
    source.capture(&planned.tables, &record).await?;
    if planned.content == Content::Nothing {
        let prepared = target.prepare(&planned.definitions, &record.id).await;
        if prepared.is_err() && planned.record.is_none() {
            source.clean().await?;
        }
        prepared?;
    }
    Ok(record)
}

/// Pauses writes, copies the last changes and has the source refuse writes. Returns how long they were paused.
async fn switch<S: Source, T: Target>(
    steps: Steps<'_, S, T>,
    tables: &[Described],
    record: &Record,
    watch: &mut impl Watch,
) -> Result<std::time::Duration, MoveError> {
    watch.report(&Progress::Pausing);
    if let Err(message) = watch.hold().await {
        watch.release().await;
        return Err(MoveError::Server { message });
    }
    let begun = clock::now();
    let (source, target) = match steps.switch(record).await {
        Ok(sides) => sides,
        Err(error) => {
            watch.release().await;
            return Err(error);
        }
    };
    if let Err(error) = finish_target(source, target, tables).await {
        watch.release().await;
        return Err(error);
    }
    Ok(clock::now() - begun)
}

async fn finish_target<S: Source, T: Target>(
    source: &mut S,
    target: &mut T,
    tables: &[Described],
) -> Result<(), MoveError> {
    let mut sequences = Vec::new();
    for table in tables {
        sequences.push(source.sequence(table).await?);
    }
    target.finish(tables, &sequences).await
}

/// Has the source note no changes any more.
pub(super) async fn abandon_source<S: Source>(source: &mut S) -> Result<(), MoveError> {
    match source.record().await? {
        None => Err(MoveError::NothingToAbandon),
        Some(record) if record.is_moved => Err(MoveError::Moved { to: record.to }),
        Some(_) => source.clean().await,
    }
}

/// The same, and removes what was copied.
pub(super) async fn abandon<S: Source, T: Target>(
    source: &mut S,
    target: &mut T,
) -> Result<(), MoveError> {
    let (record, content) = (source.record().await?, target.content().await?);
    if let (Some(record), Content::OfMove(id)) = (&record, content)
        && record.id == id
        && !record.is_moved
    {
        target.clear().await?;
    }
    abandon_source(source).await
}
