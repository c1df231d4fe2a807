//! Rows and keys on their way: how keys are ordered, and a checksum over rows that does not depend on their order.

use std::cmp::Ordering;
use std::hash::{DefaultHasher, Hasher};

use crate::dialect::{Described, Kind};
use crate::value::Value;

/// The values of a row, in the order of [`Described::columns`].
pub(super) type Row = Vec<Value>;

/// The values of a key, in the order of [`Described::key`].
pub(super) type Key = Vec<Value>;

/// The key of a row.
pub(super) fn key_of(table: &Described, row: &[Value]) -> Key {
    table.key.iter().map(|at| row[*at].clone()).collect()
}

/// The order of keys in both engines: numbers by size, text and blobs by bytes.
pub(super) fn compared(left: &[Value], right: &[Value]) -> Ordering {
    let mut pairs = left.iter().zip(right);
    let differing = pairs.find_map(|(left, right)| {
        let order = match (left, right) {
            (Value::Integer(left), Value::Integer(right)) => left.cmp(right),
            (Value::Real(left), Value::Real(right)) => left.total_cmp(right),
            (Value::Text(left), Value::Text(right)) => left.as_bytes().cmp(right.as_bytes()),
            (Value::Blob(left), Value::Blob(right)) => left.cmp(right),
            // Keys have one kind for each column, and no `NULL`.
            _ => Ordering::Equal,
        };
        (order != Ordering::Equal).then_some(order)
    });
    differing.unwrap_or(Ordering::Equal)
}

/// A key for messages: `(7, 'first')`.
pub(super) fn shown(key: &[Value]) -> String {
    let texts: Vec<String> = key.iter().map(shown_value).collect();
    match &texts[..] {
        [one] => one.clone(),
        _ => format!("({})", texts.join(", ")),
    }
}

fn shown_value(value: &Value) -> String {
    match value {
        Value::Integer(integer) => integer.to_string(),
        Value::Real(real) => format!("{real:?}"),
        Value::Text(text) => {
            let escaped: String = text.chars().take(60).flat_map(char::escape_debug).collect();
            format!("'{escaped}'")
        }
        Value::Blob(bytes) => format!("{} bytes", bytes.len()),
        Value::Null => "NULL".to_owned(),
    }
}

/// The bytes of the values of a row, about.
pub(super) fn size(row: &[Value]) -> usize {
    row.iter().map(Value::size).sum()
}

/// The number of rows, and the sum of their hashes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Checksum {
    pub(super) rows: u64,
    sum: u128,
}

impl Checksum {
    pub(super) fn of(rows: &[Row]) -> Self {
        let mut checksum = Self::default();
        for row in rows {
            checksum.rows += 1;
            checksum.sum = checksum.sum.wrapping_add(u128::from(hash(row)));
        }
        checksum
    }

    pub(super) fn add(&mut self, other: Self) {
        self.rows = self.rows.wrapping_add(other.rows);
        self.sum = self.sum.wrapping_add(other.sum);
    }

    pub(super) fn subtract(&mut self, other: Self) {
        self.rows = self.rows.wrapping_sub(other.rows);
        self.sum = self.sum.wrapping_sub(other.sum);
    }
}

/// The hash of the kinds and bytes of the values.
fn hash(row: &[Value]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for value in row {
        match value {
            Value::Null => hasher.write_u8(0),
            Value::Integer(integer) => {
                hasher.write_u8(1);
                hasher.write_i64(*integer);
            }
            Value::Real(real) => {
                hasher.write_u8(2);
                // The sign of a zero is not kept everywhere.
                let real = if *real == 0.0 { 0.0 } else { *real };
                hasher.write_u64(real.to_bits());
            }
            Value::Text(text) => write(&mut hasher, 3, text.as_bytes()),
            Value::Blob(bytes) => write(&mut hasher, 4, bytes),
        }
    }
    hasher.finish()
}

fn write(hasher: &mut DefaultHasher, kind: u8, bytes: &[u8]) {
    hasher.write_u8(kind);
    hasher.write_usize(bytes.len());
    hasher.write(bytes);
}

/// The kind of each column of the key.
pub(super) fn key_kinds(table: &Described) -> impl Iterator<Item = Kind> {
    table.key.iter().map(|at| table.columns[*at].kind)
}

/// An identifier as both engines read it.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A string as both engines read it.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The names of all columns, with commas.
pub(super) fn columns(table: &Described) -> String {
    names(table, 0..table.columns.len(), "")
}

/// The names of the columns of the key, each after a prefix, with commas.
pub(super) fn key_columns(table: &Described, prefix: &str) -> String {
    names(table, table.key.iter().copied(), prefix)
}

/// `("a", "b") > (?1, ?2)` for the columns of the key. The parameters have `sign` before their numbers, which follow `before`.
fn beyond(table: &Described, comparison: &str, sign: char, before: usize) -> String {
    let parameters = (0..table.key.len()).map(|at| format!("{sign}{}", before + at + 1));
    let parameters: Vec<_> = parameters.collect();
    format!(
        "({}) {comparison} ({})",
        key_columns(table, ""),
        parameters.join(", ")
    )
}

/// ` WHERE …` for the rows after one key and up to another; empty for all. The parameters are the values of both, with `sign` before
/// their numbers.
pub(super) fn within(
    table: &Described,
    sign: char,
    after: Option<&Key>,
    upto: Option<&Key>,
) -> String {
    let mut conditions = Vec::new();
    if after.is_some() {
        conditions.push(beyond(table, ">", sign, 0));
    }
    if upto.is_some() {
        conditions.push(beyond(table, "<=", sign, after.map_or(0, Vec::len)));
    }
    match conditions.is_empty() {
        true => String::new(),
        false => format!(" WHERE {}", conditions.join(" AND ")),
    }
}

fn names(table: &Described, columns: impl Iterator<Item = usize>, prefix: &str) -> String {
    let names = columns.map(|at| format!("{prefix}{}", quoted(&table.columns[at].name)));
    names.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checksum_does_not_depend_on_the_order_and_sees_kinds() {
        let rows = [
            vec![Value::Integer(1), "a".into()],
            vec![Value::Integer(2), Value::Null],
        ];
        let mut turned = rows.clone();
        turned.reverse();
        assert_eq!(Checksum::of(&rows), Checksum::of(&turned));
        let other = [
            vec![Value::Integer(1), Value::Blob(b"a".to_vec())],
            vec![Value::Integer(2), Value::Null],
        ];
        assert_ne!(Checksum::of(&rows), Checksum::of(&other));
        let mut all = Checksum::of(&rows);
        all.subtract(Checksum::of(&rows[..1]));
        assert_eq!(all, Checksum::of(&rows[1..]));
        let zeros = [vec![Value::Real(0.0)], vec![Value::Real(-0.0)]];
        assert_eq!(Checksum::of(&zeros[..1]), Checksum::of(&zeros[1..]));
    }

    #[test]
    fn keys_are_ordered_as_the_engines_order_them() {
        assert_eq!(compared(&["Z".into()], &["a".into()]), Ordering::Less);
        assert_eq!(compared(&["é".into()], &["z".into()]), Ordering::Greater);
        let (left, right) = (
            ["a".into(), Value::Integer(9)],
            ["a".into(), Value::Integer(10)],
        );
        assert_eq!(compared(&left, &right), Ordering::Less);
    }
}
