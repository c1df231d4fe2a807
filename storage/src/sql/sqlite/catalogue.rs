//! What SQLite says of its tables and plans.

use std::time::Instant;

use super::session::Session;
use crate::dialect::Schema;
use crate::sql::error::Error;
use crate::sql::plan::PlanStep;
use crate::sql::value::Value;

impl Session {
    /// See [`crate::sql::Session::explain`].
    pub(crate) async fn explain(
        &mut self,
        sql: &str,
        parameters: Vec<Value>,
        deadline: Instant,
    ) -> Result<Vec<PlanStep>, Error> {
        const PREFIX: &str = "EXPLAIN QUERY PLAN ";
        let text = format!("{PREFIX}{sql}");
        let explained = self.execute(&text, parameters, deadline).await;
        let rows = explained.map_err(|error| error.moved_back(PREFIX.len()))?;
        Ok(steps(&rows.rows))
    }

    /// See [`crate::sql::Session::schema`]. SQLite keeps the statements that made its tables.
    pub(crate) async fn schema(&mut self, deadline: Instant) -> Result<Schema, Error> {
        const READ: &str = "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid";
        let rows = self.execute(READ, Vec::new(), deadline).await?.rows;
        let mut schema = Schema::new();
        for row in rows {
            if let [Value::Text(sql)] = &row[..] {
                // A statement that needs what is refused here is refused by the name of its table.
                let _ = schema.apply(sql);
            }
        }
        Ok(schema)
    }
}

/// Each row has the id of a step, the id of the step that it is part of, a number without meaning, and a text.
fn steps(rows: &[Vec<Value>]) -> Vec<PlanStep> {
    let mut depths: Vec<(i64, usize)> = Vec::with_capacity(rows.len());
    let step = |row: &Vec<Value>| {
        let [
            Value::Integer(id),
            Value::Integer(parent),
            _,
            Value::Text(text),
        ] = &row[..]
        else {
            return None;
        };
        let parent = depths.iter().find(|(known, _)| known == parent);
        let depth = parent.map_or(0, |(_, depth)| depth + 1);
        depths.push((*id, depth));
        let text = text.clone();
        Some(PlanStep { depth, text })
    };
    rows.iter().filter_map(step).collect()
}
