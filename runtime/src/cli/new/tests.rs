//! Projects as they are made.

use tempfile::tempdir;

use super::*;
use crate::cli::arguments::Template;
use crate::manifest;

mod worker_build;

fn project(name: &str) -> tempfile::TempDir {
    let folder = tempdir().unwrap();
    write(folder.path(), &Template::HttpRust.files(name)).unwrap();
    folder
}

#[test]
fn manifest_of_a_new_project_is_right() {
    let folder = project("user-api");
    let app = App::load_unbuilt(folder.path()).unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!(app.name, "user-api");
    assert_eq!(app.components[0].id, "user-api");
    assert!(matches!(
        app.triggers[0].target,
        manifest::Target::Component(0)
    ));
    let build = app.components[0].build.as_ref().unwrap();
    assert!(build.command[0].contains("--target wasm32-wasip2"));
    let expected = "target/wasm32-wasip2/release/user_api.wasm";
    assert!(app.components[0].source.ends_with(expected));
}

#[test]
fn crate_of_a_new_project_has_its_name_and_the_sdk_beside_it() {
    let folder = project("user-api");
    let text = fs::read_to_string(folder.path().join("Cargo.toml")).unwrap();
    let table: toml::Table = text.parse().unwrap();
    assert_eq!(table["package"]["name"].as_str(), Some("user-api"));
    let sdk = table["dependencies"]["terrace-sdk"]["path"]
        .as_str()
        .unwrap();
    assert!(Path::new(sdk).is_relative(), "{sdk}");
    assert!(folder.path().join(sdk).join("src/lib.rs").exists(), "{sdk}");
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
    let (named, _) = write(&file, &Template::HttpRust.files("shop")).unwrap_err();
    assert!(named.starts_with(&file));
}

#[test]
fn next_steps_lead_to_a_served_app() {
    let steps = next_steps("shop", Path::new("services/shop"), None);
    assert!(steps.contains("cd services/shop"), "{steps}");
    assert!(steps.contains("terrace dev"), "{steps}");
    assert!(steps.contains("terrace build"), "{steps}");
    assert!(!steps.contains("wrangler"), "{steps}");
}

#[test]
fn next_steps_lead_to_cloudflare() {
    let steps = next_steps("shop", Path::new("shop"), None);
    let at = |step| steps.find(step).unwrap();
    assert!(at("cd shop") < at("terrace new shop --target worker"));
}

#[test]
fn next_steps_of_a_worker_install_wrangler_before_they_call_it() {
    let steps = next_steps("shop", Path::new("."), Some(Target::Worker));
    assert!(!steps.contains("cd "), "{steps}");
    let at = |step| steps.find(step).unwrap();
    assert!(at("terrace dev") < at("npm install"), "{steps}");
    assert!(at("npm install") < at("npx wrangler dev"), "{steps}");
}

fn arguments(folder: &Path, target: Option<Target>) -> NewArguments {
    NewArguments {
        name: "user-api".to_owned(),
        template: Template::HttpRust,
        target,
        dir: Some(folder.to_owned()),
    }
}

#[test]
fn worker_is_configured_under_the_projects_name() {
    let folder = tempdir().unwrap();
    run(&arguments(folder.path(), Some(Target::Worker))).unwrap();
    let read = |file| fs::read_to_string(folder.path().join(file)).unwrap();
    let config: toml::Table = read("wrangler.toml").parse().unwrap();
    assert_eq!(config["name"].as_str(), Some("user-api"));
    let command = config["build"]["command"].as_str().unwrap();
    let script = read(command.strip_prefix("sh ").unwrap());
    let output = config["main"].as_str().unwrap();
    let output = output.strip_suffix("/index.js").unwrap();
    assert!(script.contains(&format!("--out-dir {output}")), "{script}");
    let packages: serde_json::Value = serde_json::from_str(&read("package.json")).unwrap();
    assert!(packages["devDependencies"]["wrangler"].is_string());
    // One source: the rest is what Terrace and Spin read.
    assert_eq!(App::load_unbuilt(folder.path()).unwrap().name, "user-api");
}

#[test]
fn target_is_added_to_a_project_that_is_there_and_replaces_nothing() {
    let folder = tempdir().unwrap();
    run(&arguments(folder.path(), None)).unwrap();
    let source = folder.path().join("src/lib.rs");
    fs::write(&source, "// mine").unwrap();
    run(&arguments(folder.path(), Some(Target::Worker))).unwrap();
    assert_eq!(fs::read_to_string(source).unwrap(), "// mine");
    assert!(folder.path().join("wrangler.toml").exists());
    let again = run(&arguments(folder.path(), Some(Target::Worker)));
    let Err(CommandError::Faults(faults)) = again else {
        panic!("it is made twice");
    };
    assert!(faults.to_string().contains("exists already"), "{faults}");
}
