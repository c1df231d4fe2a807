//! Builds with real commands of the shell.

use super::*;
use crate::cli::tests::{component_built_by, directory, load};

/// Builds the first component of a manifest with these components.
fn build(components: &str) -> Result<(), String> {
    let directory = directory(components);
    let app = load(directory.path());
    // For programs: what compilers say is captured.
    let builder = Builder::new(Console::new(true));
    builder
        .build(&app.components[0])
        .map_err(|failure| match failure.event() {
            Event::BuildFailed { component, message } => format!("{component}: {message}"),
            event => panic!("{event:?} is no failure"),
        })
}

#[test]
fn command_runs_in_the_folder_of_the_manifest() {
    let command = r"printf '\0asm' > hello.wasm";
    assert_eq!(build(&component_built_by("hello", command, &[])), Ok(()));
}

#[test]
fn component_without_a_command_is_left_as_it_is() {
    assert_eq!(build("[component.hello]\nsource = 'hello.wasm'\n"), Ok(()));
}

#[test]
fn failure_says_what_the_compiler_said_and_which_command_it_was() {
    let command = "echo expected one of; echo found two >&2; exit 3";
    let message = build(&component_built_by("hello", command, &[])).unwrap_err();
    assert_eq!(
        message,
        format!(
            "hello: expected one of\nfound two\n\
             terrace: building `hello` failed: `{command}` ended with exit status: 3"
        )
    );
}

#[test]
fn source_must_be_there_afterwards() {
    let message = build(&component_built_by("hello", "true", &[])).unwrap_err();
    assert!(message.contains("hello.wasm` is not there"), "{message}");
    assert!(message.contains("help: make `source` name"), "{message}");
}

#[test]
fn commands_run_in_turn_until_one_fails() {
    let message = build(
        "[component.hello]\nsource = 'hello.wasm'\n[component.hello.build]\n\
         command = ['echo one', 'echo $TWO; false', 'touch hello.wasm']\nenvironment = { TWO = 'two' }\n",
    );
    let message = message.unwrap_err();
    assert!(message.starts_with("hello: one\ntwo\n"), "{message}");
    assert!(message.contains("`echo $TWO; false` ended"), "{message}");
}

#[test]
fn workdir_that_is_not_there_is_named() {
    let message = build(
        "[component.hello]\nsource = 'hello.wasm'\n[component.hello.build]\n\
         command = 'true'\nworkdir = 'nowhere'\n",
    );
    assert!(message.unwrap_err().contains("nowhere` is not a directory"));
}
