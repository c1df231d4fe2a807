//! Checks that need all components and triggers: identifiers, references to components, routes.
//! The modules for the parts check everything else.

use std::path::Path;

use super::Route;
use super::component::ReadComponent;
use super::trigger::ReadTrigger;
use crate::document::{Document, Table};
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
