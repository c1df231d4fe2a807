//! SQLite's five kinds of values, and the Rust types for them.

/// A value of a parameter or column.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A signed integer. A boolean is stored as one, too.
    Integer(i64),
    /// A floating point number.
    Real(f64),
    /// Text.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
    /// No value.
    Null,
}

impl Value {
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Integer(_) => "an integer",
            Self::Real(_) => "a real number",
            Self::Text(_) => "text",
            Self::Blob(_) => "a blob",
            Self::Null => "NULL",
        }
    }
}

/// A type into which a column can be read.
pub trait FromValue<'row>: Sized {
    /// The value, or `None` if it has another kind or is out of range.
    fn from_value(value: &'row Value) -> Option<Self>;
}

impl FromValue<'_> for i64 {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Integer(number) => Some(*number),
            _ => None,
        }
    }
}

impl FromValue<'_> for u64 {
    fn from_value(value: &Value) -> Option<Self> {
        i64::from_value(value).and_then(|number| number.try_into().ok())
    }
}

impl FromValue<'_> for bool {
    fn from_value(value: &Value) -> Option<Self> {
        i64::from_value(value).map(|number| number != 0)
    }
}

/// Reads an integer as a real if that is the same number, because D1 does not distinguish `2.0` from `2`.
impl FromValue<'_> for f64 {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Real(number) => Some(*number),
            Value::Integer(number) => super::number::from_integer(*number).ok(),
            _ => None,
        }
    }
}

impl<'row> FromValue<'row> for &'row str {
    fn from_value(value: &'row Value) -> Option<Self> {
        match value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl FromValue<'_> for String {
    fn from_value(value: &Value) -> Option<Self> {
        <&str>::from_value(value).map(Self::from)
    }
}

impl<'row> FromValue<'row> for &'row [u8] {
    fn from_value(value: &'row Value) -> Option<Self> {
        match value {
            Value::Blob(bytes) => Some(bytes),
            _ => None,
        }
    }
}

impl<'row, T: FromValue<'row>> FromValue<'row> for Option<T> {
    fn from_value(value: &'row Value) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            value => T::from_value(value).map(Some),
        }
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<i32> for Value {
    fn from(number: i32) -> Self {
        Self::Integer(number.into())
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Integer(number.into())
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Integer(truth.into())
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Real(number)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Blob(bytes)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_null_column_reads_as_none_and_as_nothing_else() {
        assert_eq!(<Option<&str>>::from_value(&Value::Null), Some(None));
        assert_eq!(<&str>::from_value(&Value::Null), None);
    }

    #[test]
    fn an_integer_out_of_range_is_refused() {
        assert_eq!(u64::from_value(&Value::Integer(-1)), None);
        assert_eq!(u64::from_value(&Value::Integer(7)), Some(7));
    }

    #[test]
    fn an_integer_reads_as_a_real_while_it_is_the_same_number() {
        let real = |integer| f64::from_value(&Value::Integer(integer));
        assert_eq!(real(1_764_184_507_000), Some(1_764_184_507_000.0));
        assert_eq!(real((1 << 53) + 1), None);
    }

    #[test]
    fn a_boolean_is_stored_as_an_integer() {
        assert_eq!(Value::from(true), Value::Integer(1));
        assert_eq!(bool::from_value(&Value::Integer(0)), Some(false));
    }
}
