//! Promise: compiled code is kept between starts, and never trusted when it is not what was written.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use terrace_tests::{App, Running};

/// An app that keeps its compiled code below its own folder.
async fn start() -> Running {
    App::of("faults-p3")
        .with_its_own_compiled_code()
        .start()
        .await
}

/// All files below `folder` that hold machine code, which wasmtime keeps as ELF images, with the time of writing.
fn kept_code(folder: &Path) -> Vec<(PathBuf, SystemTime)> {
    let entries = fs::read_dir(folder).expect("a test's own folder can be read");
    let mut kept = Vec::new();
    for path in entries.map(|entry| entry.expect("an entry can be read").path()) {
        if path.is_dir() {
            kept.extend(kept_code(&path));
        } else if path.is_file() && is_code(&path) {
            let written = path.metadata().and_then(|metadata| metadata.modified());
            kept.push((path, written.expect("files have times")));
        }
    }
    kept.sort();
    kept
}

fn is_code(path: &Path) -> bool {
    // A header of the runtime's own may stand before the image.
    let bytes = fs::read(path).expect("a test's own file can be read");
    bytes
        .windows(4)
        .take(4096)
        .any(|window| window == b"\x7fELF")
}

#[tokio::test]
async fn a_second_start_compiles_nothing() {
    let app = start().await;
    let first = kept_code(app.app().folder());
    assert!(!first.is_empty(), "no compiled code was kept");
    let app = app.restart().await;
    app.get("/ok").await.expect(200);
    assert_eq!(
        kept_code(app.app().folder()),
        first,
        "code was written again"
    );
}

#[tokio::test]
async fn damaged_code_is_compiled_again() {
    let app = start().await;
    let kept = kept_code(app.app().folder());
    assert!(!kept.is_empty(), "no compiled code was kept");
    for (path, _) in kept {
        let mut bytes = fs::read(&path).expect("it was found a moment ago");
        let middle = bytes.len() / 2;
        bytes[middle..middle + 64].fill(0xff);
        fs::write(&path, bytes).expect("a test's own file can be written");
    }
    let app = app.restart().await;
    app.get("/ok").await.expect(200);
}

#[tokio::test]
async fn cut_code_is_compiled_again() {
    let app = start().await;
    for (path, _) in kept_code(app.app().folder()) {
        let bytes = fs::read(&path).expect("it was found a moment ago");
        fs::write(&path, &bytes[..bytes.len() / 2]).expect("a test's own file can be written");
    }
    let app = app.restart().await;
    app.get("/ok").await.expect(200);
}
