//! Integers on hosts with only floating-point numbers, such as JavaScript.

use super::{Error, Value};

/// The largest integer up to which every integer is also a floating-point number: 2^53 - 1, JavaScript's
/// `Number.MAX_SAFE_INTEGER`. Beyond it, two integers can be the same number.
const MAX_EXACT_INTEGER: i64 = (1 << 53) - 1;

/// Converts an integer to a floating-point number.
///
/// # Errors
///
/// [`Error::Inexact`] if the result would be another number.
#[allow(clippy::cast_precision_loss, reason = "the range is checked")]
pub(crate) fn from_integer(number: i64) -> Result<f64, Error> {
    if number.unsigned_abs() > MAX_EXACT_INTEGER.unsigned_abs() {
        return Err(Error::Inexact(number.to_string()));
    }
    Ok(number as f64)
}

/// Checks that a floating-point number is finite.
///
/// # Errors
///
/// [`Error::Inexact`] for infinities and NaN, which would arrive as NULL.
pub(crate) fn from_real(number: f64) -> Result<f64, Error> {
    if number.is_finite() {
        Ok(number)
    } else {
        Err(Error::Inexact(number.to_string()))
    }
}

/// The value of a number from the database. Integers and whole reals look alike, so both become integers. An integer out of range
/// may have been rounded on its way here, so it stays a real.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "the range is checked"
)]
pub(crate) fn to_value(number: f64) -> Value {
    if number.fract() == 0.0 && number.abs() <= MAX_EXACT_INTEGER as f64 {
        Value::Integer(number as i64)
    } else {
        Value::Real(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_up_to_two_to_the_53rd_are_exact_both_ways() {
        for number in [0, 1, -1, MAX_EXACT_INTEGER, -MAX_EXACT_INTEGER] {
            assert_eq!(
                to_value(from_integer(number).unwrap()),
                Value::Integer(number)
            );
        }
    }

    #[test]
    fn a_larger_integer_is_refused_and_never_rounded() {
        for number in [MAX_EXACT_INTEGER + 1, i64::MAX, i64::MIN] {
            assert!(
                matches!(from_integer(number), Err(Error::Inexact(text)) if text == number.to_string())
            );
        }
    }

    #[test]
    fn a_large_number_is_not_read_as_an_integer() {
        assert_eq!(
            to_value(9_007_199_254_740_992.0),
            Value::Real(9_007_199_254_740_992.0)
        );
        assert_eq!(to_value(0.5), Value::Real(0.5));
        assert_eq!(to_value(f64::INFINITY), Value::Real(f64::INFINITY));
    }

    #[test]
    fn what_would_become_null_is_refused() {
        assert!(from_real(f64::NAN).is_err());
        assert!(from_real(f64::NEG_INFINITY).is_err());
        assert!(from_real(1.5).is_ok());
    }
}
