//! What the plans of Postgres say: their cost, the tables that they read as a whole, and which index would help.

use crate::sql::candidates::Candidate;
use crate::sql::limits::MIN_INDEX_GAIN;
use crate::sql::plan::PlanStep;

use super::Sizes;

/// A row that is read by an index costs a page, in the planner's units, and finding the first one a few pages of the index.
const ROW_BY_INDEX: u64 = 4;
const INDEX_DESCENT: u64 = 8;

/// The step that reads a table from one end to the other.
const SCAN: &str = "Seq Scan on ";

/// The total cost of a plan.
pub(super) fn cost(steps: &[PlanStep]) -> Option<u64> {
    total(steps.first()?)
}

/// The tables that are read as a whole, and not only until enough rows are found.
pub(super) fn whole_tables(steps: &[PlanStep]) -> impl Iterator<Item = &str> {
    let all = cost(steps).unwrap_or(0);
    steps.iter().filter_map(move |step| {
        let table = table(step)?;
        (total(step)? <= all).then_some(table)
    })
}

/// The cost of so many rows by an index, if the plan does nothing but look for them in a whole table.
pub(super) fn by_index(steps: &[PlanStep], rows: u64) -> Option<u64> {
    let scan = steps.iter().position(|step| table(step).is_some())?;
    // A scan by several processes is gathered.
    let is_alone = steps[..scan]
        .iter()
        .all(|step| step.text.starts_with("Gather") || !step.text.contains("(cost="));
    is_alone.then(|| INDEX_DESCENT + rows * ROW_BY_INDEX)
}

/// The candidate for a table that the plan reads as a whole although it needs few of its rows, and the cost that follows.
pub(super) fn index(
    all: &[Candidate],
    steps: &[PlanStep],
    sizes: &Sizes,
    total: u64,
) -> Option<(Candidate, u64)> {
    let scans = (0..steps.len()).filter_map(|at| {
        let need = Need::of(steps, at)?;
        let rows = sizes.get(need.table)?.rows;
        let best = need.best(all)?;
        let after = total.saturating_sub(need.saved) + need.cost;
        (rows >= need.rows.saturating_mul(MIN_INDEX_GAIN)).then(|| (best.clone(), after))
    });
    scans.min_by_key(|(_, after)| *after)
}

/// What a plan needs of a table that it reads as a whole.
struct Need<'p> {
    table: &'p str,
    /// The conditions that an index would have to serve.
    conditions: String,
    rows: u64,
    /// The cost without an index that serves them, and with it.
    saved: u64,
    cost: u64,
}

impl<'p> Need<'p> {
    fn of(steps: &'p [PlanStep], at: usize) -> Option<Self> {
        let scan = &steps[at];
        let table = table(scan)?;
        let filter = after(steps, at, &["Filter: "]);
        let (saved, kept) = (total(scan)?, number(&scan.text, "rows=")?);
        let by_rows = |rows, conditions: String| Self {
            table,
            conditions,
            rows,
            saved,
            cost: INDEX_DESCENT + rows * ROW_BY_INDEX,
        };
        if let Some((limit, order)) = first_rows(steps, at) {
            let conditions = format!("{} {}", words(filter.unwrap_or_default()), words(order));
            // Neither reading nor sorting is left.
            let saved = cost(steps)?;
            return Some(Self {
                saved,
                ..by_rows(limit, conditions)
            });
        }
        if let Some(filter) = filter {
            return Some(by_rows(kept, words(filter)));
        }
        let (join, condition) = join(steps, at)?;
        let found = number(&steps[join].text, "rows=")?;
        let partner = partner(steps, join, at)?;
        let others = number(&partner.text, "rows=")?;
        let by_index = others * INDEX_DESCENT + found * ROW_BY_INDEX;
        Some(Self {
            saved: total(&steps[join])?,
            cost: total(partner)? + by_index,
            ..by_rows(found, words(condition))
        })
    }

    /// The candidate that serves most of the conditions.
    fn best<'c>(&self, all: &'c [Candidate]) -> Option<&'c Candidate> {
        let is_served = |part: &String| self.conditions.contains(&words(part));
        let fitting = all.iter().filter(|candidate| {
            candidate.table == self.table && candidate.parts.iter().all(is_served)
        });
        fitting.max_by_key(|candidate| candidate.parts.len())
    }
}

/// The number of rows, and the order, of a query that sorts this table for its first rows only.
fn first_rows(steps: &[PlanStep], scan: usize) -> Option<(u64, &str)> {
    let is_limit = steps[0].text.starts_with("Limit ");
    let sort = steps[..scan]
        .iter()
        .rposition(|step| step.text.starts_with("Sort ") && step.depth + 1 == steps[scan].depth)?;
    let order = after(steps, sort, &["Sort Key: "])?;
    let rows = number(&steps[0].text, "rows=")?;
    is_limit.then_some((rows, order))
}

/// The join that a step is part of, and its condition.
fn join(steps: &[PlanStep], at: usize) -> Option<(usize, &str)> {
    let join = steps[..at].iter().rposition(|step| {
        let is_join = step.text.contains(" Join ") || step.text.starts_with("Nested Loop");
        is_join && step.text.contains("(cost=") && step.depth < steps[at].depth
    })?;
    let condition = after(
        steps,
        join,
        &["Hash Cond: ", "Merge Cond: ", "Join Filter: "],
    )?;
    Some((join, condition))
}

/// The side of a join to which `at` does not belong.
fn partner(steps: &[PlanStep], join: usize, at: usize) -> Option<&PlanStep> {
    let depth = steps[join].depth + 1;
    let inside = steps.iter().enumerate().skip(join + 1);
    let inside =
        inside.take_while(|(_, step)| step.depth >= depth || !step.text.contains("(cost="));
    let sides: Vec<_> = inside
        .filter(|(_, step)| step.depth == depth && step.text.contains("(cost="))
        .collect();
    let [(_, first), (second_at, second)] = sides[..] else {
        return None;
    };
    Some(if at < second_at { second } else { first })
}

/// What follows one of `names` in the lines of a step.
fn after<'p>(steps: &'p [PlanStep], at: usize, names: &[&str]) -> Option<&'p str> {
    let lines = steps[at + 1..].iter();
    let mut lines = lines.take_while(|line| !line.text.contains("(cost="));
    lines.find_map(|line| names.iter().find_map(|name| line.text.strip_prefix(name)))
}

/// The table that a step reads as a whole.
fn table(step: &PlanStep) -> Option<&str> {
    let (_, rest) = step.text.split_once(SCAN)?;
    match rest.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next(),
        None => rest.split_whitespace().next(),
    }
}

fn total(step: &PlanStep) -> Option<u64> {
    number(&step.text, "..")
}

/// The whole number after `before` in the line of a step.
fn number(line: &str, before: &str) -> Option<u64> {
    let (_, rest) = line.rsplit_once("(cost=")?;
    let (_, rest) = rest.split_once(before)?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// The words of a condition, each between spaces. Postgres adds parentheses, quotes and the collation, which all texts have.
fn words(condition: &str) -> String {
    let condition = condition.replace("COLLATE \"C\"", " ");
    let letters = |letter: char| !letter.is_alphanumeric() && letter != '_';
    let words: Vec<_> = condition
        .split(letters)
        .filter(|word| !word.is_empty())
        .collect();
    format!(" {} ", words.join(" "))
}

#[cfg(test)]
mod tests;
