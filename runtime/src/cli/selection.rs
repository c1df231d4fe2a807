//! The components that a command line selects.

use std::collections::BTreeSet;

use super::paths::resolved_file;
use crate::fault::{Fault, Faults, Reason, did_you_mean};
use crate::manifest::{App, Component};

/// The components of these identifiers, which are the argument `name`, and their dependencies; all components if there
/// are no identifiers.
pub(crate) fn components<'a>(
    app: &'a App,
    name: &str,
    ids: &[String],
) -> Result<Vec<&'a Component>, Faults> {
    if ids.is_empty() {
        return Ok(app.components.iter().collect());
    }
    ids.iter().try_for_each(|id| known(app, name, id))?;
    let is_named = |component: &&Component| ids.contains(&component.id);
    // A dependency is known by its file. The dependencies of a dependency are not composed.
    let dependencies = app.components.iter().filter(is_named);
    let dependencies: BTreeSet<_> = dependencies
        .flat_map(|component| &component.dependencies)
        .map(|dependency| resolved_file(&dependency.source))
        .collect();
    let is_chosen = |component: &&Component| {
        is_named(component) || dependencies.contains(&resolved_file(&component.source))
    };
    Ok(app.components.iter().filter(is_chosen).collect())
}

fn known(app: &App, name: &str, id: &str) -> Result<(), Faults> {
    if app.component(id).is_some() {
        return Ok(());
    }
    let known: Vec<_> = app
        .components
        .iter()
        .map(|known| known.id.as_str())
        .collect();
    let reason = Reason::new(format!("there is no component `{id}`"));
    let reason = reason.help(did_you_mean(id, &known, "components"));
    Err(Fault::new(name, reason).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::tests;

    const APP: &str = "
        [component.links]
        source = 'links.wasm'
        [component.links.dependencies]
        'terrace:text/slugs' = { component = 'slugs' }
        'terrace:text/words' = { path = './words.wasm' }
        [component.slugs]
        source = 'slugs.wasm'
        [component.slugs.dependencies]
        'terrace:text/letters' = { component = 'letters' }
        [component.words]
        source = 'words.wasm'
        [component.letters]
        source = 'letters.wasm'
    ";

    fn check(ids: &[&str], expected: &[&str]) {
        let app = tests::app(APP);
        let ids: Vec<_> = ids.iter().map(|id| (*id).to_owned()).collect();
        let components = components(&app, "--only", &ids).unwrap();
        let found: Vec<_> = components.iter().map(|found| found.id.as_str()).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_component_comes_with_what_it_is_composed_with() {
        check(&["links"], &["links", "slugs", "words"]);
        check(&["slugs"], &["slugs", "letters"]);
        check(&["letters"], &["letters"]);
    }

    #[test]
    fn without_a_choice_all_are_meant() {
        check(&[], &["links", "slugs", "words", "letters"]);
    }
}
