//! Reads `[component.ID.dependencies]`: the components that provide imports. Composing is [`crate::composition`]'s.

use std::path::PathBuf;

use super::Dependency;
use super::reader::Reader;
use crate::document::{Table, Value};
use crate::fault::Reason;

/// The forms that are supported.
const FORMS: &str = "write `{ path = \"path/of/the.wasm\" }`, or `{ component = \"id\" }`";

/// The dependencies in the order of the manifest. A dependency that names a component gets its file later, from
/// [`super::check::dependencies`].
pub(super) fn dependencies<'d>(
    reader: &Reader<'d>,
    table: &Table<'d>,
) -> Vec<(Dependency, Option<Value<'d>>)> {
    let inherit = table.boolean("dependencies_inherit_configuration");
    let entries = table
        .table("dependencies", "`dependencies`")
        .map(|table| table.entries());
    let entries = entries.unwrap_or_default().into_iter();
    entries
        .filter_map(|entry| dependency(reader, &entry, inherit.unwrap_or(false)))
        .collect()
}

fn dependency<'d>(
    reader: &Reader<'d>,
    entry: &Value<'d>,
    inherit: bool,
) -> Option<(Dependency, Option<Value<'d>>)> {
    if !entry.is_table() {
        entry.string()?;
        return refused(entry, "a registry");
    }
    let table = entry.table(format!("`{}`", entry.key()))?;
    for (keys, from) in [
        (["version", "registry", "package"].as_slice(), "a registry"),
        (&["url", "digest", "sha256"], "a URL"),
    ] {
        if keys.iter().filter_map(|key| table.get(key)).count() > 0 {
            return refused(entry, from);
        }
    }
    let (path, component) = (table.get("path"), table.get("component"));
    let export = table.string("export").map(str::to_owned);
    let inherit = inherits(&table).unwrap_or(inherit);
    table.finish();
    let source = match (&path, &component) {
        (Some(path), None) => file(reader, path)?,
        (None, Some(component)) => component.string().map(|_| PathBuf::new())?,
        _ => {
            let message = "a dependency has one of `path` and `component`";
            entry.report_key(Reason::new(message).help(FORMS));
            return None;
        }
    };
    let dependency = Dependency {
        name: entry.key().to_owned(),
        source,
        export,
        inherit,
        position: entry.key_position(),
    };
    Some((dependency, component))
}

fn refused<T>(entry: &Value<'_>, from: &str) -> Option<T> {
    let message = format!("this version of Terrace does not load dependencies from {from}");
    let help = format!("download the component, and {FORMS}");
    entry.report_key(Reason::new(message).help(help));
    None
}

/// The value of `inherit_configuration`. Spin plans lists of inherited grants, which are not supported.
fn inherits(table: &Table<'_>) -> Option<bool> {
    let value = table.get("inherit_configuration")?;
    if value.is_list() {
        let reason = Reason::new("a dependency inherits all of its component's grants, or none");
        value.report(reason.help("write `true` or `false`"));
        return None;
    }
    value.boolean()
}

fn file(reader: &Reader<'_>, value: &Value<'_>) -> Option<PathBuf> {
    let text = value.string()?;
    let path = reader.directory.join(text);
    if reader.artefacts.are_present() && !path.is_file() {
        let reason = Reason::new(format!("`{text}` is not there"));
        value.report(reason.help(
            "check the path; a component of this app that `terrace build` makes is `{ component = \"id\" }`",
        ));
    }
    Some(path)
}
