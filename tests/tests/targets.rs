//! Promise: one source of a function is served by Terrace, Spin, Cloudflare and plain wasmtime.

use terrace_tests::client::request;
use terrace_tests::contract::exit;
use terrace_tests::process::Process;
use terrace_tests::realworld::{self, Api};
use terrace_tests::target::wrangler::{WRANGLER_REMEDY, Worker};
use terrace_tests::target::{Served, all_hold, not_run, wasmtime};
use terrace_tests::{App, Client, guest, process};

/// The root manifest, which `spin up` serves without anything of ours.
#[tokio::test]
async fn spin_serves_the_whole_api() {
    let Some(spin) = process::installed("SPIN_BIN", "spin") else {
        return not_run(
            "conduit on Spin",
            "put `spin` on the PATH, or name it in SPIN_BIN",
        );
    };
    let _ = guest("conduit");
    let state = tempfile::tempdir().expect("a test has room for a folder");
    let state = state.path().to_str().expect("its path is text");
    let arguments = [
        "up",
        "--from",
        "spin.toml",
        "--listen",
        "127.0.0.1:0",
        "--state-dir",
        state,
        "--variable",
        "events=off",
    ];
    let process = Process::start_group(&spin, process::workspace(), &arguments, &[]);
    let served = Served::ready(process, "Serving ").await;
    the_whole_api_holds(&served).await;
}

#[tokio::test]
async fn cloudflare_serves_the_whole_api() {
    let Some(worker) = Worker::conduit() else {
        return not_run("conduit on Cloudflare's runtime", WRANGLER_REMEDY);
    };
    let migrated = worker.migrate().await;
    assert_eq!(migrated.code, Some(0), "{}", migrated.text);
    let served = worker.start().await;
    the_whole_api_holds(&served).await;
}

/// `spin up` ignores what is for Terrace, so that what is missing would be missed only when messages do not come.
#[tokio::test]
async fn what_spin_does_not_have_is_found_before_it_is_served() {
    let app = App::new()
        .component("mailer", guest("relay"))
        .route("/send/...")
        .grant("allowed_outbound_hosts = [\"http://mail.queue.internal\"]")
        .grant("sqlite_databases = [\"default\"]")
        .limit("consumes = [{ queue = \"mail\" }]")
        .limit("schedules = [{ name = \"digest\", cron = \"@daily\" }]")
        .section("[application.tool.terrace]\noutbox = [\"default\"]");
    let checked = app.check().await;
    assert_eq!(checked.code, Some(0), "{}", checked.text);
    let for_spin = ["check", "--from", "spin.toml", "--target", "spin"];
    let checked = process::run(app.folder(), &for_spin).await;
    assert_eq!(checked.code, Some(exit::USAGE), "{}", checked.text);
    for words in [
        "nobody delivers the messages of `mail`",
        "nobody fires `digest`",
        "the events of the database `default` stay in their table",
        "what component `mailer` sends to them is an error",
    ] {
        assert!(
            checked.text.contains(words),
            "no `{words}` in {}",
            checked.text
        );
    }
}

/// A function that uses WASI only is served as the page on targets says.
#[tokio::test]
async fn wasmtime_serves_a_function_that_uses_wasi_only() {
    let Some(wasmtime) = wasmtime() else {
        return not_run(
            "hello on wasmtime",
            "put `wasmtime` on the PATH, or name it in WASMTIME_BIN",
        );
    };
    let component = guest("hello");
    let component = component.to_str().expect("its path is text");
    let folder = tempfile::tempdir().expect("a test has room for a folder");
    let arguments = [
        "serve",
        "-Sp3,cli",
        "-Wcomponent-model-async",
        "--addr",
        "127.0.0.1:0",
        component,
    ];
    let process = Process::start_group(&wasmtime, folder.path(), &arguments, &[]);
    let served = Served::ready(process, " on ").await;
    let get = request(
        http::Method::GET,
        &format!("{}/hello", served.http),
        &[],
        "",
    );
    let answer = Client::default().send(get).await.expect(200);
    assert_eq!(answer.text().trim_end(), "Hello from Terrace");
}

/// Conduit is served below `/api`, as its mount in the root manifest has it.
async fn the_whole_api_holds(served: &Served) {
    let api = Api::new(&format!("{}/api", served.http));
    all_hold(api, realworld::claims(), Some(&served.process.log)).await;
}
