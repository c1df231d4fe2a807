//! Checks that need all components and triggers: identifiers, references to components, routes.
//! The modules for the parts check everything else.

use std::path::Path;

use super::component::ReadComponent;
use super::consumes::EVENTS;
use super::trigger::ReadTrigger;
use super::{LabelKind, LabelUse, Route};
use crate::document::{Document, Table, Value};
use crate::fault::{Reason, did_you_mean};

/// Reports a directory whose name cannot be part of a glob.
pub(super) fn directory(root: &Table<'_>, directory: &Path) {
    if directory.to_str().is_none() {
        let reason = Reason::new("the app's directory has a name that is not UTF-8");
        root.report(reason.help("rename the directory"));
    }
}

/// Reports identifiers that differ in nothing but upper and lower case: as hosts they are the same.
pub(super) fn identifiers(root: &Table<'_>, components: &[ReadComponent<'_>]) {
    for (index, later) in components.iter().enumerate() {
        let id = &later.component.id;
        let mut earlier = components[..index].iter();
        if earlier.any(|earlier| earlier.component.id.eq_ignore_ascii_case(id)) {
            let reason = Reason::new(format!("two components are called `{id}`"));
            root.report(reason.help("give each an identifier of its own; case does not count"));
        }
    }
}

/// Reports grants for components that do not exist.
pub(super) fn internal_hosts(components: &[ReadComponent<'_>]) {
    let ids: Vec<_> = components
        .iter()
        .map(|read| read.component.id.as_str())
        .collect();
    for (callee, place) in components.iter().flat_map(|read| &read.callees) {
        if !ids.iter().any(|id| id.eq_ignore_ascii_case(callee)) {
            let help = did_you_mean(callee, &ids, "components");
            place.report(Reason::new(format!("unknown component `{callee}`")).help(help));
        }
    }
}

/// Reports queues that two components consume, of which each message would reach one only, and grants for queues that no component
/// consumes.
pub(super) fn queues(root: &Table<'_>, components: &[ReadComponent<'_>]) {
    let consumed = components.iter().flat_map(|read| {
        let consumes = read.component.consumes.iter();
        consumes.map(|consumes| (consumes.queue(), &*read.component.id))
    });
    let consumed: Vec<(String, &str)> = consumed.collect();
    for (index, (queue, later)) in consumed.iter().enumerate() {
        let mut earlier = consumed[..index].iter();
        if let Some((_, earlier)) = earlier.find(|(earlier, _)| earlier == queue) {
            let what = format!(
                "both `{earlier}` and `{later}` consume the queue `{queue}`, which gives each message to one"
            );
            let help = "give each component a queue of its own, or have both subscribe to events by `types`";
            root.report(Reason::new(what).help(help));
        }
    }
    let known = consumed.iter().map(|(queue, _)| &**queue);
    let known: Vec<&str> = known.chain([EVENTS]).collect();
    for (queue, place) in components.iter().flat_map(|read| &read.queues) {
        if !known.iter().any(|known| known.eq_ignore_ascii_case(queue)) {
            let help = did_you_mean(queue, &known, "queues");
            let help = format!(
                "{help}; a component consumes a queue with `[[component.ID.tool.terrace.consumes]]`"
            );
            place.report(
                Reason::new(format!("no component consumes the queue `{queue}`")).help(help),
            );
        }
    }
}

/// The labels of the databases with an outbox. Reports those that no component may use.
pub(super) fn outboxes(named: &[(Value<'_>, &str)], used: &[LabelUse]) -> Vec<String> {
    let databases = used.iter().filter(|used| used.kind == LabelKind::Sqlite);
    let databases: Vec<&str> = databases.map(|used| &*used.label).collect();
    for (place, label) in named {
        if !databases.contains(label) {
            let what = format!(
                "no component may use the database `{label}`, so nothing comes to its outbox"
            );
            place.report(Reason::new(what).help(did_you_mean(label, &databases, "databases")));
        }
    }
    named.iter().map(|(_, label)| (*label).to_owned()).collect()
}

/// Finds the files of dependencies that name a component, and reports names that no component has.
pub(super) fn dependencies(components: &mut [ReadComponent<'_>]) {
    let sources: Vec<_> = components
        .iter()
        .map(|read| (read.component.id.clone(), read.component.source.clone()))
        .collect();
    let ids: Vec<_> = sources.iter().map(|(id, _)| id.as_str()).collect();
    for read in components {
        let own = &read.component.id;
        for (index, place) in &read.composed {
            let Some(id) = place.string() else { continue };
            let known = sources.iter().find(|(known, _)| known == id);
            match known {
                Some((known, _)) if known == own => {
                    place.report("a component cannot be its own dependency");
                }
                Some((_, source)) => read.component.dependencies[*index]
                    .source
                    .clone_from(source),
                None => {
                    let reason = Reason::new(format!("unknown component `{id}`"));
                    place.report(reason.help(did_you_mean(id, &ids, "components")));
                }
            }
        }
    }
}

/// Reports routes that match the same paths as an earlier one, of which only one could answer.
pub(super) fn routes(document: &Document, triggers: &[ReadTrigger<'_>]) {
    for (index, later) in triggers.iter().enumerate() {
        let Route::Path(pattern) = &later.trigger.route else {
            continue;
        };
        let earlier = triggers[..index]
            .iter()
            .find(|earlier| match &earlier.trigger.route {
                Route::Path(other) => other.clashes_with(pattern),
                Route::Private => false,
            });
        if let Some(earlier) = earlier {
            let line = earlier.route.position().line;
            let file = document.file().display();
            let message = format!(
                "the route `{}` matches the same paths as the one at {file}:{line}",
                pattern.raw()
            );
            later
                .route
                .report(Reason::new(message).help("remove or change one of the two"));
        }
    }
}
