//! Projects as they are made.

use tempfile::tempdir;

use super::*;
use crate::manifest::{App, Target};

fn project(name: &str) -> tempfile::TempDir {
    let folder = tempdir().unwrap();
    let sdk = Path::new("/sdk");
    write(folder.path(), Template::HttpRust, &Values { name, sdk }).unwrap();
    folder
}

#[test]
fn manifest_of_a_new_project_is_right() {
    let folder = project("user-api");
    let app = App::load_unbuilt(folder.path()).unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!(app.name, "user-api");
    assert_eq!(app.components[0].id, "user-api");
    assert!(matches!(app.triggers[0].target, Target::Component(0)));
    let build = app.components[0].build.as_ref().unwrap();
    assert!(build.command[0].contains("--target wasm32-wasip2"));
    let expected = "target/wasm32-wasip2/release/user_api.wasm";
    assert!(app.components[0].source.ends_with(expected));
}

#[test]
fn crate_of_a_new_project_has_its_name_and_finds_the_sdk() {
    let folder = project("user-api");
    let text = fs::read_to_string(folder.path().join("Cargo.toml")).unwrap();
    let table: toml::Table = text.parse().unwrap();
    assert_eq!(table["package"]["name"].as_str(), Some("user-api"));
    assert_eq!(
        table["dependencies"]["terrace-sdk"]["path"].as_str(),
        Some("/sdk")
    );
    // Else a project in the folder of another one would be taken for a part of that.
    assert!(table.contains_key("workspace"));
}

#[test]
fn folder_must_be_empty_or_not_there() {
    let folder = tempdir().unwrap();
    assert_eq!(check_free(folder.path()), Ok(()));
    assert_eq!(check_free(&folder.path().join("new/er")), Ok(()));
    let file = folder.path().join("note.txt");
    fs::write(&file, "keep me").unwrap();
    assert!(
        check_free(folder.path())
            .unwrap_err()
            .message
            .contains("is not empty")
    );
    assert!(
        check_free(&file)
            .unwrap_err()
            .message
            .contains("cannot be used")
    );
}

#[test]
fn file_that_cannot_be_written_is_named() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let values = Values {
        name: "shop",
        sdk: Path::new("/sdk"),
    };
    let (named, _) = write(&file, Template::HttpRust, &values).unwrap_err();
    assert!(named.starts_with(&file));
}

#[test]
fn next_steps_lead_to_a_served_app() {
    let steps = next_steps("shop", Path::new("services/shop"));
    assert!(steps.contains("cd services/shop"), "{steps}");
    assert!(steps.contains("terrace dev"), "{steps}");
}
