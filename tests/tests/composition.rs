//! Promise: a component is composed with its dependencies when it is loaded, and they get no grants of its own.

use terrace_tests::contract::{EVENT_SWAPPED, exit};
use terrace_tests::{App, Running, guest};

/// The dependency of [`app`], which tells what it sees.
const DOUBLE: &str = "slugs-double";

/// `permalinks` with these lines.
fn app(lines: &str) -> App {
    App::new()
        .component("permalinks", guest("permalinks"))
        .route("/permalinks")
        .grant("environment = { SECRET = \"from-the-manifest\" }")
        .grant("files = [\"secret.txt\"]")
        .file("secret.txt", "in the file")
        .grant(lines)
}

/// The line of the manifest that names the dependency.
fn dependency(keys: &str) -> String {
    let path = guest(DOUBLE);
    format!("dependencies = {{ \"terrace:text/slugs\" = {{ path = {path:?}{keys} }} }}")
}

async fn slug(app: &Running, title: &str) -> String {
    let answer = app.get(&format!("/permalinks?title={title}")).await;
    let text = answer.expect(200).text();
    text.strip_prefix("/articles/")
        .expect("an address begins alike")
        .trim()
        .to_owned()
}

#[tokio::test]
async fn a_function_calls_what_it_is_composed_with() {
    let app = app(&dependency("")).start().await;
    for title in ["one", "two"] {
        assert_eq!(slug(&app, title).await, format!("double-of-{title}"));
    }
}

#[tokio::test]
async fn a_component_of_the_app_is_a_dependency_and_no_function() {
    let app = app("dependencies = { \"terrace:text\" = { component = \"slugs\" } }")
        .component("slugs", guest(DOUBLE))
        .start()
        .await;
    assert_eq!(slug(&app, "one").await, "double-of-one");
}

#[tokio::test]
async fn a_dependency_sees_neither_environment_nor_files_of_its_component() {
    let app = app(&dependency("")).start().await;
    assert_eq!(slug(&app, "environment").await, "[]");
    assert_eq!(slug(&app, "file").await, "None");
}

#[tokio::test]
async fn a_dependency_that_inherits_sees_both() {
    let app = app(&dependency(""))
        .grant("dependencies_inherit_configuration = true")
        .start()
        .await;
    let environment = slug(&app, "environment").await;
    assert!(environment.contains("from-the-manifest"), "{environment}");
    assert_eq!(slug(&app, "file").await, "Some(\"in the file\")");
}

#[tokio::test]
async fn a_trap_of_a_dependency_ends_that_request_only() {
    let app = app(&dependency("")).start().await;
    app.get("/permalinks?title=trap").await.expect(500);
    assert_eq!(slug(&app, "one").await, "double-of-one");
}

#[tokio::test]
async fn a_dependency_that_does_not_fit_is_found_by_a_check() {
    let app = app(&dependency(", export = \"terrace:text/slug@1.0.0\""));
    let ended = app.check().await;
    assert_eq!(ended.code, Some(exit::USAGE), "{}", ended.text);
    for words in [
        "spin.toml:",
        "does not export `terrace:text/slug@1.0.0`",
        "did you mean `terrace:text/slugs@1.0.0`?",
    ] {
        assert!(
            ended.text.contains(words),
            "no `{words}` in: {}",
            ended.text
        );
    }
}

#[tokio::test]
async fn a_function_without_its_dependency_is_told_which_import_is_open() {
    let ended = app("").refuse().await;
    assert_eq!(ended.code, Some(exit::USAGE), "{}", ended.text);
    assert!(ended.text.contains("terrace:text/slugs"), "{}", ended.text);
}

#[tokio::test]
async fn a_dependency_that_changes_is_swapped_in() {
    let app = app("dependencies = { \"terrace:text\" = { path = \"built/slugs.wasm\" } }");
    let double = std::fs::read(guest(DOUBLE)).expect("the guest was built");
    let app = app.file("built/slugs.wasm", &double).develop().await;
    assert_eq!(slug(&app, "one").await, "double-of-one");
    // A custom section at its end makes it another component that does the same.
    let changed = [&double[..], &[0, 2, 1, b'x']].concat();
    let folder = app.app().folder();
    std::fs::write(folder.join("slugs.new"), changed).expect("a test's own folder can be written");
    std::fs::rename(folder.join("slugs.new"), folder.join("built/slugs.wasm"))
        .expect("a test's own folder can be written");
    app.process.log.event(EVENT_SWAPPED, |_| true).await;
    assert_eq!(slug(&app, "one").await, "double-of-one");
}

/// Titles are made parts of URLs by `functions/slugs`, a component with a WIT world of its own.
#[tokio::test]
#[ignore = "needs cargo-component: `cargo xtask cargo-component` installs it and runs this"]
async fn what_cargo_component_builds_is_composed() {
    let app = app("dependencies = { \"terrace:text/slugs@1.0.0\" = { component = \"slugs\" } }")
        .component("slugs", guest("slugs"))
        .start()
        .await;
    for (title, expected) in [
        ("One%20%26%20Two", "one-two"),
        ("%C3%89TUDE+n%C2%BA+3", "étude-nº-3"),
        ("...", ""),
    ] {
        assert_eq!(slug(&app, title).await, expected);
    }
}
