//! Changes and what they ask for.

use std::fs;

use super::*;
use crate::cli::tests::{component_built_by, directory, write_manifest};

/// A project in a directory, with that directory as a watcher reports it.
fn project(components: &str, only: &[&str]) -> (tempfile::TempDir, PathBuf, Project) {
    let directory = directory(components);
    let root = directory.path().canonicalize().unwrap();
    let only: Vec<_> = only.iter().map(|id| (*id).to_owned()).collect();
    let project = Project::read(directory.path(), &only, None).unwrap();
    (directory, root, project)
}

fn two_components() -> String {
    component_built_by("api", "make api", &["api/**"])
        + &component_built_by("web", "make web", &["web/**"])
}

fn ids(ids: &[&str]) -> BTreeSet<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

fn changes(root: &Path, files: &[&str]) -> Changes {
    Changes::Files(files.iter().map(|file| root.join(file)).collect())
}

#[test]
fn only_the_components_whose_files_changed_are_built() {
    let (_directory, root, project) = project(&two_components(), &[]);
    let build = |files: &[&str]| project.plan(&changes(&root, files)).build;
    assert_eq!(build(&["api/a.rs"]), ids(&["api"]));
    assert_eq!(build(&["web/a.rs", "api/a.rs"]), ids(&["api", "web"]));
    assert_eq!(build(&["api.wasm"]), ids(&[]));
}

#[test]
fn manifest_and_settings_are_told_apart() {
    let (_directory, root, project) = project(&two_components(), &[]);
    let plan = project.plan(&changes(&root, &["spin.toml"]));
    assert!(plan.manifest && !plan.settings && plan.build.is_empty());
    let plan = project.plan(&changes(&root, &["terrace.toml"]));
    assert!(plan.settings && !plan.manifest);
}

#[test]
fn everything_is_built_when_nobody_knows_what_changed() {
    let (_directory, _root, project) = project(&two_components(), &[]);
    let plan = project.plan(&Changes::Unknown);
    assert!(plan.manifest);
    assert_eq!(plan.build, ids(&["api", "web"]));
}

#[test]
fn components_that_are_not_served_are_not_followed() {
    let (_directory, root, project) = project(&two_components(), &["api"]);
    assert!(project.concerns(&root.join("api/a.rs")));
    assert!(project.concerns(&root.join("api.wasm")));
    assert!(!project.concerns(&root.join("web/a.rs")));
    assert!(!project.concerns(&root.join("web.wasm")));
}

#[test]
fn other_files_are_no_concern() {
    let (_directory, root, project) = project(&two_components(), &[]);
    for path in [
        "README.md",
        "target/debug/a.rs",
        ".git/index",
        "api/.a.rs.swp",
        "spin.toml~",
    ] {
        assert!(!project.concerns(&root.join(path)), "{path}");
    }
}

#[test]
fn source_that_is_an_input_of_another_component_does_not_build_it_by_itself() {
    let components = component_built_by("part", "make", &[])
        + &component_built_by("whole", "make", &["part.wasm"]);
    let (_directory, root, project) = project(&components, &[]);
    assert_eq!(
        project.plan(&changes(&root, &["part.wasm"])).build,
        ids(&[])
    );
}

#[test]
fn components_with_new_commands_are_built() {
    let (directory, _root, earlier) = project(&two_components(), &[]);
    let components = component_built_by("api", "make other", &["api/**"])
        + &component_built_by("web", "make web", &["web/**"])
        + &component_built_by("new", "make new", &[]);
    write_manifest(directory.path(), &components);
    let project = earlier.reload().unwrap();
    assert_eq!(project.built_otherwise(&earlier), ids(&["api", "new"]));
    assert_eq!(project.built_otherwise(&project), ids(&[]));
}

#[test]
fn stamp_tells_a_source_that_was_written_since() {
    let (directory, _root, project) = project(&two_components(), &[]);
    let before = project.stamps();
    fs::write(directory.path().join("api.wasm"), "new").unwrap();
    let after = project.stamps();
    assert_ne!(before["api"], after["api"]);
    assert_eq!(before["web"], after["web"]);
}

#[test]
fn components_without_known_inputs_are_named() {
    let components = component_built_by("api", "make", &[])
        + &component_built_by("web", "cargo build", &[])
        + "[component.built]\nsource = 'built.wasm'\n";
    let (_directory, _root, project) = project(&components, &[]);
    assert_eq!(project.unwatched().collect::<Vec<_>>(), ["api"]);
}

#[test]
fn directories_of_all_files_are_watched() {
    let (directory, root, project) = project(&two_components(), &[]);
    fs::create_dir(directory.path().join("api")).unwrap();
    let roots = project.roots();
    assert_eq!(roots[&root], RecursiveMode::NonRecursive);
    assert_eq!(roots[&root.join("api")], RecursiveMode::Recursive);
}

#[test]
fn a_folder_that_comes_or_goes_is_watched_anew_and_what_is_in_it_is_built() {
    let (_directory, root, project) = project(&two_components(), &[]);
    let plan = project.plan(&changes(&root, &["api"]));
    assert!(plan.folders && !plan.manifest);
    assert_eq!(plan.build, ids(&["api"]));
    let plan = project.plan(&changes(&root, &["api/a.rs", "spin.toml", "web.wasm"]));
    assert!(!plan.folders);
}

#[test]
fn the_folders_above_what_is_watched_are_watched_too() {
    let (_directory, root, project) = project(&two_components(), &[]);
    let roots = project.roots();
    for folder in [root.as_path(), root.parent().unwrap()] {
        assert_eq!(roots.get(folder), Some(&RecursiveMode::NonRecursive));
    }
}

/// A component with these entries of `files`.
fn component_with_files(files: &str) -> String {
    format!("[component.site]\nsource = 'site.wasm'\nfiles = {files}\n")
}

#[test]
fn mounted_folders_and_globs_are_followed() {
    let directory = directory(&component_with_files(
        "['notes/*.txt', { source = 'public', destination = '/' }]",
    ));
    fs::create_dir_all(directory.path().join("public/deep")).unwrap();
    let project = Project::read(directory.path(), &[], None).unwrap();
    let root = directory.path().canonicalize().unwrap();
    for path in ["public/new.txt", "public/deep/new.txt", "notes/new.txt"] {
        assert!(project.concerns(&root.join(path)), "{path}");
        let plan = project.plan(&changes(&root, &[path]));
        assert!(plan.mounts && !plan.manifest && plan.build.is_empty());
    }
    assert!(!project.concerns(&root.join("other/new.txt")));
    let roots = project.roots();
    assert_eq!(roots[&root.join("public")], RecursiveMode::Recursive);
    assert_eq!(roots[&root.join("notes")], RecursiveMode::NonRecursive);
}

#[test]
fn state_in_a_mounted_folder_is_not_followed() {
    let (directory, root, project) = project(&component_with_files("['.']"), &[]);
    assert!(project.concerns(&root.join("new.txt")));
    assert!(!project.concerns(&root.join(".terrace/databases/app.db")));
    fs::create_dir(directory.path().join(".terrace")).unwrap();
    fs::write(directory.path().join(".terrace/app.db"), "").unwrap();
    let stamps = project.reload().unwrap().stamps();
    let in_state = |(path, _): &(PathBuf, Option<Stamp>)| path.starts_with(&project.state);
    assert!(!stamps["site"].iter().any(in_state), "{stamps:?}");
    assert!(stamps["site"].len() > 1, "{stamps:?}");
}

#[test]
fn stamps_tell_a_mounted_file_that_was_renamed() {
    let directory = directory(&component_with_files("['public']"));
    let public = directory.path().join("public");
    fs::create_dir(&public).unwrap();
    fs::write(public.join("a.txt"), "same").unwrap();
    let project = Project::read(directory.path(), &[], None).unwrap();
    fs::rename(public.join("a.txt"), public.join("b.txt")).unwrap();
    assert_ne!(project.reload().unwrap().stamps(), project.stamps());
}
