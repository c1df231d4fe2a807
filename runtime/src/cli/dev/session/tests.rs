//! Sessions with real builds and a server that only counts.

use std::fs;
use std::sync::mpsc;
use std::sync::{Arc, Mutex};

use super::*;
use crate::cli::arguments::{Arguments, Command};
use crate::cli::tests::{component_built_by, directory, write_manifest};

/// A session in a directory, and the contents of `hello.wasm` at each reload.
struct Bench {
    directory: tempfile::TempDir,
    session: Session,
    reloads: Arc<Mutex<Vec<String>>>,
}

impl Bench {
    /// `hello.wasm` is made from `hello.rs`. What contains `error` does not compile, `broken` does not load.
    fn new() -> Self {
        let directory = directory(&hello("cat hello.rs"));
        let source = directory.path().join("hello.wasm");
        let (sender, _) = mpsc::channel();
        let project = load(directory.path());
        let reloads: Arc<Mutex<Vec<String>>> = Arc::default();
        let seen = Arc::clone(&reloads);
        let reload = move || {
            let text = fs::read_to_string(&source).unwrap_or_default();
            let code = text.trim_start_matches("\0asm").to_owned();
            seen.lock().unwrap().push(code);
            match text.contains("broken") {
                true => Err(StartError::Failed("it does not load".into())),
                false => Ok(()),
            }
        };
        let session = Session {
            console: Console::new(true),
            builder: Builder::new(Console::new(true)),
            watcher: Watcher::start(&project, sender).unwrap(),
            served: project.stamps(),
            project,
            pending: BTreeSet::new(),
            reload: Box::new(reload),
        };
        Self {
            directory,
            session,
            reloads,
        }
    }

    /// Writes a file and takes it up.
    fn change(&mut self, file: &str, text: &str) {
        fs::write(self.directory.path().join(file), text).unwrap();
        self.take_up(file);
    }

    fn take_up(&mut self, file: &str) {
        let root = self.directory.path().canonicalize().unwrap();
        let files = BTreeSet::from([root.join(file)]);
        self.session.take_up(&Changes::Files(files));
    }

    fn reloads(&self) -> Vec<String> {
        self.reloads.lock().unwrap().clone()
    }
}

/// The component whose source is WebAssembly's first bytes and what a command prints.
fn hello(command: &str) -> String {
    let command = format!(r"! grep error hello.rs && (printf '\0asm'; {command}) > hello.wasm");
    component_built_by("hello", &command, &["*.rs"])
}

fn load(directory: &std::path::Path) -> Project {
    let line = format!("terrace dev --from {}", directory.display());
    match crate::cli::tests::parse(&line) {
        Ok(Arguments {
            command: Command::Dev(arguments),
        }) => Project::load(&arguments).unwrap(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn changed_input_is_built_and_swapped_in() {
    let mut bench = Bench::new();
    bench.change("hello.rs", "one");
    bench.change("hello.rs", "second");
    assert_eq!(bench.reloads(), ["one", "second"]);
}

#[test]
fn failed_build_swaps_nothing_and_the_next_one_does() {
    let mut bench = Bench::new();
    bench.change("hello.rs", "error");
    assert!(bench.reloads().is_empty());
    bench.change("hello.rs", "mended");
    assert_eq!(bench.reloads(), ["mended"]);
}

#[test]
fn build_that_leaves_no_webassembly_swaps_nothing() {
    let mut bench = Bench::new();
    write_manifest(
        bench.directory.path(),
        &component_built_by("hello", "cp hello.rs hello.wasm", &["*.rs"]),
    );
    bench.take_up("spin.toml");
    let before = bench.reloads();
    bench.change("hello.rs", "nonsense");
    bench.take_up("hello.wasm");
    assert_eq!(bench.reloads(), before);
}

#[test]
fn source_that_something_else_built_is_swapped_in() {
    let mut bench = Bench::new();
    bench.change("hello.wasm", "from elsewhere");
    assert_eq!(bench.reloads(), ["from elsewhere"]);
}

#[test]
fn source_that_is_served_already_is_not_swapped_again() {
    let mut bench = Bench::new();
    bench.change("hello.rs", "one");
    bench.take_up("hello.wasm");
    assert_eq!(bench.reloads(), ["one"]);
}

#[test]
fn half_written_source_is_tried_again_once_it_is_whole() {
    let mut bench = Bench::new();
    bench.change("hello.wasm", "broken");
    bench.change("hello.wasm", "whole again");
    assert_eq!(bench.reloads(), ["broken", "whole again"]);
}

#[test]
fn changed_manifest_is_swapped_in_and_builds_what_it_changes() {
    let mut bench = Bench::new();
    fs::write(bench.directory.path().join("hello.rs"), "one").unwrap();
    write_manifest(bench.directory.path(), &hello("cat hello.rs hello.rs"));
    bench.take_up("spin.toml");
    assert_eq!(bench.reloads(), ["oneone"]);
    bench.take_up("spin.toml");
    assert_eq!(bench.reloads(), ["oneone", "oneone"]);
}

#[test]
fn what_changed_under_a_faulty_manifest_is_built_when_it_is_right_again() {
    let mut bench = Bench::new();
    let manifest = fs::read_to_string(bench.directory.path().join("spin.toml")).unwrap();
    fs::write(bench.directory.path().join("hello.rs"), "one").unwrap();
    fs::write(bench.directory.path().join("spin.toml"), "half a manif").unwrap();
    let root = bench.directory.path().canonicalize().unwrap();
    let both = BTreeSet::from([root.join("spin.toml"), root.join("hello.rs")]);
    bench.session.take_up(&Changes::Files(both));
    assert!(bench.reloads().is_empty());
    bench.change("spin.toml", &manifest);
    assert_eq!(bench.reloads(), ["one"]);
}

#[test]
fn changed_settings_swap_nothing() {
    let mut bench = Bench::new();
    bench.change("terrace.toml", "");
    assert!(bench.reloads().is_empty());
}
