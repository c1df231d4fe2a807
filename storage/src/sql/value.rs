//! The values that statements take and return: SQLite's five kinds, whatever the engine.
//! Converting them to the types of an interface is left to the capability that offers it.

/// A parameter of a statement, or one column of a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A signed 64-bit integer.
    Integer(i64),
    /// A 64-bit floating-point number. SQLite stores NaN as [`Value::Null`].
    Real(f64),
    /// Text in UTF-8.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
    /// The absence of a value.
    Null,
}

impl Value {
    /// The memory that this value takes, in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        let heap = match self {
            Self::Text(text) => text.len(),
            Self::Blob(bytes) => bytes.len(),
            Self::Integer(_) | Self::Real(_) | Self::Null => 0,
        };
        size_of::<Self>() + heap
    }
}

impl From<i64> for Value {
    fn from(integer: i64) -> Self {
        Self::Integer(integer)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Blob(bytes)
    }
}

/// What a statement returned. A statement that returns nothing has no columns and no rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows {
    /// The names of the columns, in order. Names may repeat.
    pub columns: Vec<String>,
    /// The rows, each with one value for each column.
    pub rows: Vec<Vec<Value>>,
}
