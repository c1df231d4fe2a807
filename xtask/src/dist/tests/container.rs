//! The Dockerfiles are ones that hadolint takes, and start what the OCI image starts.

use super::*;
use serde_json::{Value, json};

fn read(name: &str) -> String {
    let path = workspace().root.join("packaging/container").join(name);
    fs::read_to_string(path).unwrap()
}

/// What hadolint says about a Dockerfile.
fn lint(text: &str) -> Outcome<String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("Dockerfile");
    fs::write(&file, text).unwrap();
    // In a folder without settings of its own.
    let mut hadolint = Command::new(wheel::HADOLINT.program()?);
    let hadolint = hadolint.args(["--failure-threshold", "style", "--config", "/dev/null"]);
    let (output, is_fine) = {
        let output = hadolint.arg(&file).output()?;
        (
            String::from_utf8_lossy(&output.stdout).into_owned(),
            output.status.success(),
        )
    };
    match is_fine {
        true => Ok(output),
        false => Err(output.into()),
    }
}

#[test]
fn linter_takes_the_dockerfiles_and_finds_mistakes() {
    for name in ["Dockerfile", "app.Dockerfile"] {
        assert_eq!(lint(&read(name)).unwrap(), "", "{name}");
    }
    let text = read("Dockerfile");
    for (is, becomes, rule) in [
        ("rust:1.95-bookworm", "rust:latest", "DL3007"),
        ("WORKDIR /srv/terrace", "WORKDIR srv/terrace", "DL3000"),
        ("USER 65532:65532", "USER root", "DL3002"),
        ("STOPSIGNAL SIGTERM", "STOPSIGNA SIGTERM", "unexpected"),
    ] {
        assert!(text.contains(is), "{is}");
        let found = lint(&text.replace(is, becomes)).unwrap_err().to_string();
        assert!(found.contains(rule), "{becomes}: {found}");
    }
}

#[test]
fn dockerfiles_have_the_versions_of_this_workspace() {
    let manifest = fs::read_to_string(workspace().root.join("Cargo.toml")).unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    let rust = manifest["workspace"]["package"]["rust-version"].as_str();
    let from = format!("FROM rust:{}-bookworm AS build\n", rust.unwrap());
    assert!(read("Dockerfile").contains(&from), "{from}");
    let from = concat!("FROM terrace:", env!("CARGO_PKG_VERSION"), "\n");
    assert!(read("app.Dockerfile").contains(from), "{from}");
}

/// The arguments of an instruction of the last stage.
fn instruction(name: &str) -> Value {
    let text = read("Dockerfile");
    let (_, stage) = text.rsplit_once("\nFROM ").unwrap();
    let start = format!("{name} ");
    let line = stage.lines().find_map(|line| line.strip_prefix(&start));
    let line = line.unwrap_or_else(|| panic!("no {name}"));
    serde_json::from_str(line).unwrap_or_else(|_| json!(line))
}

/// The configuration of an image that the Dockerfile gives.
pub(super) fn configuration() -> Value {
    let port = format!("{}/tcp", instruction("EXPOSE"));
    let volume = instruction("VOLUME")[0].as_str().unwrap().to_owned();
    json!({
        "User": instruction("USER"),
        "ExposedPorts": { port: {} },
        "Entrypoint": instruction("ENTRYPOINT"),
        "Cmd": instruction("CMD"),
        "Volumes": { volume: {} },
        "WorkingDir": instruction("WORKDIR"),
        "StopSignal": instruction("STOPSIGNAL"),
    })
}

#[test]
fn check_of_the_container_is_a_command_of_the_program() {
    let text = read("Dockerfile");
    let (_, check) = text.split_once("HEALTHCHECK ").unwrap();
    let (_, command) = check.lines().next().unwrap().split_once("CMD ").unwrap();
    let words: Vec<String> = serde_json::from_str(command).unwrap();
    assert_eq!(words[0], "/usr/bin/terrace");
    settings::command_is_one(&words[1..]);
}
