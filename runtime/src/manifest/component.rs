//! Reads `[component.ID]`, and components that are inline in a trigger.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::reader::Reader;
use super::{Build, Component, LabelKind, LabelUse, build, dependency, files, name, source, tool};
use crate::document::{Table, Value};
use crate::fault::{Reason, did_you_mean};
use crate::grants::Grant;
use crate::variables::{Template, check_name};

/// A component, with the references that are checked when all components are known.
pub(super) struct ReadComponent<'d> {
    /// The component.
    pub(super) component: Component,
    /// The identifiers that its grants name, each with the grant's place.
    pub(super) callees: Vec<(String, Value<'d>)>,
    /// The queues that its grants name, each with the grant's place.
    pub(super) queues: Vec<(String, Value<'d>)>,
    /// The identifiers that its dependencies name: the index of the dependency, and the identifier's place.
    pub(super) composed: Vec<(usize, Value<'d>)>,
}

/// The components of `[component]` in the order of the manifest.
pub(super) fn components<'d>(reader: &mut Reader<'d>, root: &Table<'d>) -> Vec<ReadComponent<'d>> {
    let entries = root
        .table("component", "[component]")
        .map(|table| table.entries());
    let mut components = Vec::new();
    for entry in entries.unwrap_or_default() {
        if let Err(reason) = name::check_component(entry.key()) {
            entry.report_key(reason);
        }
        let name = format!("[component.{}]", entry.key());
        // A component that is not a table is kept by name, so that triggers that name it get no fault.
        components.push(match entry.table(name) {
            Some(table) => component(reader, entry.key(), &table),
            None => unreadable(entry.key()),
        });
    }
    components
}

/// Reads one component, which is called `id`.
pub(super) fn component<'d>(
    reader: &mut Reader<'d>,
    id: &str,
    table: &Table<'d>,
) -> ReadComponent<'d> {
    let build = table
        .table("build", format!("[component.{id}.build]"))
        .map(|build| build::build(reader, &build));
    let source = source::source(reader, id, table, build.as_ref());
    let mut read = unreadable(id);
    let mut dependencies = Vec::new();
    for (index, (dependency, component)) in dependency::dependencies(reader, table)
        .into_iter()
        .enumerate()
    {
        dependencies.push(dependency);
        read.composed.extend(component.map(|place| (index, place)));
    }
    let (files, file_patterns) = files::files(reader, table);
    let (limits, consumes, schedules) = tool::terrace(id, table);
    read.component = Component {
        id: id.to_owned(),
        source,
        dependencies,
        description: table.string("description").unwrap_or_default().to_owned(),
        environment: table.string_map("environment"),
        files,
        file_patterns,
        variables: variables(reader, table),
        allowed_outbound_hosts: hosts(reader, table, &mut read),
        key_value_stores: labels(reader, id, table, LabelKind::KeyValue),
        sqlite_databases: labels(reader, id, table, LabelKind::Sqlite),
        build,
        limits,
        consumes,
        schedules,
    };
    unsupported(table);
    table.finish();
    read
}

fn unreadable<'d>(id: &str) -> ReadComponent<'d> {
    let component = Component {
        id: id.to_owned(),
        source: PathBuf::new(),
        dependencies: Vec::new(),
        description: String::new(),
        environment: Vec::new(),
        files: Vec::new(),
        file_patterns: Vec::new(),
        variables: BTreeMap::new(),
        allowed_outbound_hosts: Vec::new(),
        key_value_stores: Vec::new(),
        sqlite_databases: Vec::new(),
        build: None::<Build>,
        limits: tool::defaults(),
        consumes: Vec::new(),
        schedules: Vec::new(),
    };
    ReadComponent {
        component,
        callees: Vec::new(),
        queues: Vec::new(),
        composed: Vec::new(),
    }
}

fn variables(reader: &Reader<'_>, table: &Table<'_>) -> BTreeMap<String, Template> {
    let entries = table
        .table("variables", "`variables`")
        .map(|map| map.string_entries());
    let mut variables = BTreeMap::new();
    for (entry, text) in entries.unwrap_or_default() {
        if let Err(reason) = check_name(entry.key()) {
            entry.report_key(reason);
        }
        let template = template(reader, &entry, text).unwrap_or_default();
        variables.insert(entry.key().to_owned(), template);
    }
    variables
}

/// A template whose variables all exist.
fn template(reader: &Reader<'_>, place: &Value<'_>, text: &str) -> Option<Template> {
    let template = match Template::parse(text) {
        Ok(template) => template,
        Err(reason) => {
            place.report(reason);
            return None;
        }
    };
    for name in template.variables() {
        if !reader.variables.contains(&name) {
            let help = did_you_mean(name, &reader.variables, "variables");
            let help = format!("{help}; variables are declared in `[variables]`");
            place.report(Reason::new(format!("unknown variable `{name}`")).help(help));
        }
    }
    Some(template)
}

fn hosts<'d>(
    reader: &Reader<'d>,
    table: &Table<'d>,
    read: &mut ReadComponent<'d>,
) -> Vec<Template> {
    deprecated_hosts(table);
    let mut hosts = Vec::new();
    for (place, text) in table.strings("allowed_outbound_hosts") {
        let Some(template) = template(reader, &place, text) else {
            continue;
        };
        if template.is_literal() {
            match Grant::parse(text) {
                Ok(grant) => {
                    if let Some(queue) = grant.queue() {
                        read.queues.push((queue.to_owned(), place));
                    } else if let Some(id) = grant.component() {
                        read.callees.push((id.to_owned(), place));
                    }
                }
                Err(reason) => place.report(reason),
            }
        }
        hosts.push(template);
    }
    hosts
}

fn deprecated_hosts(table: &Table<'_>) {
    let hosts = table.strings("allowed_http_hosts");
    let entries: Vec<_> = hosts
        .iter()
        .map(|(_, host)| format!("\"http://{host}\", \"https://{host}\""))
        .collect();
    if let Some((place, _)) = hosts.first() {
        let help = format!("write `allowed_outbound_hosts = [{}]`", entries.join(", "));
        place.report(Reason::new("`allowed_http_hosts` is no longer read").help(help));
    }
}

fn labels(reader: &mut Reader<'_>, id: &str, table: &Table<'_>, kind: LabelKind) -> Vec<String> {
    let mut labels = Vec::new();
    for (place, label) in table.strings(kind.key()) {
        if let Err(reason) = name::check_label(label) {
            place.report(reason);
            continue;
        }
        labels.push(label.to_owned());
        reader.labels.push(LabelUse {
            kind,
            label: label.to_owned(),
            component: id.to_owned(),
            position: place.position(),
        });
    }
    labels
}

/// Reports keys of Spin that are not supported, and accepts keys of other programs.
fn unsupported(table: &Table<'_>) {
    table.get("targets");
    table.get("profile");
    if let Some((place, _)) = table.strings("ai_models").first() {
        let reason = Reason::new("this version of Terrace has no language models");
        place.report(reason.help("remove `ai_models`, or call a model over HTTP"));
    }
}
