//! Finds variables in the environment, and in the `.env` file beside the manifest, which is parsed as Spin does.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use crate::fault::{Fault, Faults, Reason, Source};

/// The prefix of variables in the environment, as in Spin.
const PREFIX: &str = "SPIN_VARIABLE_";

/// The name of a variable in the environment.
pub(super) fn name_of(variable: &str) -> String {
    format!("{PREFIX}{}", variable.to_ascii_uppercase())
}

/// The variables in an environment, as from `std::env::vars_os`. Values that are not UTF-8 cannot go to a guest and count as
/// absent.
pub fn from_environment(
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> BTreeMap<String, String> {
    let variables = environment.into_iter().filter_map(|(name, value)| {
        let name = name.to_str()?.strip_prefix(PREFIX)?.to_ascii_lowercase();
        Some((name, value.into_string().ok()?))
    });
    variables.collect()
}

/// The variables in a `.env` file; none if there is no file. Other names are ignored.
pub(super) fn read_file(path: &Path, faults: &mut Faults) -> BTreeMap<String, String> {
    let mut values = BTreeMap::new();
    if !path.exists() {
        return values;
    }
    let source = match Source::read(path) {
        Ok(source) => source,
        Err(fault) => {
            faults.0.push(fault);
            return values;
        }
    };
    let mut read = 0;
    for line in dotenvy::from_read_iter(source.text.trim_start_matches('\u{feff}').as_bytes()) {
        match line {
            Ok((name, value)) => {
                read += source.text[read..].find(&name).unwrap_or(0);
                if let Some(name) = name.strip_prefix(PREFIX) {
                    values.insert(name.to_ascii_lowercase(), value);
                }
            }
            Err(dotenvy::Error::LineParse(text, _)) => {
                faults.0.push(unreadable(&source, read, &text));
            }
            Err(error) => faults
                .0
                .push(Fault::new(path, format!("cannot be read: {error}"))),
        }
    }
    values
}

/// The fault of a line with this text. dotenvy gives no position, so the text is searched after `read` bytes. The fault does
/// not show it, because it may be a secret.
fn unreadable(source: &Source, read: usize, text: &str) -> Fault {
    let start = read + source.text[read..].find(text).unwrap_or(0);
    let help = "write `NAME=value`, or `NAME=\"a value\"` for one with spaces or of several lines";
    let reason = Reason::new("this is not a variable with its value").help(help);
    source.fault(&(start..start), reason).without_excerpt()
}
