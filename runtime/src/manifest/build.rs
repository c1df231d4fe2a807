//! Reads `[component.ID.build]`. Running the build is the command line's.

use super::Build;
use super::reader::Reader;
use crate::document::{Table, Value};
use crate::fault::Reason;

/// Reads how a component is built.
pub(super) fn build(reader: &Reader<'_>, table: &Table<'_>) -> Build {
    let command = table
        .required("command", "add `command = \"…\"`")
        .map(|value| commands(&value))
        .unwrap_or_default();
    let watch = table.strings("watch").into_iter();
    let build = Build {
        command,
        workdir: reader
            .directory
            .join(table.string("workdir").unwrap_or_default()),
        watch: watch
            .filter_map(|(place, text)| glob(&place, text))
            .map(|pattern| pattern.as_str().to_owned())
            .collect(),
        environment: table.string_map("environment"),
    };
    table.finish();
    build
}

/// One command, or a list of them.
fn commands(value: &Value<'_>) -> Vec<String> {
    let commands: Vec<_> = if value.is_list() {
        value
            .strings()
            .into_iter()
            .map(|(_, text)| text.to_owned())
            .collect()
    } else {
        value.string().map(str::to_owned).into_iter().collect()
    };
    if value.is_list() && commands.is_empty() {
        value.report(
            Reason::new("the list of commands is empty").help("write at least one command"),
        );
    }
    commands
}

/// A glob; what is wrong with it is reported.
pub(super) fn glob(place: &Value<'_>, text: &str) -> Option<glob::Pattern> {
    match glob::Pattern::new(text) {
        Ok(pattern) => Some(pattern),
        Err(error) => {
            place.report(format!("`{text}` is not a pattern: {error}"));
            None
        }
    }
}
