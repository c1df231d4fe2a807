//! The steps of a move. Each looks at one moment of the source: first the changes since the last step go to the target, then the
//! next rows are copied or compared. So after each step the target has the rows of that moment, up to the last key that was copied,
//! and no unique key collides on the way.

use std::cmp::Ordering;

use super::error::{MoveError, refuse};
use super::finding::{Findings, Holder};
use super::limits::{MAX_CATCH_UP_ROUNDS, MAX_CHUNK_BYTES, MAX_CHUNK_ROWS, MAX_LAST_CHANGES};
use super::row::{self, Checksum, Key, Row};
use super::side::{Changes, Record, Source, Target, digest};
use super::watch::{Progress, Watch};
use crate::dialect::Described;
use crate::value::Value;

/// The rows of a first step, whose size is not known.
const FIRST_ROWS: usize = 512;

/// How far a table was copied, or compared.
#[derive(Clone, Debug, PartialEq)]
enum Reach {
    Nothing,
    UpTo(Key),
    All,
}

impl Reach {
    fn has(&self, key: &[Value]) -> bool {
        match self {
            Self::Nothing => false,
            Self::UpTo(last) => row::compared(key, last) != Ordering::Greater,
            Self::All => true,
        }
    }

    fn last(&self) -> Option<&Key> {
        match self {
            Self::UpTo(last) => Some(last),
            Self::Nothing | Self::All => None,
        }
    }
}

/// A table on its way.
#[derive(Debug)]
struct State {
    copied: Reach,
    compared: Reach,
    /// Of the rows that were compared.
    source: Checksum,
    target: Checksum,
}

/// What a step does after the changes.
#[derive(Clone, Copy)]
enum Work {
    Copy,
    Compare,
    Count,
    Nothing,
}

/// A move.
pub(super) struct Steps<'m, S, T> {
    source: &'m mut S,
    target: &'m mut T,
    tables: &'m [Described],
    states: Vec<State>,
    holder: Holder,
    /// The rows of the next step.
    limit: usize,
    /// Rows that were copied, or compared.
    done: u64,
}

impl<'m, S: Source, T: Target> Steps<'m, S, T> {
    /// Continues where the target ends.
    pub(super) async fn new(
        source: &'m mut S,
        target: &'m mut T,
        tables: &'m [Described],
        holder: Holder,
    ) -> Result<Self, MoveError> {
        let mut states = Vec::new();
        let mut done = 0;
        for table in tables {
            let mut copied = Reach::Nothing;
            if !table.key.is_empty() {
                done += target.count(table).await?;
                let last = target.last(table).await?;
                copied = last.map_or(Reach::Nothing, Reach::UpTo);
            }
            states.push(State {
                copied,
                compared: Reach::Nothing,
                source: Checksum::default(),
                target: Checksum::default(),
            });
        }
        Ok(Self {
            source,
            target,
            tables,
            states,
            holder,
            limit: FIRST_ROWS,
            done,
        })
    }

    /// Copies all tables.
    pub(super) async fn copy(&mut self, of: u64, watch: &mut impl Watch) -> Result<(), MoveError> {
        let tables = self.tables;
        for (at, table) in tables.iter().enumerate() {
            while self.states[at].copied != Reach::All {
                self.step(at, Work::Copy).await?;
                let (table, rows) = (&table.name, self.done);
                watch.report(&Progress::Copied { table, rows, of });
            }
        }
        Ok(())
    }

    /// Compares all tables.
    pub(super) async fn compare(
        &mut self,
        of: u64,
        watch: &mut impl Watch,
    ) -> Result<(), MoveError> {
        self.done = 0;
        let tables = self.tables;
        for (at, table) in tables.iter().enumerate() {
            while self.states[at].compared != Reach::All {
                self.step(at, Work::Compare).await?;
                let (table, rows) = (&table.name, self.done);
                watch.report(&Progress::Compared { table, rows, of });
            }
        }
        Ok(())
    }

    /// Follows the changes until few are left, and counts the rows of both sides.
    pub(super) async fn catch_up(&mut self, watch: &mut impl Watch) -> Result<(), MoveError> {
        for _ in 0..MAX_CATCH_UP_ROUNDS {
            let changes = self.step(0, Work::Nothing).await?;
            watch.report(&Progress::CaughtUp { changes });
            if changes <= MAX_LAST_CHANGES {
                break;
            }
        }
        self.step(0, Work::Count).await?;
        self.step(0, Work::Nothing).await.map(drop)
    }

    /// Makes the indexes, when all rows are there.
    pub(super) async fn make_indexes(&mut self) -> Result<(), MoveError> {
        self.target.make_indexes().await
    }

    /// Pauses writes, copies the last changes and has the source refuse writes from then on. Gives the sides back.
    pub(super) async fn switch(
        mut self,
        record: &Record,
    ) -> Result<(&'m mut S, &'m mut T), MoveError> {
        self.source.pause(self.tables).await?;
        if let Err(error) = self.switch_in_pause(record).await {
            self.source.give_up().await;
            return Err(error);
        }
        Ok((self.source, self.target))
    }

    async fn switch_in_pause(&mut self, record: &Record) -> Result<(), MoveError> {
        if digest(&self.source.definitions().await?) != record.schema {
            let place = self.source.shown().to_owned();
            return Err(MoveError::SchemaChanged { place });
        }
        self.last_changes().await?;
        self.source.finish(self.tables, record).await
    }

    /// Copies the last changes, and compares the checksums.
    async fn last_changes(&mut self) -> Result<(), MoveError> {
        self.target.begin().await?;
        if let Err(error) = self.apply_changes().await {
            self.target.roll_back().await;
            return Err(error);
        }
        self.target.commit().await?;
        for (table, state) in self.tables.iter().zip(&self.states) {
            if state.source != state.target {
                return Err(MoveError::Differs {
                    table: table.name.clone(),
                    key: format!("{} and {} rows", state.source.rows, state.target.rows),
                });
            }
        }
        Ok(())
    }

    async fn step(&mut self, at: usize, work: Work) -> Result<usize, MoveError> {
        self.source.begin().await?;
        match self.step_within(at, work).await {
            Ok(changes) => self.source.end().await.map(|()| changes),
            Err(error) => {
                self.target.roll_back().await;
                self.source.give_up().await;
                Err(error)
            }
        }
    }

    async fn step_within(&mut self, at: usize, work: Work) -> Result<usize, MoveError> {
        self.target.begin().await?;
        let changes = self.apply_changes().await?;
        match work {
            Work::Copy => self.copy_chunk(at).await?,
            Work::Compare => self.compare_chunk(at).await?,
            Work::Count => self.count().await?,
            Work::Nothing => {}
        }
        self.target.commit().await?;
        Ok(changes)
    }

    /// Brings the changes since the last step to the target.
    async fn apply_changes(&mut self) -> Result<usize, MoveError> {
        let mut count = 0;
        for at in 0..self.tables.len() {
            let changes = self.source.changes(at, &self.tables[at]).await?;
            if !changes.keys.is_empty() {
                count += self.apply(at, changes).await?;
            }
        }
        Ok(count)
    }

    async fn apply(&mut self, at: usize, changes: Changes) -> Result<usize, MoveError> {
        let (table, state) = (&self.tables[at], &mut self.states[at]);
        let Changes { mut keys, mut rows } = changes;
        // What is beyond is copied later.
        keys.retain(|key| state.copied.has(key));
        rows.retain(|row| state.copied.has(&row::key_of(table, row)));
        if keys.is_empty() {
            return Ok(0);
        }
        judged(table, &rows, self.holder)?;
        let is_compared = state.compared != Reach::Nothing;
        let compared = |mut rows: Vec<Row>| {
            rows.retain(|row| state.compared.has(&row::key_of(table, row)));
            Checksum::of(&rows)
        };
        let mut before = Checksum::default();
        if is_compared {
            before = compared(self.target.rows(table, &keys).await?);
        }
        self.target.delete(table, &keys).await?;
        self.target.insert(table, &rows).await?;
        if is_compared {
            let target = compared(self.target.rows(table, &keys).await?);
            let source = compared(rows);
            state.source.subtract(before);
            state.source.add(source);
            state.target.subtract(before);
            state.target.add(target);
        }
        Ok(keys.len())
    }

    async fn copy_chunk(&mut self, at: usize) -> Result<(), MoveError> {
        let (table, state) = (&self.tables[at], &mut self.states[at]);
        let last = state.copied.last();
        let rows = self.source.chunk(table, last, self.limit).await?;
        judged(table, &rows, self.holder)?;
        if table.key.is_empty() {
            // An earlier attempt may have copied some.
            self.target.delete(table, &[Vec::new()]).await?;
        }
        self.target.insert(table, &rows).await?;
        self.done += rows.len() as u64;
        state.copied = match rows.last() {
            Some(row) if !is_end(table, &rows, self.limit) => Reach::UpTo(row::key_of(table, row)),
            _ => Reach::All,
        };
        self.limit = next_limit(self.limit, &rows);
        Ok(())
    }

    async fn compare_chunk(&mut self, at: usize) -> Result<(), MoveError> {
        let (table, state) = (&self.tables[at], &mut self.states[at]);
        let after = state.compared.last();
        let rows = self.source.chunk(table, after, self.limit).await?;
        let last = rows.last().filter(|_| !is_end(table, &rows, self.limit));
        let last = last.map(|row| row::key_of(table, row));
        let others = match table.key.is_empty() {
            true => self.target.rows(table, &[Vec::new()]).await?,
            false => self.target.range(table, after, last.as_ref()).await?,
        };
        let (source, target) = (Checksum::of(&rows), Checksum::of(&others));
        if source != target {
            return Err(differing(table, &rows, &others));
        }
        state.source.add(source);
        state.target.add(target);
        self.done += source.rows;
        self.limit = next_limit(self.limit, &rows);
        state.compared = last.map_or(Reach::All, Reach::UpTo);
        Ok(())
    }

    /// Counts the rows that are there. It would find a change that nobody noted.
    async fn count(&mut self) -> Result<(), MoveError> {
        for (table, state) in self.tables.iter().zip(&self.states) {
            let source = self.source.count(table).await?;
            let target = self.target.count(table).await?;
            if source != state.source.rows || target != state.target.rows {
                return Err(MoveError::Differs {
                    table: table.name.clone(),
                    key: format!("{source} and {target} rows"),
                });
            }
        }
        Ok(())
    }
}

/// Refuses rows that were written during the move and that the target cannot hold.
fn judged(table: &Described, rows: &[Row], holder: Holder) -> Result<(), MoveError> {
    let mut findings = Findings::default();
    for row in rows {
        findings.judge(table, row, holder);
    }
    refuse(findings)
}

/// Whether no rows come after these. Those that others insert later are changes.
fn is_end(table: &Described, rows: &[Row], limit: usize) -> bool {
    let bytes: usize = rows.iter().map(|row| row::size(row)).sum();
    table.key.is_empty() || (rows.len() < limit && bytes < MAX_CHUNK_BYTES)
}

/// As many rows as a step takes: a power of two, so that few statements are prepared.
fn next_limit(limit: usize, rows: &[Row]) -> usize {
    let bytes: usize = rows.iter().map(|row| row::size(row)).sum();
    if bytes == 0 {
        return limit;
    }
    let fitting = MAX_CHUNK_BYTES / 2 / (bytes / rows.len()).max(1);
    let fitting = fitting.clamp(1, limit * 4).min(MAX_CHUNK_ROWS);
    // The power of two below.
    1 << fitting.ilog2()
}

/// Names the first row that differs.
fn differing(table: &Described, rows: &[Row], others: &[Row]) -> MoveError {
    let first = |rows: &[Row], others: &[Row]| {
        let differs = rows.iter().filter(|row| !others.contains(row));
        let mut keys: Vec<Key> = differs.map(|row| row::key_of(table, row)).collect();
        keys.sort_by(|left, right| row::compared(left, right));
        keys.into_iter().next()
    };
    let key = first(rows, others).or_else(|| first(others, rows));
    MoveError::Differs {
        table: table.name.clone(),
        key: row::shown(&key.unwrap_or_default()),
    }
}
