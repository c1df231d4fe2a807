//! Reads a `terrace.value` as Postgres sends it in its binary form.

use crate::value::Value;

/// The class of a text, and of a blob; numbers have another.
const TEXT: i16 = 2;
const BLOB: i16 = 3;

/// Decimal digits in each digit of a `numeric`.
const DIGITS: usize = 4;

/// The value in the bytes of a `terrace.value`; none if they are not one.
#[must_use]
pub fn decode(bytes: &[u8]) -> Option<Value> {
    let mut reader = Reader(bytes);
    if reader.integer()? != 4 {
        return None;
    }
    let class = reader.field()?;
    let [number, text, blob] = [reader.field()?, reader.field()?, reader.field()?];
    let Some(class) = class else {
        return Some(Value::Null);
    };
    match i16::from_be_bytes(class.try_into().ok()?) {
        TEXT => Some(Value::Text(String::from_utf8(text?.to_vec()).ok()?)),
        BLOB => Some(Value::Blob(blob?.to_vec())),
        _ => numeric(number?),
    }
}

struct Reader<'b>(&'b [u8]);

impl<'b> Reader<'b> {
    fn take(&mut self, count: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn integer(&mut self) -> Option<i32> {
        Some(i32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }

    fn small(&mut self) -> Option<i16> {
        Some(i16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    /// A field of a composite: its type, its length, or -1 for `NULL`, and its bytes.
    fn field(&mut self) -> Option<Option<&'b [u8]>> {
        self.integer()?;
        match usize::try_from(self.integer()?) {
            Ok(length) => self.take(length).map(Some),
            Err(_) => Some(None),
        }
    }
}

/// A `numeric`: without digits after the point it is an integer.
fn numeric(bytes: &[u8]) -> Option<Value> {
    let mut reader = Reader(bytes);
    let count = usize::try_from(reader.small()?).ok()?;
    let weight = i32::from(reader.small()?);
    let is_negative = reader.small()? == 0x4000;
    let scale = reader.small()?;
    let mut digits = String::new();
    for _ in 0..count {
        digits.push_str(&format!("{:0DIGITS$}", reader.small()?));
    }
    let sign = if is_negative { "-" } else { "" };
    let places = i32::try_from(DIGITS).ok()?;
    let exponent = (weight + 1 - i32::try_from(count).ok()?) * places;
    if scale > 0 {
        let text = format!("{sign}{digits}e{exponent}");
        return Some(Value::Real(if digits.is_empty() {
            0.0
        } else {
            text.parse().ok()?
        }));
    }
    if digits.is_empty() {
        return Some(Value::Integer(0));
    }
    digits.push_str(&"0".repeat(usize::try_from(exponent).ok()?));
    format!("{sign}{digits}").parse().ok().map(Value::Integer)
}
