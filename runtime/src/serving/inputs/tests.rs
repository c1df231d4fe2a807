//! Tests of choosing components and of reading what the user wrote.

use super::only;
use crate::manifest::tests::load;
use crate::manifest::{App, Route, Target};

const THREE: &str = "
    spin_manifest_version = 2
    application = { name = 'shop' }
    [[trigger.http]]
    route = '/a'
    component = 'a'
    [[trigger.http]]
    route = '/b'
    component = 'b'
    [[trigger.http]]
    route = '/c'
    component = 'c'
    [[trigger.http]]
    route = '/static'
    static_response = { body = 'here' }
    [component.a]
    source = 'hello.wasm'
    key_value_stores = ['default']
    [component.b]
    source = 'hello.wasm'
    [component.c]
    source = 'hello.wasm'
    sqlite_databases = ['default']
    ";

fn ids(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|&id| id.to_owned()).collect()
}

/// Each route, with the component that it leads to.
fn routes(app: &App) -> Vec<(&str, &str)> {
    let described = app.triggers.iter().map(|trigger| {
        let path = match &trigger.route {
            Route::Path(pattern) => pattern.raw(),
            Route::Private => "",
        };
        let id = match &trigger.target {
            Target::Component(index) => app.components[*index].id.as_str(),
            Target::Static(_) => "",
        };
        (path, id)
    });
    described.collect()
}

#[test]
fn without_names_all_are_served() {
    let app = only(load(THREE), &[]).unwrap();
    assert_eq!(app.components.len(), 3);
}

#[test]
fn the_routes_of_those_that_are_named_still_lead_to_them() {
    let app = only(load(THREE), &ids(&["c", "b", "c"])).unwrap();
    assert_eq!(routes(&app), [("/b", "b"), ("/c", "c"), ("/static", "")]);
}

#[test]
fn labels_of_those_that_are_not_named_are_not_opened() {
    let app = only(load(THREE), &ids(&["a"])).unwrap();
    let components: Vec<_> = app.labels.iter().map(|used| &used.component).collect();
    assert_eq!(components, ["a"]);
}

#[test]
fn a_name_that_the_app_does_not_have_is_a_fault_with_a_suggestion() {
    let long = THREE
        .replace("'a'", "'articles'")
        .replace("component.a]", "component.articles]");
    let faults = only(load(&long), &ids(&["article", "b"]))
        .unwrap_err()
        .to_string();
    assert!(faults.contains("article"), "{faults}");
    assert!(faults.contains("`articles`"), "{faults}");
}
