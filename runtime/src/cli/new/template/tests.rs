//! What the files of a project hold.

use std::collections::BTreeMap;
use std::fs;

use super::*;

/// The repository, where these tests run.
fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn table(file: &Path) -> toml::Table {
    fs::read_to_string(file).unwrap().parse().unwrap()
}

#[test]
fn every_word_in_braces_gets_its_value() {
    let files = rendered("http-rust", "user-api");
    for file in files.iter().chain(&Target::Worker.files("user-api")) {
        assert!(!file.text.contains("{{"), "{file:?}");
    }
}

/// A list made by the compiler could miss a file that is new.
#[test]
fn every_file_of_the_sdk_is_carried() {
    let sdk = repository().join("sdk");
    let pattern = sdk.join("src/**/*.rs");
    let paths = glob::glob(pattern.to_str().unwrap()).unwrap();
    let mut expected = BTreeMap::new();
    for path in paths.map(Result::unwrap) {
        let inside = path.strip_prefix(&sdk).unwrap().to_owned();
        expected.insert(inside, fs::read_to_string(path).unwrap());
    }
    let carried = folder("terrace-sdk").into_iter();
    let carried = carried.filter(|file| file.path.starts_with("src"));
    let carried: BTreeMap<_, _> = carried.map(|file| (file.path, file.text)).collect();
    assert!(expected.len() > 20, "{}", expected.len());
    assert_eq!(carried, expected);
}

#[test]
fn the_sdk_of_a_project_needs_no_workspace() {
    let manifest = Path::new(SDK_FOLDER).join("Cargo.toml");
    let files = Template::HttpRust.files("shop");
    let manifest = files.iter().find(|file| file.path == manifest).unwrap();
    let table: toml::Table = manifest.text.parse().unwrap();
    assert_eq!(table["package"]["name"].as_str(), Some("terrace-sdk"));
    assert!(!format!("{table:?}").contains("workspace"), "{table:?}");
}

#[test]
fn the_sdk_asks_for_the_versions_that_the_workspace_tests() {
    let workspace = table(&repository().join("Cargo.toml"));
    let workspace = &workspace["workspace"];
    let sdk = table(&repository().join("sdk/Cargo.toml"));
    for key in ["version", "edition", "rust-version", "license"] {
        assert_eq!(sdk["package"][key], workspace["package"][key], "{key}");
    }
    let version = |dependency: &toml::Value| {
        let version = dependency.get("version").unwrap_or(dependency);
        version.as_str().map(str::to_owned)
    };
    let targets = sdk["target"].as_table().unwrap().values();
    let tables = targets.map(|target| &target["dependencies"]);
    let mut compared = 0;
    for table in tables.chain([&sdk["dependencies"], &sdk["dev-dependencies"]]) {
        let table = table.as_table().unwrap();
        for (name, dependency) in table {
            let expected = version(&workspace["dependencies"][name.as_str()]);
            assert_eq!(version(dependency), expected, "{name}");
            compared += 1;
        }
    }
    assert!(compared >= 10, "{compared}");
}
