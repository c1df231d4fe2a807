//! The layers of modules: a module uses only what is below it, and no two modules use each other.

use std::collections::{BTreeMap, BTreeSet};

use super::imports::{Arrow, arrows, top_modules};

/// The modules of the runtime, from the top. Each may use those on the lines below it, and none beside or above it.
const RUNTIME: &[&[&str]] = &[
    &["cli"],
    &["serving"],
    &["acme", "deployment", "edge"],
    &["composition", "rollout"],
    &["function"],
    &["engine"],
    &["host"],
    &["budget"],
    &["capability"],
    &["guest_output", "outbound"],
    &["http_client"],
    &[
        "advice",
        "backup",
        "cache",
        "cluster",
        "queues",
        "rate_limit",
    ],
    &["server"],
    &["state"],
    &["settings"],
    &["bundle"],
    &["manifest"],
    &["router", "variables"],
    &["request"],
    &["observe"],
    &["document"],
    &["certificates", "event", "grants", "schedule", "units"],
    &["failure", "fault"],
    &["block_on", "clock", "environment", "limits"],
];

/// The crates whose folders must have no circles of modules.
const CRATES: [&str; 6] = [
    "runtime/src",
    "storage/src",
    "edge-cache/src",
    "bench/src",
    "sdk/src",
    "xtask/src",
];

fn layer(module: &str) -> Option<usize> {
    RUNTIME.iter().position(|layer| layer.contains(&module))
}

/// The modules that are part of a circle.
fn on_circles(arrows: &BTreeSet<(String, String)>) -> BTreeSet<String> {
    let mut reached = arrows.clone();
    loop {
        let further = reached.iter().flat_map(|(from, over)| {
            let next = arrows.iter().filter(move |(middle, _)| middle == over);
            next.map(|(_, to)| (from.clone(), to.clone()))
        });
        let further: BTreeSet<_> = further.filter(|pair| !reached.contains(pair)).collect();
        if further.is_empty() {
            break;
        }
        reached.extend(further);
    }
    let round = reached.into_iter().filter(|(from, to)| from == to);
    round.map(|(from, _)| from).collect()
}

#[test]
fn modules_of_the_runtime_use_only_what_is_below_them() {
    let mut faults = Vec::new();
    for (Arrow { from, to, .. }, files) in arrows("runtime/src")
        .iter()
        .filter(|(arrow, _)| arrow.within.is_empty())
    {
        let is_down = layer(from)
            .zip(layer(to))
            .is_some_and(|(from, to)| from < to);
        if !is_down {
            faults.push(format!("{from} -> {to} in {files:?}"));
        }
    }
    assert!(
        faults.is_empty(),
        "these point up, or their modules are not in the table of xtask/src/tidy/layers.rs:\n{}",
        faults.join("\n")
    );
}

#[test]
fn every_module_of_the_runtime_has_its_layer() {
    let without: Vec<_> = top_modules("runtime/src")
        .into_iter()
        .filter(|module| layer(module).is_none())
        .collect();
    assert!(
        without.is_empty(),
        "not in the table of xtask/src/tidy/layers.rs: {without:?}"
    );
}

#[test]
fn no_modules_of_one_folder_go_in_a_circle() {
    let mut faults = Vec::new();
    for source in CRATES {
        let mut folders = BTreeMap::<_, BTreeSet<_>>::new();
        // The top modules of the runtime have their table.
        let arrows = arrows(source).into_keys();
        let arrows = arrows.filter(|arrow| source != "runtime/src" || !arrow.within.is_empty());
        for Arrow { within, from, to } in arrows {
            folders
                .entry([&[source.to_owned()], &within[..]].concat().join("/"))
                .or_default()
                .insert((from, to));
        }
        for (folder, arrows) in folders {
            let circle = on_circles(&arrows);
            if !circle.is_empty() {
                let drawn = arrows
                    .iter()
                    .filter(|(from, to)| circle.contains(from) && circle.contains(to));
                faults.push(format!("{folder}: {:?}", drawn.collect::<Vec<_>>()));
            }
        }
    }
    assert!(
        faults.is_empty(),
        "these modules use each other:\n{}",
        faults.join("\n")
    );
}

#[test]
fn circle_over_several_modules_is_found() {
    let arrows = |pairs: &[(&str, &str)]| {
        let pairs = pairs.iter();
        pairs
            .map(|(from, to)| ((*from).to_owned(), (*to).to_owned()))
            .collect()
    };
    let circle = on_circles(&arrows(&[("a", "b"), ("b", "c"), ("c", "a"), ("c", "d")]));
    assert_eq!(circle.into_iter().collect::<Vec<_>>(), ["a", "b", "c"]);
    assert!(on_circles(&arrows(&[("a", "b"), ("a", "c"), ("b", "c")])).is_empty());
}
