//! The kinds of values and the affinities of columns, as SQLite has them.
//! Converting a value from one kind to another is left to [`super::convert`].

use crate::value::Value;

/// The kind of a value that is not `NULL`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A signed 64-bit integer: `bigint`.
    Integer,
    /// A 64-bit floating-point number: `double precision`.
    Real,
    /// Text: `text COLLATE "C"`.
    Text,
    /// Bytes: `bytea`.
    Blob,
}

impl Kind {
    /// The kind of a value; `None` is `NULL`.
    #[must_use]
    pub fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Integer(_) => Some(Self::Integer),
            Value::Real(_) => Some(Self::Real),
            Value::Text(_) => Some(Self::Text),
            Value::Blob(_) => Some(Self::Blob),
            Value::Null => None,
        }
    }

    /// The type of Postgres that holds it.
    #[must_use]
    pub fn postgres(self) -> &'static str {
        match self {
            Self::Integer => "bigint",
            Self::Real => "double precision",
            Self::Text => "text",
            Self::Blob => "bytea",
        }
    }

    /// SQLite's name for it, as `typeof` returns it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Integer => "integer",
            Self::Real => "real",
            Self::Text => "text",
            Self::Blob => "blob",
        }
    }
}

/// The type of a printed expression in Postgres.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    /// A `boolean`, where SQLite has the integers 1 and 0.
    Truth,
    /// All values have one kind, or are `NULL`.
    Of(Kind),
    /// Only `NULL`, or a parameter whose kind nothing has settled.
    Null,
    /// The kind differs from row to row: a `terrace.value`.
    Any,
}

impl Type {
    /// As a value: a truth is an integer.
    pub(super) fn of_value(self) -> Self {
        match self {
            Self::Truth => Self::Of(Kind::Integer),
            other => other,
        }
    }

    pub(super) fn kind(self) -> Option<Kind> {
        match self.of_value() {
            Self::Of(kind) => Some(kind),
            _ => None,
        }
    }
}

/// What a column, or an expression that is a column, does to the values it is compared with
/// (<https://www.sqlite.org/datatype3.html>, section 3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Affinity {
    /// An expression that is no column.
    #[default]
    None,
    Blob,
    Text,
    Numeric,
    Integer,
    Real,
}

impl Affinity {
    /// By the words of a declared type.
    pub(super) fn of_type(words: &str) -> Self {
        let words = words.to_ascii_uppercase();
        let has = |part: &str| words.contains(part);
        if has("INT") {
            Self::Integer
        } else if has("CHAR") || has("CLOB") || has("TEXT") {
            Self::Text
        } else if has("BLOB") || words.trim().is_empty() {
            Self::Blob
        } else if has("REAL") || has("FLOA") || has("DOUB") {
            Self::Real
        } else {
            Self::Numeric
        }
    }

    pub(super) fn is_numeric(self) -> bool {
        matches!(self, Self::Numeric | Self::Integer | Self::Real)
    }
}

/// How text is compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Collation {
    /// By bytes.
    #[default]
    Binary,
    /// By bytes, where ASCII letters have no case.
    NoCase,
}
