//! Reads `spin_manifest_version`, `[application]` and `[variables]`.

use super::{MigrationFolder, check_label};
use crate::document::{Table, Value};
use crate::fault::Reason;
use crate::variables::{Variable, check_name};

/// How version 1 becomes version 2.
const CONVERT: &str = "convert it: `spin_manifest_version = 2`, move `name` and `version` under \
    `[application]`, and turn each `[[component]]` into a `[component.ID]` and a `[[trigger.http]]` \
    with its route (`spin doctor` does this)";

/// Reports a manifest that is not of version 2.
pub(super) fn check_version(root: &Table<'_>) {
    if let Some(value) = root.get("spin_version") {
        let reason = Reason::new("Spin manifest version 1 is not supported").help(CONVERT);
        return value.report_key(reason);
    }
    let Some(value) = root.get("spin_manifest_version") else {
        let reason = Reason::new("`spin_manifest_version` is missing");
        return root.report(reason.help("add `spin_manifest_version = 2` as the first line"));
    };
    match value.literal().as_deref() {
        Some("2") => {}
        Some("1") => {
            value.report(Reason::new("Spin manifest version 1 is not supported").help(CONVERT));
        }
        _ => {
            let reason = Reason::new("unknown version of the manifest");
            value.report(reason.help("this version of Terrace reads `spin_manifest_version = 2`"));
        }
    }
}

/// What `[application.tool.terrace]` says.
#[derive(Default)]
pub(super) struct Tool<'d> {
    /// The folders of migrations by the label of their database.
    pub(super) migrations: Vec<MigrationFolder>,
    /// The labels of the databases with an outbox, each with its place.
    pub(super) outboxes: Vec<(Value<'d>, &'d str)>,
}

/// The name and the version of the app, and what only Terrace reads.
pub(super) fn details<'d>(root: &Table<'d>) -> (String, String, Tool<'d>) {
    let help = "add `[application]` with `name = \"…\"`";
    let table = root.required("application", help);
    let Some(table) = table.and_then(|value| value.table("[application]")) else {
        return Default::default();
    };
    let name = table
        .required("name", "add `name = \"…\"`")
        .and_then(|value| value.parsed(not_empty))
        .unwrap_or_default();
    let version = table.string("version").unwrap_or_default().to_owned();
    table.string("description");
    table.strings("authors");
    // For other programs.
    table.get("targets");
    let tool = tool(&table);
    trigger_settings(&table);
    table.finish();
    (name, version, tool)
}

/// What is for Terrace. Tables of other tools are ignored.
fn tool<'d>(application: &Table<'d>) -> Tool<'d> {
    let tools = application.table("tool", "[application.tool]");
    let name = "[application.tool.terrace]";
    let Some(table) = tools.and_then(|tools| tools.table("terrace", name)) else {
        return Tool::default();
    };
    let tool = Tool {
        migrations: migrations(&table),
        outboxes: table.strings("outbox"),
    };
    table.finish();
    tool
}

fn migrations(table: &Table<'_>) -> Vec<MigrationFolder> {
    let folders = table.table("migrations", "[application.tool.terrace.migrations]");
    let entries = folders.map(|folders| folders.string_entries());
    let folder = |(entry, folder): (Value<'_>, &str)| {
        if let Err(reason) = check_label(entry.key()) {
            entry.report_key(reason);
        }
        MigrationFolder {
            label: entry.key().to_owned(),
            folder: folder.into(),
            position: entry.position(),
        }
    };
    entries.into_iter().flatten().map(folder).collect()
}

fn not_empty(text: &str) -> Result<String, Reason> {
    match text.trim() {
        "" => Err(Reason::new("the name is empty").help("give the app a name")),
        _ => Ok(text.to_owned()),
    }
}

fn trigger_settings(application: &Table<'_>) {
    let Some(triggers) = application.table("trigger", "[application.trigger]") else {
        return;
    };
    let Some(http) = triggers.table("http", "[application.trigger.http]") else {
        return triggers.finish();
    };
    http.parsed("base", |base| match base {
        "/" => Ok(()),
        _ => {
            let help = format!("remove `base` and write `{base}` in front of each route");
            Err(Reason::new("a base path is not part of manifest version 2").help(help))
        }
    });
    http.finish();
    triggers.finish();
}

/// The application variables in the order of the manifest.
pub(super) fn variables<'d>(root: &Table<'d>) -> Vec<(&'d str, Variable)> {
    let entries = root
        .table("variables", "[variables]")
        .map(|table| table.entries());
    let entries = entries.unwrap_or_default().into_iter();
    entries
        .map(|entry| (entry.key(), variable(&entry)))
        .collect()
}

fn variable(entry: &Value<'_>) -> Variable {
    if let Err(reason) = check_name(entry.key()) {
        entry.report_key(reason);
    }
    let mut variable = Variable {
        default: None,
        secret: false,
        position: entry.key_position(),
    };
    let Some(table) = entry.table(format!("[variables.{}]", entry.key())) else {
        return variable;
    };
    table.string("description");
    variable.default = table.string("default").map(str::to_owned);
    variable.secret = table.boolean("secret").unwrap_or(false);
    let required = table.boolean("required").unwrap_or(false);
    match (required, table.get("default")) {
        (true, Some(_)) => {
            let message = format!("`{}` is required and has a default", entry.key());
            entry.report_key(Reason::new(message).help("keep one of `required` and `default`"));
        }
        (false, None) => {
            let message = format!("`{}` is neither required nor has a default", entry.key());
            entry.report_key(
                Reason::new(message).help("add `default = \"…\"` or `required = true`"),
            );
        }
        _ => {}
    }
    table.finish();
    variable
}
