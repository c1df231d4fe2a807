//! Reads durations and sizes as users write them: `30s`, `250ms`, `128MiB`.
//! A number without a unit is refused, because its unit would be a guess.

use std::time::Duration;

use crate::fault::Reason;
use crate::limits::{KIB, MIB};

/// Milliseconds in each unit of time.
const TIME_UNITS: [(&str, u64); 4] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];

/// Bytes in each unit of size.
const SIZE_UNITS: [(&str, u64); 7] = [
    ("B", 1),
    ("KiB", KIB),
    ("MiB", MIB),
    ("GiB", 1024 * MIB),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
];

/// Reads a duration above zero: a whole number with `ms`, `s`, `m` or `h`.
///
/// # Errors
/// Says what is wrong and how a duration is written.
pub fn duration(text: &str) -> Result<Duration, Reason> {
    let example = "write a whole number above zero and a unit: `250ms`, `30s`, `5m` or `1h`";
    match scaled(text, &TIME_UNITS) {
        Some(milliseconds) if milliseconds > 0 => Ok(Duration::from_millis(milliseconds)),
        _ => Err(Reason::new(format!("`{text}` is not a duration")).help(example)),
    }
}

/// Reads a size above zero in bytes: a whole number with `B`, `KiB`, `MiB`, `GiB`, `kB`, `MB` or `GB`.
///
/// # Errors
/// Says what is wrong and how a size is written.
pub fn size(text: &str) -> Result<u64, Reason> {
    let example = "write a whole number above zero and a unit: `512KiB`, `128MiB` or `1GiB`";
    match scaled(text, &SIZE_UNITS) {
        Some(bytes) if bytes > 0 => Ok(bytes),
        _ => Err(Reason::new(format!("`{text}` is not a size")).help(example)),
    }
}

fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.find(|character: char| !character.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim_start())?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_number_and_a_unit() {
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(duration("5 m"), Ok(Duration::from_secs(300)));
        for text in [
            "",
            "30",
            "s",
            "0s",
            "-1s",
            "1.5s",
            "1d",
            "99999999999999999999s",
            "9999999999999999999h",
            "é",
        ] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_have_a_number_and_a_unit() {
        assert_eq!(size("128MiB"), Ok(128 * MIB));
        assert_eq!(size("1kB"), Ok(1_000));
        for text in ["", "128", "0B", "1mib", "1 TiB", "18446744073709551615GiB"] {
            assert!(size(text).is_err(), "{text}");
        }
    }
}
