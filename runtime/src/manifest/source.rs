//! Reads the `source` of a component: its WebAssembly file.

use std::path::PathBuf;

use super::Build;
use super::reader::Reader;
use crate::document::{Table, Value};
use crate::fault::Reason;

/// The path of the source; whatever is wrong with it is reported.
pub(super) fn source(
    reader: &Reader<'_>,
    id: &str,
    table: &Table<'_>,
    build: Option<&Build>,
) -> PathBuf {
    let help = "add `source = \"path/of/the.wasm\"`";
    let Some(value) = table.required("source", help) else {
        return PathBuf::new();
    };
    if value.is_table() {
        value.report(remote(&value));
        return PathBuf::new();
    }
    let Some(text) = value.string() else {
        return PathBuf::new();
    };
    let path = reader.directory.join(text);
    if reader.artefacts.are_present_of(id) && !path.is_file() {
        value.report(missing(id, text, build));
    }
    path
}

fn remote(value: &Value<'_>) -> Reason {
    let table = value.table("`source`");
    let help = "download it and write its path: `source = \"path/of/the.wasm\"`";
    let from_url = table.is_some_and(|table| table.get("url").is_some());
    let from = if from_url { "a URL" } else { "a registry" };
    let message = format!("this version of Terrace does not load components from {from}");
    Reason::new(message).help(help)
}

fn missing(id: &str, text: &str, build: Option<&Build>) -> Reason {
    let reason = Reason::new(format!("`{text}`, the source of `{id}`, is not there"));
    match build {
        // A build without a command is a fault of its own.
        Some(build) if !build.command.is_empty() => {
            let command = build.command.join(" && ");
            reason.help(format!("run `terrace build`, which runs `{command}`"))
        }
        _ => reason
            .help("check the path, or add `[component.ID.build]` with the command that makes it"),
    }
}
