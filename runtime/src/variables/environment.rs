//! Variables in the environment and in the `.env` file beside the manifest.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::Path;

/// What the names of variables begin with in the environment, as in Spin.
const PREFIX: &str = "SPIN_VARIABLE_";

/// What a variable is called in the environment.
pub(super) fn name_of(variable: &str) -> String {
    format!("{PREFIX}{}", variable.to_ascii_uppercase())
}

/// The variables among what the environment holds, as `std::env::vars_os` gives it. Values that are
/// not UTF-8 cannot be passed to a guest and count as absent.
pub fn from_environment(
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> BTreeMap<String, String> {
    let variables = environment.into_iter().filter_map(|(name, value)| {
        let name = name.to_str()?.strip_prefix(PREFIX)?.to_ascii_lowercase();
        Some((name, value.into_string().ok()?))
    });
    variables.collect()
}

/// The variables in a `.env` file; none if there is no such file. Other lines are other programs'.
pub(super) fn read_file(path: &Path) -> BTreeMap<String, String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().filter_map(read_line).collect()
}

fn read_line(line: &str) -> Option<(String, String)> {
    let line = line.trim();
    let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
    let (name, value) = line.strip_prefix(PREFIX)?.split_once('=')?;
    Some((name.trim().to_ascii_lowercase(), unquoted(value.trim())))
}

/// A value in quotes as it stands between them; without quotes, up to a comment.
fn unquoted(value: &str) -> String {
    for quote in ['"', '\''] {
        if let Some((inside, _)) = value
            .strip_prefix(quote)
            .and_then(|rest| rest.rsplit_once(quote))
        {
            return inside.to_owned();
        }
    }
    let value = value.split_once(" #").map_or(value, |(value, _)| value);
    value.trim_end().to_owned()
}
