//! Values on their way to Postgres and back. Which kind a parameter or column has is left to the translation.

use std::error::Error;

use bytes::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use super::job::Counters;
use crate::dialect::{Kind, Source, Translated, decode_value};
use crate::value::Value;

/// A value as a parameter of Postgres. The translation has settled that its kind is the parameter's.
#[derive(Debug)]
pub(in crate::sql) enum Bound<'v> {
    Given(&'v Value),
    Counter(i64),
}

impl ToSql for Bound<'_> {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Self::Counter(number) | Self::Given(Value::Integer(number)) => number.to_sql(ty, out),
            // As SQLite keeps it.
            Self::Given(Value::Real(real)) if real.is_nan() => Ok(IsNull::Yes),
            Self::Given(Value::Real(real)) => real.to_sql(ty, out),
            Self::Given(Value::Text(text)) => text.to_sql(ty, out),
            Self::Given(Value::Blob(bytes)) => bytes.to_sql(ty, out),
            Self::Given(Value::Null) => Ok(IsNull::Yes),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// The kinds of the values of a statement.
pub(super) fn kinds(values: &[Value]) -> Vec<Option<Kind>> {
    let kind = |value: &Value| match value {
        Value::Integer(_) => Some(Kind::Integer),
        Value::Real(real) if real.is_nan() => None,
        Value::Real(_) => Some(Kind::Real),
        Value::Text(_) => Some(Kind::Text),
        Value::Blob(_) => Some(Kind::Blob),
        Value::Null => None,
    };
    values.iter().map(kind).collect()
}

/// The parameters of Postgres in order, with their types.
pub(super) fn bound<'v>(
    translated: &Translated,
    values: &'v [Value],
    counters: Counters,
) -> Vec<(Bound<'v>, Type)> {
    let bound = |source: &Source| match source {
        Source::Given(number) => Bound::Given(values.get(number - 1).unwrap_or(&Value::Null)),
        Source::LastInsertRowid => Bound::Counter(counters.last_insert_rowid),
        Source::Changes => Bound::Counter(i64::try_from(counters.changes).unwrap_or(i64::MAX)),
    };
    let parameters = translated.parameters.iter();
    parameters
        .map(|parameter| (bound(&parameter.source), of_kind(parameter.kind)))
        .collect()
}

pub(super) fn of_kind(kind: Kind) -> Type {
    match kind {
        Kind::Integer => Type::INT8,
        Kind::Real => Type::FLOAT8,
        Kind::Text => Type::TEXT,
        Kind::Blob => Type::BYTEA,
    }
}

/// A value as Postgres sends it.
pub(in crate::sql) struct Received(pub(in crate::sql) Value);

impl<'a> FromSql<'a> for Received {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(match *ty {
            Type::INT8 => Value::Integer(i64::from_sql(ty, raw)?),
            Type::FLOAT8 => Value::Real(f64::from_sql(ty, raw)?),
            Type::TEXT => Value::Text(String::from_sql(ty, raw)?),
            Type::BYTEA => Value::Blob(raw.to_vec()),
            _ if ty.name() == "value" && ty.schema() == "terrace" => {
                decode_value(raw).ok_or("not a terrace.value")?
            }
            _ => return Err(format!("a column of type {ty}").into()),
        }))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(Value::Null))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}
