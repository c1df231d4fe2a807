//! The order of builds. A component whose `watch` names another one's source is built after that one, for example
//! because it is composed with it. All others keep the order of the manifest.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::inputs::Inputs;
use crate::cli::paths::resolved_file;
use crate::manifest::Component;

/// Components, each after those that it is built from. If components are built from each other in a circle, one of
/// them comes too early, because none is the right first one.
#[derive(Debug)]
pub(crate) struct Order<'c> {
    steps: Vec<Step<'c>>,
}

#[derive(Debug)]
struct Step<'c> {
    component: &'c Component,
    /// Its index in the given list.
    index: usize,
    /// The indices of the components that it is built from.
    built_from: Vec<usize>,
}

impl<'c> Order<'c> {
    /// The order of these components. Those that do not depend on each other keep their order.
    pub(crate) fn of(components: &[&'c Component]) -> Self {
        let sources = components
            .iter()
            .map(|component| resolved_file(&component.source));
        let mut visit = Visit {
            components,
            sources: sources.collect(),
            seen: vec![false; components.len()],
            steps: Vec::with_capacity(components.len()),
        };
        (0..components.len()).for_each(|index| visit.component(index));
        Self { steps: visit.steps }
    }

    /// The components in this order.
    pub(crate) fn components(&self) -> impl Iterator<Item = &'c Component> {
        self.steps.iter().map(|step| step.component)
    }

    /// The components with these identifiers and all that are built from them, in this order.
    pub(crate) fn with_dependents(&self, ids: &BTreeSet<String>) -> Vec<&'c Component> {
        let mut found = BTreeSet::new();
        let mut components = Vec::new();
        for step in &self.steps {
            let follows = step.built_from.iter().any(|index| found.contains(index));
            if follows || ids.contains(&step.component.id) {
                found.insert(step.index);
                components.push(step.component);
            }
        }
        components
    }
}

/// A visit of all components: of each component after those that it is built from.
struct Visit<'v, 'c> {
    components: &'v [&'c Component],
    sources: Vec<PathBuf>,
    seen: Vec<bool>,
    steps: Vec<Step<'c>>,
}

impl Visit<'_, '_> {
    fn component(&mut self, index: usize) {
        if std::mem::replace(&mut self.seen[index], true) {
            return;
        }
        let built_from = self.built_from(index);
        built_from
            .iter()
            .for_each(|earlier| self.component(*earlier));
        self.steps.push(Step {
            component: self.components[index],
            index,
            built_from,
        });
    }

    fn built_from(&self, index: usize) -> Vec<usize> {
        let inputs = Inputs::of(self.components[index]);
        let sources = self.sources.iter().enumerate();
        let inputs = sources.filter(|(_, source)| inputs.contain_built(source));
        inputs
            .map(|(earlier, _)| earlier)
            .filter(|earlier| *earlier != index)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::tests::{app, component_built_by};

    /// The identifiers in order, and what follows a change of `changed`.
    fn check(components: &[(&str, &[&str])], expected: &[&str], changed: &str, follow: &[&str]) {
        let manifest: String = components
            .iter()
            .map(|(id, watch)| component_built_by(id, "make", watch))
            .collect();
        let app = app(&manifest);
        let components: Vec<_> = app.components.iter().collect();
        let order = Order::of(&components);
        let ids = |components: Vec<&Component>| -> Vec<String> {
            components
                .iter()
                .map(|component| component.id.clone())
                .collect()
        };
        assert_eq!(ids(order.components().collect()), expected);
        let changed = BTreeSet::from([changed.to_owned()]);
        assert_eq!(ids(order.with_dependents(&changed)), follow);
    }

    #[test]
    fn components_are_built_in_the_order_of_the_manifest() {
        check(&[("b", &[]), ("a", &["src/**"])], &["b", "a"], "b", &["b"]);
    }

    #[test]
    fn component_that_watches_a_source_is_built_after_it() {
        check(
            &[
                ("whole", &["part.wasm"]),
                ("part", &["src/**"]),
                ("other", &[]),
            ],
            &["part", "whole", "other"],
            "part",
            &["part", "whole"],
        );
    }

    #[test]
    fn change_reaches_the_end_of_a_chain() {
        check(
            &[("c", &["b.wasm"]), ("b", &["a.wasm"]), ("a", &[])],
            &["a", "b", "c"],
            "a",
            &["a", "b", "c"],
        );
    }

    #[test]
    fn circle_ends() {
        check(
            &[("a", &["b.wasm"]), ("b", &["a.wasm"])],
            &["b", "a"],
            "b",
            &["b", "a"],
        );
    }
}
