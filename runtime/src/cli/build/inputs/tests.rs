//! Patterns, the files they match, and the directories to watch for them.

use std::fs;

use super::*;
use crate::cli::tests::{component_built_by, directory, load, write_manifest};

/// The inputs of a component in a directory that has `src`, as that directory is.
fn inputs(command: &str, watch: &[&str]) -> (tempfile::TempDir, PathBuf, Inputs) {
    let directory = directory(&component_built_by("hello", command, watch));
    fs::create_dir_all(directory.path().join("src")).unwrap();
    fs::write(directory.path().join("Cargo.toml"), "").unwrap();
    let inputs = Inputs::of(&load(directory.path()).components[0]);
    let root = directory.path().canonicalize().unwrap();
    (directory, root, inputs)
}

fn check(command: &str, watch: &[&str], contained: &[&str], others: &[&str]) {
    let (_directory, root, inputs) = inputs(command, watch);
    for path in contained {
        assert!(inputs.contain(&root.join(path)), "{watch:?} {path}");
    }
    for path in others {
        assert!(!inputs.contain(&root.join(path)), "{watch:?} {path}");
    }
}

#[test]
fn patterns_match_as_in_a_shell() {
    check(
        "make",
        &["src/**/*.rs", "*.toml", "assets/logo.png"],
        &["src/lib.rs", "src/a/b.rs", "Cargo.toml", "assets/logo.png"],
        &[
            "src/lib.txt",
            "lib.rs",
            "a/Cargo.toml",
            "assets/other.png",
            "src",
        ],
    );
}

#[test]
fn folder_stands_for_all_that_is_in_it() {
    check(
        "make",
        &["src"],
        &["src/lib.rs", "src/a/b.txt"],
        &["srcs/lib.rs", "lib.rs"],
    );
}

#[test]
fn cargo_has_inputs_also_where_the_manifest_names_none() {
    let inputs = &["src/lib.rs", "src/a/b.txt", "Cargo.toml"];
    check(
        "cargo build",
        &[],
        inputs,
        &["README.md", "target/src/a.rs"],
    );
    check("make", &[], &[], inputs);
    check("cargo build", &["build.rs"], &["build.rs"], inputs);
}

#[test]
fn outputs_and_dot_folders_are_never_inputs() {
    check(
        "make",
        &["**", "**/*.rs"],
        &["lib.rs", "a/lib.rs"],
        &[
            "target/a.rs",
            "a/target/debug/a.rs",
            "node_modules/a/a.rs",
            ".git/index",
            "a/.cache/a.rs",
            "src/.lib.rs.swp",
        ],
    );
}

#[test]
fn pattern_may_lead_out_of_the_folder() {
    let outer = tempfile::tempdir().unwrap();
    let folder = outer.path().join("app");
    fs::create_dir(&folder).unwrap();
    write_manifest(
        &folder,
        &component_built_by("hello", "make", &["../shared/*.rs"]),
    );
    let inputs = Inputs::of(&load(&folder).components[0]);
    let shared = outer.path().canonicalize().unwrap().join("shared");
    assert!(inputs.contain(&shared.join("a.rs")));
    assert!(!inputs.contain(&shared.join("a.txt")));
}

#[test]
fn app_may_be_in_a_folder_that_is_called_like_an_output() {
    let outer = tempfile::tempdir().unwrap();
    let folder = outer.path().join("target/.app");
    fs::create_dir_all(folder.join("src")).unwrap();
    write_manifest(&folder, &component_built_by("hello", "make", &["src/**"]));
    let inputs = Inputs::of(&load(&folder).components[0]);
    assert!(inputs.contain(&folder.canonicalize().unwrap().join("src/lib.rs")));
}

#[test]
fn built_file_is_an_input_where_it_is_named_in_full() {
    let (_directory, root, inputs) = inputs("make", &["target/part.wasm", "**/*.wasm"]);
    assert!(inputs.contain_built(&root.join("target/part.wasm")));
    assert!(inputs.contain_built(&root.join("dist/other.wasm")));
    assert!(!inputs.contain_built(&root.join("target/other.wasm")));
}

#[test]
fn directories_are_watched_as_deep_as_patterns_reach() {
    let (_directory, root, inputs) =
        inputs("make", &["src/**/*.rs", "*.toml", "Cargo.toml", "src"]);
    let roots: Vec<_> = inputs.roots().collect();
    assert_eq!(
        roots,
        [
            (root.join("src"), RecursiveMode::Recursive),
            (root.clone(), RecursiveMode::NonRecursive),
            (root.clone(), RecursiveMode::NonRecursive),
            (root.join("src"), RecursiveMode::Recursive),
        ]
    );
}
