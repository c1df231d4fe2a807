//! Promise: `terrace new` makes a project that builds, tests and runs at once.

use std::path::Path;
use std::process::{Command, Output};

use terrace_tests::contract::exit;
use terrace_tests::process::{self, Process, workspace};

const NAME: &str = "first-steps";

/// Makes the project in `folder`.
async fn make(folder: &Path) {
    let ended = process::run(folder, &["new", NAME, "--template", "http-rust"]).await;
    assert_eq!(ended.code, Some(exit::FINE), "{}", ended.text);
}

/// Runs cargo in the project, with compiled dependencies kept between runs of this test.
fn cargo(project: &Path, arguments: &[&str]) -> Output {
    let target = workspace().join("target/new-project");
    let mut cargo = Command::new("cargo");
    cargo
        .args(arguments)
        .current_dir(project)
        .env("CARGO_TARGET_DIR", target);
    cargo
        .output()
        .expect("cargo is there, since it runs this test")
}

#[tokio::test]
async fn the_tests_of_a_new_project_pass() {
    let folder = tempfile::tempdir().expect("there is room");
    make(folder.path()).await;
    let output = cargo(&folder.path().join(NAME), &["test"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let ran = said
        .lines()
        .any(|line| line.starts_with("test result: ok") && !line.contains(" 0 passed"));
    assert!(ran, "no test ran: {said}");
}

/// A project goes to other machines, and the folder that this program was built in may be gone.
#[tokio::test]
async fn a_new_project_names_nothing_of_the_machine_that_built_the_program() {
    let folder = tempfile::tempdir().expect("there is room");
    make(folder.path()).await;
    let here = workspace().to_str().expect("its path is text");
    let mut folders = vec![folder.path().join(NAME)];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("it was made") {
            let path = entry.expect("it was made").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).expect("it is text");
            assert!(!text.contains(here), "{}", path.display());
            files += 1;
        }
    }
    assert!(files > 30, "{files} files: the SDK is not among them");
}

#[tokio::test]
async fn a_new_project_builds_and_serves() {
    let folder = tempfile::tempdir().expect("there is room");
    make(folder.path()).await;
    let project = folder.path().join(NAME);
    let ended = Process::start(&project, &["build"], &[])
        .wait_for_build()
        .await;
    assert_eq!(ended.code, Some(exit::FINE), "{}", ended.text);
    let arguments = [
        "up",
        "--listen",
        "127.0.0.1:0",
        "--admin",
        "127.0.0.1:0",
        "--json",
    ];
    let process = Process::start(&project, &arguments, &[]);
    let ready = process
        .log
        .event(terrace_tests::contract::EVENT_READY, |_| true)
        .await;
    let url = format!(
        "{}/",
        ready["http"]
            .as_str()
            .expect("the ready line has the address")
    );
    let request = terrace_tests::client::request(http::Method::GET, &url, &[], "");
    let answer = terrace_tests::Client::default().send(request).await;
    assert!(!answer.expect(200).body.is_empty());
}

/// The step that follows `cd` in what `terrace new` prints.
#[tokio::test]
async fn a_target_is_added_to_the_project_that_one_stands_in() {
    let folder = tempfile::tempdir().expect("there is room");
    make(folder.path()).await;
    let project = folder.path().join(NAME);
    let arguments = ["new", NAME, "--target", "worker"];
    let ended = process::run(&project, &arguments).await;
    assert_eq!(ended.code, Some(exit::FINE), "{}", ended.text);
    assert!(project.join("wrangler.toml").exists(), "{}", ended.text);
    assert!(!project.join(NAME).exists(), "{}", ended.text);
}

#[tokio::test]
async fn an_existing_folder_is_not_overwritten() {
    let folder = tempfile::tempdir().expect("there is room");
    let project = folder.path().join(NAME);
    std::fs::create_dir(&project).expect("there is room");
    std::fs::write(project.join("kept.txt"), "mine").expect("there is room");
    let ended = process::run(folder.path(), &["new", NAME]).await;
    assert_ne!(ended.code, Some(exit::FINE), "{}", ended.text);
    assert_eq!(
        std::fs::read_to_string(project.join("kept.txt")).expect("it is still there"),
        "mine"
    );
}

#[tokio::test]
async fn a_name_that_no_crate_can_have_is_refused() {
    let folder = tempfile::tempdir().expect("there is room");
    for name in ["1st", "a b", "../up", ""] {
        let ended = process::run(folder.path(), &["new", name]).await;
        assert_eq!(ended.code, Some(exit::USAGE), "{name:?}: {}", ended.text);
    }
}

#[tokio::test]
async fn an_unknown_template_is_refused_with_those_there_are() {
    let folder = tempfile::tempdir().expect("there is room");
    let ended = process::run(folder.path(), &["new", NAME, "--template", "http-rusty"]).await;
    assert_eq!(ended.code, Some(exit::USAGE), "{}", ended.text);
    assert!(ended.text.contains("http-rust"), "{}", ended.text);
}
