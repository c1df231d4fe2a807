//! The values of parameters and columns: SQLite's five kinds, for every engine.
//! The capability converts them to the types of the guest's interface.

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
    /// No value.
    Null,
}

impl Value {
    /// The memory of this value, in bytes.
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

/// The result of a statement. A statement that returns nothing has no columns and no rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows {
    /// The names of the columns, in order. Names may repeat.
    pub columns: Vec<String>,
    /// The rows, each with one value for each column.
    pub rows: Vec<Vec<Value>>,
}
