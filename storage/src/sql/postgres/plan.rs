//! The plan of a statement, as Postgres explains it. Nothing is executed.

use std::time::Instant;

use super::connection::{Around, Connection};
use super::database::Database;
use super::job::Stop;
use super::statement::{Statement, misplaced};
use super::translations::Translation;
use crate::dialect::{Column, Effect, Kind, Translated};
use crate::sql::error::Error;
use crate::sql::plan::PlanStep;
use crate::value::Value;

/// The columns by which Postgres indents a step below another.
const INDENTATION: usize = 6;

/// The steps of a statement's plan.
///
/// # Errors
///
/// As of the statement; also if it neither reads nor changes rows.
pub(super) async fn explain(
    database: &Database,
    statement: &Statement,
    deadline: Instant,
) -> Result<Vec<PlanStep>, Error> {
    let mut stop = Stop::at(deadline);
    let ready = database.ready(&statement.sql, &statement.parameters, &mut stop);
    let ready = ready.await?;
    let Some(mut checkout) = ready.checkout else {
        return Err(planless());
    };
    of(
        statement,
        &ready.translation,
        checkout.connection(),
        &mut stop,
    )
    .await
}

/// The same on a connection.
pub(super) async fn of(
    statement: &Statement,
    translation: &Translation,
    connection: &mut Connection,
    stop: &mut Stop<'_>,
) -> Result<Vec<PlanStep>, Error> {
    let translated = &translation.translated;
    if !matches!(translated.effect, Effect::Read | Effect::Write) {
        return Err(planless());
    }
    let mut explained: Translated = translated.clone();
    explained.texts = vec![format!("EXPLAIN {}", translation.text())];
    explained.columns = vec![Column {
        name: "plan".to_owned(),
        kind: Some(Kind::Text),
    }];
    explained.effect = Effect::Read;
    explained.has_rowid = false;
    let explained = Translation::once(explained);
    let (rows, _) = statement
        .run(Around::default(), &explained, connection, stop)
        .await?;
    Ok(rows.rows.iter().filter_map(|row| step(row)).collect())
}

fn planless() -> Error {
    misplaced("only statements that read or change rows have a plan")
}

fn step(row: &[Value]) -> Option<PlanStep> {
    let Some(Value::Text(line)) = row.first() else {
        return None;
    };
    let text = line.trim_start();
    let depth = (line.len() - text.len()).div_ceil(INDENTATION);
    let text = text
        .strip_prefix("->")
        .map_or(text, str::trim_start)
        .to_owned();
    Some(PlanStep { depth, text })
}
