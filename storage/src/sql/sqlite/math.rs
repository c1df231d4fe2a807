//! SQLite's mathematical functions, as documented at <https://www.sqlite.org/lang_mathfunc.html>.
//!
//! SQLite includes its own versions only with a compile-time option. The bundled build does not set it, and a crate
//! cannot set it for its users. So each connection defines the functions itself.

use std::f64::consts::PI;

use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Result};

/// A function of one number.
type OfOne = fn(f64) -> f64;

/// A function of two numbers.
type OfTwo = fn(f64, f64) -> f64;

/// Functions of one number.
const OF_ONE: [(&str, OfOne); 19] = [
    ("acos", f64::acos),
    ("acosh", f64::acosh),
    ("asin", f64::asin),
    ("asinh", f64::asinh),
    ("atan", f64::atan),
    ("atanh", f64::atanh),
    ("cos", f64::cos),
    ("cosh", f64::cosh),
    ("degrees", f64::to_degrees),
    ("exp", f64::exp),
    ("radians", f64::to_radians),
    ("sin", f64::sin),
    ("sinh", f64::sinh),
    ("sqrt", f64::sqrt),
    ("tan", f64::tan),
    ("tanh", f64::tanh),
    ("ln", |x| of_positive(x, f64::ln)),
    ("log10", |x| of_positive(x, f64::log10)),
    ("log2", |x| of_positive(x, f64::log2)),
];

/// Functions of two numbers.
const OF_TWO: [(&str, OfTwo); 5] = [
    ("atan2", f64::atan2),
    ("log", |base, x| of_positive(x, f64::ln) / of_base(base)),
    ("mod", |x, y| x % y),
    ("pow", f64::powf),
    ("power", f64::powf),
];

/// Functions that return an integer argument unchanged.
const ROUNDING: [(&str, OfOne); 4] = [
    ("ceil", f64::ceil),
    ("ceiling", f64::ceil),
    ("floor", f64::floor),
    ("trunc", f64::trunc),
];

/// Defines all the functions on a connection.
pub(in crate::sql) fn define(connection: &Connection) -> Result<()> {
    let define_one = |name, function: OfOne| {
        connection.create_scalar_function(name, 1, flags(), move |context| {
            Ok(number(context, 0).map(function))
        })
    };
    for (name, function) in OF_ONE {
        define_one(name, function)?;
    }
    define_one("log", |x| of_positive(x, f64::log10))?;
    for (name, function) in OF_TWO {
        connection.create_scalar_function(name, 2, flags(), move |context| {
            let numbers = number(context, 0).zip(number(context, 1));
            Ok(numbers.map(|(x, y)| function(x, y)))
        })?;
    }
    for (name, function) in ROUNDING {
        connection.create_scalar_function(name, 1, flags(), move |context| {
            Ok(match numeric(context, 0) {
                Value::Real(real) => Value::Real(function(real)),
                other => other,
            })
        })?;
    }
    connection.create_scalar_function("pi", 0, flags(), |_| Ok(PI))
}

/// Deterministic and innocuous: indexes, views and triggers may use the functions, as with SQLite's own.
fn flags() -> FunctionFlags {
    FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_INNOCUOUS
        | FunctionFlags::SQLITE_DETERMINISTIC
}

/// The logarithm of `x`. It is NaN if `x` has no logarithm; SQLite returns NaN as `NULL`.
fn of_positive(x: f64, logarithm: OfOne) -> f64 {
    if x > 0.0 { logarithm(x) } else { f64::NAN }
}

/// The natural logarithm of a base. It is NaN unless the base is greater than one.
fn of_base(base: f64) -> f64 {
    if base > 1.0 { base.ln() } else { f64::NAN }
}

fn number(context: &Context<'_>, index: usize) -> Option<f64> {
    match numeric(context, index) {
        #[expect(clippy::cast_precision_loss, reason = "SQLite converts so, too")]
        Value::Integer(integer) => Some(integer as f64),
        Value::Real(real) => Some(real),
        _ => None,
    }
}

/// The argument as a number, if it is a number or a numeric text; otherwise `NULL`.
fn numeric(context: &Context<'_>, index: usize) -> Value {
    match context.get_raw(index) {
        ValueRef::Integer(integer) => Value::Integer(integer),
        ValueRef::Real(real) => Value::Real(real),
        ValueRef::Text(text) => std::str::from_utf8(text).map_or(Value::Null, parsed),
        ValueRef::Blob(_) | ValueRef::Null => Value::Null,
    }
}

fn parsed(text: &str) -> Value {
    let text = text.trim_matches([' ', '\t', '\n', '\r', '\x0b', '\x0c']);
    // Rust parses `inf` and `nan` as numbers; SQLite does not.
    if text
        .contains(|letter: char| letter.is_ascii_alphabetic() && !letter.eq_ignore_ascii_case(&'e'))
    {
        return Value::Null;
    }
    let integer = text.parse().map(Value::Integer);
    integer
        .or_else(|_| text.parse().map(Value::Real))
        .unwrap_or(Value::Null)
}
