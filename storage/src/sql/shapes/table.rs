//! The shapes of a database, bounded in number and bytes.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::shape::Shape;
use super::text;
use crate::sql::limits::{
    MAX_CACHED_STATEMENT_BYTES, MAX_SHAPED_TEXT_BYTES, SHAPE_CAPACITY, SHAPED_TEXT_CAPACITY,
    TRANSACTION_PLACES,
};
use crate::value::Value;

/// The shapes, and the transactions by the place that began them.
#[derive(Debug, Default)]
pub(super) struct Table {
    shapes: HashMap<Box<str>, Arc<Shape>>,
    /// The shapes of texts that were read already.
    texts: HashMap<Box<str>, Arc<Shape>>,
    text_bytes: usize,
    pub(super) evicted: Evicted,
    pub(super) transactions: HashMap<Place, Transactions>,
}

/// A component and its route.
pub(super) type Place = (Arc<str>, Arc<str>);

/// What was forgotten, because there were too many shapes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Evicted {
    /// The number of shapes. A shape that returned counts each time.
    pub shapes: u64,
    /// The calls of all of them.
    pub calls: u64,
    /// The time of all of them.
    pub time: Duration,
}

/// The transactions that one route of a component began.
#[derive(Clone, Copy, Debug, Default)]
pub struct Transactions {
    /// Their number.
    pub count: u64,
    /// The time from when their first statement ran to their end, together.
    pub time: Duration,
    /// The longest.
    pub longest: Duration,
    /// The time in which no statement of them ran.
    pub idle: Duration,
}

impl Table {
    pub(super) fn of_text(&self, sql: &str) -> Option<Arc<Shape>> {
        self.texts.get(sql).cloned()
    }

    /// The shape with that text, which is made for this statement if it is new.
    pub(super) fn of_shape(
        &mut self,
        shape: String,
        sql: &str,
        parameters: &[Value],
    ) -> Arc<Shape> {
        let known = self.shapes.get(shape.as_str()).cloned();
        let known = known.unwrap_or_else(|| {
            if self.shapes.len() >= SHAPE_CAPACITY {
                self.evict();
            }
            let made = Arc::new(Shape::new(shape, sql, parameters));
            self.shapes.insert(made.text.clone(), Arc::clone(&made));
            made
        });
        self.remember(sql, &known);
        known
    }

    fn remember(&mut self, sql: &str, shape: &Arc<Shape>) {
        if sql.len() > MAX_CACHED_STATEMENT_BYTES {
            return;
        }
        let is_full = self.texts.len() >= SHAPED_TEXT_CAPACITY
            || self.text_bytes + sql.len() > MAX_SHAPED_TEXT_BYTES;
        if is_full {
            self.forget_texts();
        }
        if self.texts.insert(sql.into(), Arc::clone(shape)).is_none() {
            self.text_bytes += sql.len();
        }
    }

    fn forget_texts(&mut self) {
        self.texts.clear();
        self.text_bytes = 0;
    }

    /// Forgets the eighth of the shapes that took least time. One at a time would compare all of them for each new one.
    fn evict(&mut self) {
        let times = self.shapes.values().map(|shape| {
            let time = shape.numbers().time;
            (time, Arc::clone(shape))
        });
        let mut times: Vec<_> = times.collect();
        times.sort_unstable_by_key(|(time, _)| *time);
        for (_, shape) in times.iter().take((SHAPE_CAPACITY / 8).max(1)) {
            let numbers = shape.numbers();
            self.evicted.shapes += 1;
            self.evicted.calls += numbers.calls;
            self.evicted.time += numbers.time;
            self.shapes.remove(&shape.text);
        }
        self.forget_texts();
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Shape>> {
        self.shapes.values()
    }

    pub(super) fn add_transaction(&mut self, place: Place, time: Duration, idle: Duration) {
        if self.transactions.len() >= TRANSACTION_PLACES && !self.transactions.contains_key(&place)
        {
            return;
        }
        let transactions = self.transactions.entry(place).or_default();
        transactions.count += 1;
        transactions.time += time;
        transactions.longest = transactions.longest.max(time);
        transactions.idle += idle;
    }
}

/// Reads the shape of a statement. It may take a while for a long one, so no lock is held meanwhile.
pub(super) fn read(sql: &str) -> String {
    text::shape(sql)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(table: &mut Table, sql: &str) -> Arc<Shape> {
        table
            .of_text(sql)
            .unwrap_or_else(|| table.of_shape(read(sql), sql, &[]))
    }

    #[test]
    fn ten_thousand_texts_are_few_shapes() {
        let mut table = Table::default();
        for number in 0..10_000 {
            find(
                &mut table,
                &format!("SELECT name FROM item WHERE id = {number}"),
            );
            find(
                &mut table,
                &format!("SELECT id FROM item WHERE name = 'n{number}'"),
            );
        }
        assert_eq!(table.shapes.len(), 2);
        assert!(table.texts.len() <= SHAPED_TEXT_CAPACITY);
        assert!(table.text_bytes <= MAX_SHAPED_TEXT_BYTES);
    }

    #[test]
    fn shapes_that_took_least_time_are_forgotten_first() {
        let mut table = Table::default();
        let slow = find(&mut table, "SELECT slow FROM item");
        slow.numbers().time = Duration::from_secs(1);
        for number in 0..SHAPE_CAPACITY * 3 {
            find(&mut table, &format!("SELECT c{number} FROM item"));
            assert!(table.shapes.len() <= SHAPE_CAPACITY);
        }
        assert!(Arc::ptr_eq(
            &slow,
            &find(&mut table, "SELECT slow FROM item")
        ));
        assert!(table.evicted.shapes as usize >= SHAPE_CAPACITY);
    }

    #[test]
    fn bytes_of_remembered_texts_are_bounded() {
        let mut table = Table::default();
        let long = "x".repeat(MAX_CACHED_STATEMENT_BYTES - 100);
        for number in 0..1_000 {
            find(
                &mut table,
                &format!("SELECT {number} FROM item WHERE name = '{long}'"),
            );
            assert!(table.text_bytes <= MAX_SHAPED_TEXT_BYTES);
        }
        assert_eq!(table.shapes.len(), 1);
    }
}
