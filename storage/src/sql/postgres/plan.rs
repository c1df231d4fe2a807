//! The plan of a statement, as Postgres explains it. Nothing is executed.

use std::time::Instant;

use super::connection::Around;
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
    let translated = &ready.translation.translated;
    let mut explained: Translated = translated.clone();
    explained.texts = vec![format!("EXPLAIN {}", ready.translation.text())];
    explained.columns = vec![Column {
        name: "plan".to_owned(),
        kind: Some(Kind::Text),
    }];
    explained.effect = Effect::Read;
    explained.has_rowid = false;
    let has_plan = matches!(translated.effect, Effect::Read | Effect::Write);
    let Some(mut checkout) = ready.checkout.filter(|_| has_plan) else {
        return Err(misplaced(
            "only statements that read or change rows have a plan",
        ));
    };
    let explained = Translation::once(explained);
    let run = statement.run(
        Around::default(),
        &explained,
        checkout.connection(),
        &mut stop,
    );
    let (rows, _) = run.await?;
    Ok(rows.rows.iter().filter_map(|row| step(row)).collect())
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
