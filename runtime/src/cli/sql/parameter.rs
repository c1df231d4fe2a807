//! The values of parameters as users write them.

use storage::sql::Value;

/// The value of a text: a number, `NULL`, `x'00ff'`, `'text in quotes'`, or else the text itself.
pub(super) fn value(text: &str) -> Value {
    if let Ok(integer) = text.parse() {
        return Value::Integer(integer);
    }
    if let Some(real) = real(text) {
        return Value::Real(real);
    }
    if text.eq_ignore_ascii_case("null") {
        return Value::Null;
    }
    let quoted = |text: &str| {
        let inside = text.strip_prefix('\'')?.strip_suffix('\'')?;
        Some(inside.to_owned())
    };
    let bytes = text.strip_prefix(['x', 'X']).and_then(quoted);
    if let Some(bytes) = bytes.and_then(|digits| bytes_of(&digits)) {
        return Value::Blob(bytes);
    }
    Value::Text(quoted(text).map_or_else(|| text.to_owned(), |text| text.replace("''", "'")))
}

/// A number with digits: `nan` and `infinity` are words.
fn real(text: &str) -> Option<f64> {
    let is_number = text.contains(|letter: char| letter.is_ascii_digit())
        && !text.contains(|letter: char| letter.is_whitespace());
    text.parse().ok().filter(|_| is_number)
}

/// Bytes as pairs of hexadecimal digits.
fn bytes_of(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2);
    let byte = |pair: &[u8]| {
        let [high, low] = pair else { return None };
        let digit = |letter: u8| char::from(letter).to_digit(16);
        u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()
    };
    pairs.map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_has_the_kind_that_it_is_written_as() {
        for (text, expected) in [
            ("42", Value::Integer(42)),
            ("-7", Value::Integer(-7)),
            ("1.5", Value::Real(1.5)),
            ("1e3", Value::Real(1000.0)),
            (
                "9223372036854775808",
                Value::Real(9_223_372_036_854_775_808.0),
            ),
            ("null", Value::Null),
            ("x'00fF'", Value::Blob(vec![0, 255])),
            ("x'0'", "x'0'".into()),
            ("'42'", "42".into()),
            ("'it''s'", "it's".into()),
            ("it's", "it's".into()),
            ("nan", "nan".into()),
            ("", "".into()),
            ("é", "é".into()),
        ] {
            assert_eq!(value(text), expected, "{text}");
        }
    }
}
