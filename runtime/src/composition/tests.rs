//! What composing comes to, and what is said where it cannot be done.

use std::fs;

use tempfile::TempDir;

use super::{compose, is_for};
use crate::deployment::handler;
use crate::function::testing::{component_with, engine};
use crate::manifest::App;

/// What the function of these tests imports.
const IMPORT: &str =
    r#"(import "a:words/count@1.0.0" (instance (export "count" (func (result u32)))))"#;

/// A dependency that exports `count`, as `name`.
fn counting(name: &str, result: &str, more: &str) -> String {
    format!(
        r#"(component
            {more}
            (core module $code (func (export "count") (result i32) (i32.const 7)))
            (core instance $code (instantiate $code))
            (func $count (result {result}) (canon lift (core func $code "count")))
            (instance $count (export "count" (func $count)))
            (export "{name}" (instance $count)))"#
    )
}

/// An app whose function imports [`IMPORT`], with that dependency in `words.wasm`.
fn app(dependency: &str, lines: &str) -> (TempDir, App) {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &[u8]| fs::write(folder.path().join(name), content).unwrap();
    write("front.wasm", &component_with("", IMPORT));
    write("words.wasm", &wat::parse_str(dependency).unwrap());
    let manifest = format!(
        "spin_manifest_version = 2\napplication.name = 'a'\n\
        [[trigger.http]]\nroute = '/'\ncomponent = 'front'\n\
        [component.words]\nsource = 'words.wasm'\n\
        [component.front]\nsource = 'front.wasm'\n{lines}\n"
    );
    write("spin.toml", manifest.as_bytes());
    let app = App::load(folder.path()).unwrap_or_else(|faults| panic!("{faults}"));
    (folder, app)
}

/// Composes and links the function.
#[track_caller]
fn composed(dependency: &str, lines: &str) {
    let (_folder, app) = app(dependency, lines);
    let (_, front) = app.component("front").unwrap();
    if let Err(faults) = handler(&engine(), &app, front) {
        panic!("{faults}");
    }
}

/// Asserts that the function cannot be composed, for a reason with all of `words` that stands at `line`.
#[track_caller]
fn refused(dependency: &str, lines: &str, words: &[&str]) {
    let (_folder, app) = app(dependency, lines);
    let (_, front) = app.component("front").unwrap();
    let Err(faults) = handler(&engine(), &app, front) else {
        panic!("it is composed");
    };
    let text = faults.to_string();
    for word in words {
        assert!(text.contains(word), "no `{word}` in: {text}");
    }
    // The line after those of the manifest above.
    assert_eq!(faults.0[0].position.as_ref().unwrap().line, 10, "{text}");
}

const BY_PATH: &str = "dependencies = { 'a:words/count' = { path = 'words.wasm' } }";

#[test]
fn a_dependency_satisfies_an_import() {
    let words = counting("a:words/count@1.0.0", "u32", "");
    composed(&words, BY_PATH);
    composed(
        &words,
        "dependencies = { 'a:words/count@1.0.0' = { path = 'words.wasm' } }",
    );
    composed(
        &words,
        "dependencies = { 'a:words' = { component = 'words' } }",
    );
}

#[test]
fn an_export_of_another_name_is_taken_where_it_is_named() {
    let words = counting("b:other/thing", "u32", "");
    composed(
        &words,
        "dependencies = { 'a:words' = { path = 'words.wasm', export = 'b:other/thing' } }",
    );
    refused(
        &words,
        BY_PATH,
        &["does not export `a:words/count@1.0.0`", "`b:other/thing`"],
    );
}

#[test]
fn a_dependency_that_nothing_asks_for_is_told_what_is_imported() {
    let words = counting("a:words/count@1.0.0", "u32", "");
    let lines = "dependencies = { 'a:words/counts' = { path = 'words.wasm' } }";
    refused(
        &words,
        lines,
        &["called `a:words/counts`", "`a:words/count@1.0.0`"],
    );
    let lines = "dependencies = { 'a:words/count@2.0.0' = { path = 'words.wasm' } }";
    refused(&words, lines, &["called `a:words/count@2.0.0`"]);
}

#[test]
fn an_export_of_another_type_is_told_from_what_is_expected() {
    let words = counting("a:words/count@1.0.0", "s32", "");
    refused(
        &words,
        BY_PATH,
        &["words.wasm is not what", "expected u32, found s32"],
    );
}

#[test]
fn an_import_has_one_dependency() {
    let words = counting("a:words/count@1.0.0", "u32", "");
    let lines = "[component.front.dependencies]\n'a:words' = { path = 'words.wasm' }\n\
        'a:words/count' = { path = 'words.wasm' }";
    let (_folder, app) = app(&words, lines);
    let (_, front) = app.component("front").unwrap();
    let text = handler(&engine(), &app, front).err().unwrap().to_string();
    assert!(text.contains("is another dependency's already"), "{text}");
}

#[test]
fn a_core_module_is_no_dependency() {
    refused("(module)", BY_PATH, &["a core module", "wasm32-wasip2"]);
}

#[test]
fn a_dependency_has_no_grants_unless_it_inherits_them() {
    let imports = r#"
        (import "wasi:clocks/monotonic-clock@0.2.0" (instance))
        (import "wasi:http/outgoing-handler@0.2.0" (instance))"#;
    let words = counting("a:words/count@1.0.0", "u32", imports);
    refused(
        &words,
        BY_PATH,
        &[
            "`wasi:http/outgoing-handler@0.2.0`",
            "dependencies_inherit_configuration = true",
        ],
    );
    composed(
        &words,
        &format!("dependencies_inherit_configuration = true\n{BY_PATH}"),
    );
    composed(
        &words,
        "dependencies = { 'a:words' = { path = 'words.wasm', inherit_configuration = true } }",
    );
}

#[test]
fn environment_and_folders_of_a_dependency_are_empty() {
    for version in ["0.2.0", "0.2.6", "0.3.0"] {
        let imports = format!(
            r#"
            (import "wasi:cli/environment@{version}" (instance
                (export "get-environment" (func (result (list (tuple string string)))))))
            (import "wasi:filesystem/types@{version}" (instance $types
                (export "descriptor" (type (sub resource)))))
            (alias export $types "descriptor" (type $descriptor))
            (import "wasi:filesystem/preopens@{version}" (instance
                (alias outer 1 $descriptor (type $outer))
                (export "descriptor" (type $descriptor (eq $outer)))
                (export "get-directories" (func (result (list (tuple (own $descriptor) string)))))))"#
        );
        composed(&counting("a:words/count@1.0.0", "u32", &imports), BY_PATH);
    }
}

#[test]
fn composing_comes_to_the_same_each_time() {
    let imports = r#"
        (import "wasi:cli/environment@0.2.0" (instance
            (export "get-arguments" (func (result (list string))))))
        (import "wasi:clocks/monotonic-clock@0.2.0" (instance))
        (import "wasi:random/random@0.2.0" (instance))"#;
    let words = counting("a:words/count@1.0.0", "u32", imports);
    let (_folder, app) = app(&words, BY_PATH);
    let (_, front) = app.component("front").unwrap();
    let once = || compose(&app, front, component_with("", IMPORT)).unwrap();
    // Otherwise compiled code that was kept would not be found again.
    assert_eq!(once(), once());
}

#[test]
fn an_import_of_a_dependency_that_nothing_satisfies_is_named() {
    let imports = r#"(import "b:more/words" (instance))"#;
    let words = counting("a:words/count@1.0.0", "u32", imports);
    for inherit in [false, true] {
        let lines = format!(
            "dependencies = {{ 'a:words' = {{ path = 'words.wasm', inherit_configuration = {inherit} }} }}"
        );
        refused(
            &words,
            &lines,
            &["imports `b:more/words`, which nothing gives it"],
        );
    }
}

#[test]
fn a_component_that_others_are_composed_with_need_not_serve() {
    let words = counting("a:words/count@1.0.0", "u32", "");
    let lines = "dependencies = { 'a:words' = { component = 'words' } }";
    let (_folder, app) = app(&words, lines);
    let functions: Vec<_> = app.functions().map(|function| &*function.id).collect();
    assert_eq!(functions, ["front"]);
}

#[test]
fn names_leave_out_what_does_not_matter() {
    for (name, import) in [
        ("a:b/c@1.0.0", "a:b/c@1.0.0"),
        ("a:b/c", "a:b/c@1.0.0"),
        ("a:b/c", "a:b/c"),
        ("a:b@1.0.0", "a:b/c@1.0.0"),
        ("a:b", "a:b/c"),
        ("plain", "plain"),
    ] {
        assert!(is_for(name, import), "{name} {import}");
    }
    for (name, import) in [
        ("a:b/c@1.0.0", "a:b/c"),
        ("a:b/c@1.0.0", "a:b/c@1.0.1"),
        ("a:b/c", "a:b/d"),
        ("a:b", "a:bb/c"),
        ("plain", "a:plain/c"),
        ("a:b/plain", "plain"),
    ] {
        assert!(!is_for(name, import), "{name} {import}");
    }
}
