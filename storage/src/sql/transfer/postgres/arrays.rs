//! Keys as arrays, one for each column, so that one statement takes many keys.

use tokio_postgres::types::ToSql;

use crate::dialect::{Described, Kind};
use crate::sql::transfer::row::{Key, key_kinds};
use crate::value::Value;

type Array = Box<dyn ToSql + Sync>;

/// The arrays of the columns of keys.
pub(super) fn of_keys(table: &Described, keys: &[Key]) -> Vec<Array> {
    let kinds = key_kinds(table).enumerate();
    kinds.map(|(at, kind)| array(kind, at, keys)).collect()
}

fn array(kind: Kind, at: usize, keys: &[Key]) -> Array {
    let values = keys.iter().map(|key| &key[at]);
    match kind {
        Kind::Integer => Box::new(collected(values, |value| match value {
            Value::Integer(integer) => Some(*integer),
            _ => None,
        })),
        Kind::Real => Box::new(collected(values, |value| match value {
            Value::Real(real) => Some(*real),
            _ => None,
        })),
        Kind::Text => Box::new(collected(values, |value| match value {
            Value::Text(text) => Some(text.clone()),
            _ => None,
        })),
        Kind::Blob => Box::new(collected(values, |value| match value {
            Value::Blob(bytes) => Some(bytes.clone()),
            _ => None,
        })),
    }
}

fn collected<'v, T>(
    values: impl Iterator<Item = &'v Value>,
    value: impl Fn(&Value) -> Option<T>,
) -> Vec<Option<T>> {
    values.map(value).collect()
}

/// `unnest($1::bigint[], $2::text[]) AS c (k0, k1)`.
pub(super) fn unnested(table: &Described) -> String {
    let arrays = key_kinds(table).enumerate();
    let arrays = arrays.map(|(at, kind)| format!("${}::{}[]", at + 1, kind.postgres()));
    format!(
        "unnest({}) AS c ({})",
        arrays.collect::<Vec<_>>().join(", "),
        super::key_names(table)
    )
}
