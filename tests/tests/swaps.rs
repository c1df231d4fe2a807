//! Promise: `terrace dev` follows everything that an app is made from, and swaps it in without a failed request.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use terrace_tests::contract::{EVENT_BUILD_FAILED, EVENT_SWAPPED};
use terrace_tests::wait::{until, within};
use terrace_tests::{Answer, App, Running, guest};

const REQUESTS: usize = 10_000;
const SWAPS: usize = 100;
const CLIENTS: usize = 16;

/// An app whose build copies a component into place, so that a swap takes no compiler; the marker file is what is
/// watched and, as the environment of a guest cannot change, only the component tells the builds apart.
async fn start(first: &str) -> Running {
    let app = App::new();
    let source = app.folder().join("built.wasm");
    std::fs::copy(guest(first), &source).expect("a test's own folder can be written");
    let build = "[component.swapped.build]\ncommand = \"sh build.sh\"\nwatch = [\"build.sh\"]";
    let app = app
        .component("swapped", "built.wasm")
        .route("/...")
        .section(build);
    app.file("build.sh", script(first)).develop().await
}

fn script(name: &str) -> String {
    format!(
        "set -e\ncp {:?} built.new\nmv built.new built.wasm\n",
        guest(name)
    )
}

fn rebuild_as(folder: &Path, script: &str) {
    // Written aside and moved, as editors do: the watcher never sees half a file.
    let aside = folder.join("build.sh.new");
    std::fs::write(&aside, script).expect("a test's own folder can be written");
    std::fs::rename(aside, folder.join("build.sh")).expect("a test's own folder can be written");
}

/// Swaps between two components that answer `/concurrent/1` alike and differ in their WASI version.
#[tokio::test]
async fn ten_thousand_requests_across_a_hundred_swaps_all_succeed() {
    let app = start("faults-p3").await;
    let done = AtomicBool::new(false);
    let served = AtomicUsize::new(0);
    let swapping = async {
        for swap in 0..SWAPS {
            let before = swaps_logged(&app);
            rebuild_as(
                app.app().folder(),
                &script(["faults-p2", "faults-p3"][swap % 2]),
            );
            until("the swap", async || {
                (swaps_logged(&app) > before).then_some(())
            })
            .await;
        }
        done.store(true, Ordering::SeqCst);
    };
    let calling = terrace_tests::load::at_once(CLIENTS, |_| async {
        while !done.load(Ordering::SeqCst) || served.load(Ordering::Relaxed) < REQUESTS {
            assert_eq!(app.get("/ok").await.expect(200).text(), "ok");
            served.fetch_add(1, Ordering::Relaxed);
        }
    });
    tokio::join!(swapping, calling);
    assert!(served.load(Ordering::Relaxed) >= REQUESTS);
}

fn swaps_logged(app: &Running) -> usize {
    let mark = format!("\"{EVENT_SWAPPED}\"");
    app.process
        .log
        .text()
        .lines()
        .filter(|line| line.contains(&mark))
        .count()
}

#[tokio::test]
async fn a_request_under_way_is_finished_by_the_build_that_began_it() {
    let app = start("faults-p3").await;
    let client = app.client.clone();
    let url = app.url("/sleep/2000");
    let request = terrace_tests::client::request(http::Method::GET, &url, &[], "");
    let slow = tokio::spawn(async move { client.send(request).await });
    app.until_metric(terrace_tests::contract::metric::IN_FLIGHT, &[], |count| {
        count >= 1.0
    })
    .await;
    rebuild_as(app.app().folder(), &script("faults-p2"));
    app.process.log.event(EVENT_SWAPPED, |_| true).await;
    assert_eq!(slow.await.expect("no panic").expect(200).text(), "slept");
}

#[tokio::test]
async fn a_failed_build_keeps_the_last_good_one_and_shows_why() {
    let app = start("faults-p3").await;
    rebuild_as(app.app().folder(), "echo 'error: the reason' >&2\nexit 1\n");
    app.process.log.event(EVENT_BUILD_FAILED, |_| true).await;
    app.process
        .log
        .find("the compiler's words", |line| {
            line.contains("the reason").then_some(())
        })
        .await;
    app.get("/ok").await.expect(200);
    rebuild_as(app.app().folder(), &script("faults-p2"));
    app.process.log.event(EVENT_SWAPPED, |_| true).await;
    app.get("/ok").await.expect(200);
}

#[tokio::test]
async fn a_build_that_gives_no_component_keeps_the_last_good_one() {
    let app = start("faults-p3").await;
    rebuild_as(app.app().folder(), "echo nonsense > built.wasm\n");
    app.process.log.event(EVENT_BUILD_FAILED, |_| true).await;
    app.get("/ok").await.expect(200);
}

#[tokio::test]
async fn what_was_stored_before_a_swap_is_forgotten() {
    let app = start("faults-p3").await;
    let path = "/with?cache-control=max-age%3D60";
    app.get(path).await.expect(200);
    assert!(app.get(path).await.expect(200).is_hit());
    rebuild_as(app.app().folder(), &script("faults-p2"));
    app.process.log.event(EVENT_SWAPPED, |_| true).await;
    assert!(!app.get(path).await.expect(200).is_hit());
}

/// What changes of a folder that is watched are tried with.
const SOURCES: &str = "parts/sources";

/// As [`start`], with a folder that is watched.
async fn start_with_folder() -> Running {
    let app = App::new();
    let folder = app.folder().to_owned();
    std::fs::copy(guest("faults-p3"), folder.join("built.wasm")).expect("there is room");
    make(&folder.join(SOURCES), "faults-p3");
    let build = format!(
        "[component.swapped.build]\ncommand = \"sh {SOURCES}/build.sh\"\nwatch = [\"{SOURCES}/*.sh\"]"
    );
    app.component("swapped", "built.wasm")
        .route("/...")
        .section(&build)
        .develop()
        .await
}

/// A folder with a script that builds the guest of that name.
fn make(folder: &Path, name: &str) {
    std::fs::create_dir_all(folder).expect("there is room");
    std::fs::write(folder.join("build.sh"), script(name)).expect("there is room");
}

/// Waits for the next swap after `change`.
async fn swaps_after(app: &Running, what: &str, change: impl FnOnce()) {
    let before = swaps_logged(app);
    change();
    until(what, async || (swaps_logged(app) > before).then_some(())).await;
}

/// Generators, branch switches and people with two checkouts do this.
#[tokio::test]
async fn a_watched_folder_that_was_replaced_is_still_followed() {
    let app = start_with_folder().await;
    let folder = app.app().folder().join(SOURCES);
    let other = app.app().folder().join("other");
    std::fs::remove_dir_all(&folder).expect("it is there");
    // Without its script the build fails, and then there is nothing left to watch.
    app.process.log.event(EVENT_BUILD_FAILED, |_| true).await;
    swaps_after(&app, "the folder is made again", || {
        make(&folder, "faults-p2");
    })
    .await;
    swaps_after(&app, "a change in the new folder", || {
        make(&folder, "faults-p3");
    })
    .await;
    swaps_after(&app, "another folder takes its name", || {
        make(&other, "faults-p2");
        std::fs::rename(&folder, app.app().folder().join("old")).expect("it is there");
        std::fs::rename(&other, &folder).expect("it is there");
    })
    .await;
    swaps_after(&app, "a link takes its name", || {
        make(&other, "faults-p3");
        std::fs::remove_dir_all(&folder).expect("it is there");
        std::os::unix::fs::symlink(&other, &folder).expect("there is room");
    })
    .await;
    swaps_after(&app, "a change where the link leads", || {
        make(&other, "faults-p2");
    })
    .await;
}

/// Writes a file aside and moves it into place, so that it is replaced and not changed.
fn replace(file: &Path, text: &str) {
    let aside = file.with_extension("new");
    std::fs::write(&aside, text).expect("there is room");
    std::fs::rename(aside, file).expect("there is room");
}

/// Waits until the function finds this text in that file.
async fn until_read(get: impl AsyncFn(String) -> Answer, file: &str, text: &str) {
    until(&format!("{file} with {text}"), async || {
        let answer = get(format!("/files?read={file}")).await;
        (answer.text() == text).then_some(())
    })
    .await;
}

#[tokio::test]
async fn mounted_files_that_come_go_or_are_replaced_are_seen_without_a_restart() {
    let app = App::of("faults-p3").file("public/a.txt", "first");
    let app = app.file("notes/one.txt", "one");
    let app = app
        .grant("files = [{ source = \"public\", destination = \"/\" }, \"notes/*.txt\"]")
        .develop()
        .await;
    let folder = app.app().folder().to_owned();
    let get = async |path: String| app.get(&path).await;
    assert_eq!(get("/files?read=/a.txt".to_owned()).await.text(), "first");
    replace(&folder.join("public/a.txt"), "second");
    until_read(get, "/a.txt", "second").await;
    std::fs::create_dir(folder.join("public/deep")).expect("there is room");
    replace(&folder.join("public/deep/b.txt"), "new");
    until_read(get, "/deep/b.txt", "new").await;
    replace(&folder.join("notes/two.txt"), "two");
    until_read(get, "/notes/two.txt", "two").await;
    std::fs::remove_file(folder.join("public/a.txt")).expect("it is there");
    until("the removed file is gone", async || {
        let list = app.get("/files?list=/").await.expect(200).text();
        (list == "deep\nnotes").then_some(())
    })
    .await;
}

/// An app whose build copies `text.txt` into a mounted folder.
fn copying() -> App {
    let script = "set -e\ncp text.txt copy.$$\nmv copy.$$ public/copied.txt\n";
    let app = App::of("faults-p3").file("copy.sh", script);
    let app = app.file("text.txt", "first").file("public/a.txt", "a");
    app.grant("files = [{ source = \"public\", destination = \"/\" }]")
        .section("[component.faults-p3.build]\ncommand = \"sh copy.sh\"\nwatch = [\"text.txt\"]")
}

#[tokio::test]
async fn two_sessions_in_one_folder_both_follow_it() {
    let app = copying();
    let first = app.develop_beside().await;
    let second = app.develop_beside().await;
    for text in ["second", "third"] {
        replace(&app.folder().join("text.txt"), text);
        for session in [&first, &second] {
            until_read(async |path| session.get(&path).await, "/copied.txt", text).await;
        }
    }
}

#[tokio::test]
async fn a_second_session_at_the_same_address_is_refused_with_what_to_do() {
    let app = copying();
    let first = app.develop_beside().await;
    let address = first.http.trim_start_matches("http://");
    let arguments = ["dev", "--state-dir", "state", "--listen", address];
    let ended = terrace_tests::process::run(app.folder(), &arguments).await;
    assert_eq!(ended.code, Some(1), "{}", ended.text);
    assert!(ended.text.contains(address), "{}", ended.text);
    assert!(ended.text.contains("--listen"), "{}", ended.text);
}

#[tokio::test]
async fn a_build_that_fails_while_another_is_running_is_reported_and_stops_neither() {
    let folder_of = |id: &str| format!("watch = [\"{id}.sh\"]\ncommand = \"sh {id}.sh\"");
    let sections = ["slow", "other"].map(|id| format!("[component.{id}.build]\n{}", folder_of(id)));
    let app = App::new().file("slow.sh", "").file("other.sh", "");
    let app = app.component("slow", guest("faults-p3")).route("/slow/...");
    let app = app.component("other", guest("faults-p3")).route("/...");
    let app = app.section(&sections.join("\n")).develop().await;
    let folder = app.app().folder().to_owned();
    let log = &app.process.log;
    let made = std::process::Command::new("mkfifo")
        .arg(folder.join("gate"))
        .status();
    assert!(made.expect("mkfifo is there").success());
    replace(
        &folder.join("slow.sh"),
        "echo at the gate > reached\nread line < gate\n",
    );
    until("the slow build", async || {
        folder.join("reached").exists().then_some(())
    })
    .await;
    replace(&folder.join("other.sh"), "echo the reason >&2\nexit 1\n");
    // Opening it waits for the build to read it.
    let gate = tokio::task::spawn_blocking(move || std::fs::write(folder.join("gate"), "go\n"));
    within("the gate", gate)
        .await
        .expect("no panic")
        .expect("the build reads it");
    let failed = log
        .event(EVENT_BUILD_FAILED, |event| event["component"] == "other")
        .await;
    assert!(
        failed["message"]
            .as_str()
            .is_some_and(|text| text.contains("the reason"))
    );
    app.get("/ok").await.expect(200);
    let folder = app.app().folder();
    replace(&folder.join("other.sh"), "echo mended > mended\n");
    until("the mended build", async || {
        folder.join("mended").exists().then_some(())
    })
    .await;
}
