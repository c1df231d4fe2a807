//! Promise: compiled code in a bundle spares the compiling where its signature is trusted, and is nothing anywhere else.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use terrace_tests::contract::{EVENT_BUNDLE_SERVED, exit};
use terrace_tests::load::at_once;
use terrace_tests::{App, Running, guest};

/// A key of the tests: private in PEM, public as in the settings (RFC 8032 §7.1).
const KEY: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g
-----END PRIVATE KEY-----
";
const TRUSTED: &str =
    "[deploy]\ntrusted_keys = [\"MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\"]\n";

/// A processor that the machines of the tests have, with code of its own.
const PROCESSOR: &str = if cfg!(target_arch = "x86_64") {
    "x86_64-v2"
} else {
    "aarch64"
};

/// Processes that start at the same time.
const PROCESSES: usize = 4;

/// An app with a component, and one that is composed of two.
fn app() -> App {
    let wasm = |name| fs::read(guest(name)).expect("the guest can be read");
    App::new()
        .file("sign.pem", KEY)
        .file("hello.wasm", wasm("hello"))
        .file("slugs.wasm", wasm("slugs-double"))
        .file("permalinks.wasm", wasm("permalinks"))
        .component("hello", "hello.wasm")
        .route("/...")
        .component("permalinks", "permalinks.wasm")
        .route("/permalinks")
        .grant("dependencies = { \"terrace:text/slugs\" = { path = \"slugs.wasm\" } }")
}

/// Makes a signed bundle of it with code for these processors.
async fn precompiled(app: &App, name: &str, processors: &str) -> PathBuf {
    let precompile = format!("--precompile{processors}");
    let arguments = [
        "bundle",
        "--output",
        name,
        "--sign",
        "sign.pem",
        &precompile,
    ];
    let ended = app.run(&arguments).await;
    assert_eq!(ended.code, Some(exit::FINE), "{}", ended.text);
    app.folder().join(name)
}

/// A server of that bundle, which keeps its compiled code for itself.
async fn serving(bundle: &Path, settings: &str) -> Running {
    let node = App::new().config(settings).served_from(bundle);
    let served = node.with_its_own_compiled_code().start().await;
    assert_eq!(served.get("/").await.status, 200);
    assert_eq!(served.get("/permalinks?title=one").await.status, 200);
    served
}

/// The content of all files with this end in a folder, sorted.
fn contents(folder: &Path, end: &str) -> Vec<Vec<u8>> {
    let files = fs::read_dir(folder).expect("a test's own folder can be read");
    let paths = files.map(|file| file.expect("it can be read").path());
    let paths = paths.filter(|path| path.to_string_lossy().ends_with(end));
    let mut contents: Vec<_> = paths
        .map(|path| fs::read(path).expect("a test's own file can be read"))
        .collect();
    contents.sort();
    contents
}

/// The compiled code that a server keeps.
fn kept(served: &Running) -> Vec<Vec<u8>> {
    contents(&served.app().folder().join("compiled-code"), ".cwasm")
}

/// The compiled code in a bundle, as any program that reads archives finds it.
fn bundled(bundle: &Path) -> Vec<Vec<u8>> {
    let folder = tempfile::tempdir().expect("a test has room for a folder");
    let mut tar = Command::new("tar");
    tar.arg("--extract").arg("--file").arg(bundle);
    let status = tar.arg("--directory").arg(folder.path()).status();
    assert!(status.expect("tar is there").success());
    contents(&folder.path().join("compiled"), PROCESSOR)
}

/// Waits for the line that says what became of compiled code.
async fn told(served: &Running, what: &str) {
    let log = &served.process.log;
    log.find(what, |line| line.contains(what).then_some(()))
        .await;
}

#[tokio::test]
async fn code_that_is_trusted_spares_the_compiling() {
    let app = app();
    let bundle = precompiled(&app, "app.terrace", &format!("={PROCESSOR}")).await;
    let served = serving(&bundle, TRUSTED).await;
    told(&served, &format!("compiled code for {PROCESSOR} is taken")).await;
    let expected = bundled(&bundle);
    assert_eq!(expected.len(), 2, "one for each component");
    assert!(kept(&served) == expected, "something was compiled here");
    let served = served.restart().await;
    assert_eq!(served.get("/").await.status, 200);
    assert!(kept(&served) == expected);
}

#[tokio::test]
async fn processes_take_the_same_code_at_once() {
    let app = app();
    let bundle = precompiled(&app, "app.terrace", &format!("={PROCESSOR}")).await;
    let node = App::new().config(TRUSTED).served_from(&bundle);
    let node = node.with_its_own_compiled_code();
    let servers = at_once(PROCESSES, |_| node.start_beside()).await;
    for served in &servers {
        assert_eq!(served.get("/").await.status, 200);
        assert_eq!(served.get("/permalinks?title=one").await.status, 200);
    }
    let kept = contents(&node.folder().join("compiled-code"), ".cwasm");
    assert!(kept == bundled(&bundle), "something was compiled here");
}

#[tokio::test]
async fn code_for_this_machine_is_better_than_code_for_many() {
    let app = app();
    let bundle = precompiled(&app, "app.terrace", &format!("={PROCESSOR},native")).await;
    let served = serving(&bundle, TRUSTED).await;
    told(&served, "compiled code for native is taken").await;
    let compiled_here = serving(&precompiled(&app, "b.terrace", "").await, "").await;
    assert!(
        kept(&served) == kept(&compiled_here),
        "it is as if it was compiled here"
    );
}

#[tokio::test]
async fn code_that_nobody_vouches_for_is_not_used() {
    let app = app();
    let bundle = precompiled(&app, "app.terrace", &format!("={PROCESSOR}")).await;
    let served = serving(&bundle, "").await;
    told(&served, "because there are no `trusted_keys`").await;
    let bundled = bundled(&bundle);
    let kept = kept(&served);
    assert_eq!(kept.len(), 2, "it was compiled here");
    assert!(kept.iter().all(|code| !bundled.contains(code)));
}

#[tokio::test]
async fn code_that_was_changed_is_refused_with_its_bundle() {
    let app = app();
    let bundle = precompiled(&app, "app.terrace", "").await;
    let mut bytes = fs::read(&bundle).unwrap();
    let end = bytes.len() - 4096;
    bytes[end] ^= 1;
    fs::write(&bundle, bytes).unwrap();
    for settings in [TRUSTED, ""] {
        let node = App::new().config(settings).served_from(&bundle);
        let ended = node.with_its_own_compiled_code().refuse().await;
        assert_eq!(ended.code, Some(exit::USAGE), "{}", ended.text);
        assert!(ended.text.contains("`compiled/"), "{}", ended.text);
    }
}

#[tokio::test]
async fn code_of_a_newer_bundle_is_taken_while_the_app_is_served() {
    let app = app();
    let first = precompiled(&app, "first.terrace", "").await;
    let node = App::new().config(TRUSTED);
    let folder = node.folder().join("releases");
    fs::create_dir(&folder).unwrap();
    fs::copy(first, folder.join("first.terrace")).unwrap();
    let node = node.served_from(&folder).with_its_own_compiled_code();
    let served = node.start().await;
    let app = app.file("hello.wasm", fs::read(guest("faults-p3")).unwrap());
    let second = precompiled(&app, "second.terrace", &format!("={PROCESSOR}")).await;
    fs::copy(&second, folder.join("arriving")).unwrap();
    fs::rename(folder.join("arriving"), folder.join("second.terrace")).unwrap();
    let is_it = |event: &Value| {
        let file = event["file"].as_str();
        file.is_some_and(|file| file.ends_with("second.terrace"))
    };
    served.process.log.event(EVENT_BUNDLE_SERVED, is_it).await;
    told(&served, &format!("compiled code for {PROCESSOR} is taken")).await;
    assert_eq!(served.get("/ok").await.expect(200).text(), "ok");
    let kept = kept(&served);
    // The component that stayed the same has its code already.
    let taken = bundled(&second);
    assert_eq!(taken.iter().filter(|code| kept.contains(code)).count(), 1);
}

#[tokio::test]
async fn the_same_app_gives_the_same_code() {
    let app = app();
    let processors = format!("={PROCESSOR},native");
    let one = precompiled(&app, "one.terrace", &processors).await;
    let other = precompiled(&app, "other.terrace", &processors).await;
    assert!(fs::read(one).unwrap() == fs::read(other).unwrap());
}

#[tokio::test]
async fn a_list_shows_the_compiled_code_with_processor_and_engine() {
    let app = app();
    let bundle = precompiled(&app, "app.terrace", &format!("={PROCESSOR}")).await;
    let list = app
        .run(&["bundle", "--list", "app.terrace", "--json"])
        .await;
    let list: Value = serde_json::from_str(&list.text).expect("it is one object");
    let compiled = list["compiled"].as_array().expect("there is code");
    assert_eq!(compiled.len(), 2);
    for code in compiled {
        assert_eq!(code["target"], PROCESSOR);
        let ids: [Value; 2] = ["hello".into(), "permalinks".into()];
        assert!(ids.contains(&code["component"]), "{code}");
        assert_eq!(code["engine"].as_str().unwrap().len(), 64);
    }
    let sizes = bundled(&bundle).iter().map(Vec::len).sum::<usize>();
    let listed = compiled.iter().map(|code| code["size"].as_u64().unwrap());
    assert_eq!(listed.sum::<u64>(), sizes as u64);
    let shown = app.run(&["bundle", "--list", "app.terrace"]).await.text;
    for part in [
        format!("hello compiled for {PROCESSOR} by engine "),
        format!("permalinks compiled for {PROCESSOR} by engine "),
        format!(", compiled for {PROCESSOR}, signed by"),
    ] {
        assert!(shown.contains(&part), "{shown}");
    }
}

#[tokio::test]
async fn code_that_no_server_would_take_is_not_made() {
    let app = app();
    let ended = app.run(&["bundle", "--precompile"]).await;
    assert_eq!(ended.code, Some(exit::USAGE), "{}", ended.text);
    assert!(ended.text.contains("--sign"), "{}", ended.text);
    let arguments = ["bundle", "--sign", "sign.pem", "--precompile=s390x"];
    let ended = app.run(&arguments).await;
    assert_eq!(ended.code, Some(exit::USAGE), "{}", ended.text);
    assert!(ended.text.contains(PROCESSOR), "{}", ended.text);
}
