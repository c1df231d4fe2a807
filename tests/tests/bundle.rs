//! Promise: one file has all of an app, every byte of it is checked, and a newer one is swapped in without a failed request.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use http::{Method, Request};
use serde_json::Value;
use terrace_tests::client::{Client, Content, request};
use terrace_tests::contract::{EVENT_BUNDLE_REFUSED, EVENT_BUNDLE_SERVED, exit};
use terrace_tests::load::at_once;
use terrace_tests::process::binary;
use terrace_tests::realworld::conversation;
use terrace_tests::{App, Running, guest};

/// Two keys of the tests: private in PEM, public as in the settings (RFC 8032 §7.1).
const KEY: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g
-----END PRIVATE KEY-----
";
const PUBLIC: &str = "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
const OTHER_PUBLIC: &str = "MCowBQYDK2VwAyEAPUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=";

const SWAPS: usize = 4;
/// Clients that call at once: so few that no server has too much to do, however busy its machine is.
const CLIENTS: usize = 8;

/// An app with files of all kinds, which tells its `text`. Its components are in its folder.
fn app(text: &str) -> App {
    let wasm = |name| fs::read(guest(name)).expect("the guest can be read");
    App::new()
        .file("parts/faults.wasm", wasm("faults-p3"))
        .file("parts/slugs.wasm", wasm("slugs-double"))
        .file("parts/permalinks.wasm", wasm("permalinks"))
        .file("public/text.txt", text)
        .file("public/empty/.keep", "")
        .file(
            "migrations/0001_notes.sql",
            "CREATE TABLE notes (note TEXT);",
        )
        .component("faults", "parts/faults.wasm")
        .route("/...")
        .grant("files = [{ source = \"public\", destination = \"/\" }]")
        .grant("sqlite_databases = [\"default\"]")
        .component("permalinks", "parts/permalinks.wasm")
        .route("/permalinks")
        .grant("dependencies = { \"terrace:text/slugs\" = { path = \"parts/slugs.wasm\" } }")
        .section("[application.tool.terrace.migrations]\ndefault = \"migrations\"")
}

/// Makes a bundle of it.
async fn bundle(app: &App, output: &Path, more: &[&str]) {
    let output = output.to_str().expect("a path of a test is text");
    let ended = app
        .run(&[&["bundle", "--output", output], more].concat())
        .await;
    assert_eq!(ended.code, Some(exit::FINE), "{}", ended.text);
}

/// Puts a bundle of it into the folder, as one copies a file aside and moves it into place.
async fn release(app: &App, folder: &Path, name: &str, more: &[&str]) {
    let aside = app.folder().join(name);
    bundle(app, &aside, more).await;
    put(&fs::read(aside).expect("it was made"), folder, name);
}

fn put(bytes: &[u8], folder: &Path, name: &str) {
    let aside = folder.join("arriving");
    fs::write(&aside, bytes).expect("there is room");
    fs::rename(aside, folder.join(name)).expect("there is room");
}

/// A folder for bundles, with the settings for those that are served from it.
fn releases(node: &App, settings: &str) -> PathBuf {
    let folder = node.folder().join("releases");
    fs::create_dir(&folder).expect("there is room");
    fs::write(folder.join("terrace.toml"), settings).expect("there is room");
    folder
}

/// A server that follows a folder, which has one bundle.
async fn following(first: &App, settings: &str, more: &[&str]) -> (Running, PathBuf) {
    let node = App::new();
    let folder = releases(&node, settings);
    release(first, &folder, "first.terrace", more).await;
    let served = node.served_from(&folder).start().await;
    (served, folder)
}

async fn text(served: &Running) -> String {
    served.get("/files?read=/text.txt").await.expect(200).text()
}

/// Waits until it serves the bundle of that name.
async fn until_served(served: &Running, name: &str) {
    let is_it = |event: &Value| {
        event["file"]
            .as_str()
            .is_some_and(|file| file.ends_with(name))
    };
    served.process.log.event(EVENT_BUNDLE_SERVED, is_it).await;
}

/// Waits until it has refused the bundle of that name, and gives the reason.
async fn refusal(served: &Running, name: &str) -> String {
    let is_it = |event: &Value| {
        event["file"]
            .as_str()
            .is_some_and(|file| file.ends_with(name))
    };
    let event = served.process.log.event(EVENT_BUNDLE_REFUSED, is_it).await;
    event["message"].as_str().expect("it says why").to_owned()
}

#[tokio::test]
async fn a_bundle_serves_what_its_folder_serves() {
    let app = app("hello");
    let file = app.folder().join("app.terrace");
    bundle(&app, &file, &[]).await;
    let node = App::new().served_from(&file).start().await;
    let folder = app.start().await;
    for path in [
        "/ok",
        "/files?read=/text.txt",
        "/files?list=/",
        "/files?list=/empty",
        "/permalinks?title=one",
    ] {
        let (one, other) = (folder.get(path).await, node.get(path).await);
        assert_eq!(one.expect(200).text(), other.expect(200).text(), "{path}");
    }
    let left = fs::read_dir(node.app().state().join("bundles")).expect("it was unpacked there");
    assert_eq!(left.count(), 0, "what is loaded needs its files no more");
    let rows = node
        .app()
        .sql(&["exec", "SELECT count(*) AS number FROM notes"])
        .await;
    assert!(
        rows.text.contains("number"),
        "its migrations are applied: {}",
        rows.text
    );
}

#[tokio::test]
async fn a_list_has_all_files_of_a_bundle() {
    let app = app("hello").file("sign.pem", KEY);
    let file = app.folder().join("app.terrace");
    bundle(&app, &file, &["--sign", "sign.pem"]).await;
    let ended = app
        .run(&["bundle", "--list", "app.terrace", "--json"])
        .await;
    let list: Value = serde_json::from_str(&ended.text).expect("it is one object");
    let files = list["files"].as_array().expect("there are files").iter();
    let paths: Vec<_> = files
        .map(|file| file["path"].as_str().expect("it has a path"))
        .collect();
    let expected = [
        "migrations/0001_notes.sql",
        "parts/faults.wasm",
        "parts/permalinks.wasm",
        "parts/slugs.wasm",
        "public/empty/.keep",
        "public/text.txt",
        "spin.toml",
    ];
    assert_eq!(paths, expected);
    assert_eq!(
        (&list["app"], &list["signer"]),
        (&"tested".into(), &PUBLIC.into())
    );
    let ended = app.run(&["bundle", "--list", "app.terrace"]).await;
    assert!(
        ended.text.contains(PUBLIC) && ended.text.contains("public/text.txt"),
        "{}",
        ended.text
    );
    let checked = app.run(&["check", "--from", "app.terrace"]).await;
    assert_eq!(checked.code, Some(exit::FINE), "{}", checked.text);
}

#[tokio::test]
async fn migrations_of_a_bundle_are_applied_by_command() {
    let app = app("hello");
    let file = app.folder().join("app.terrace");
    bundle(&app, &file, &[]).await;
    let from = ["--from", "app.terrace", "--state-dir", "state"];
    let migrate = async |more: &[&str]| {
        app.run(&[&["sql", "migrate"], &from[..], more].concat())
            .await
    };
    let shown = migrate(&["--dry-run"]).await;
    assert!(shown.text.contains("0001_notes.sql"), "{}", shown.text);
    let applied = migrate(&[]).await;
    assert_eq!(applied.code, Some(exit::FINE), "{}", applied.text);
    let rows = app
        .sql(&["exec", "SELECT count(*) AS number FROM notes"])
        .await;
    assert!(rows.text.contains("number"), "{}", rows.text);
    fs::write(&file, "no bundle").expect("there is room");
    assert_eq!(migrate(&[]).await.code, Some(exit::USAGE));
}

fn git(folder: &Path, arguments: &[&str]) {
    let run = Command::new("git")
        .args([
            "-c",
            "user.name=tests",
            "-c",
            "user.email=tests@localhost",
            "-c",
            "core.autocrlf=false",
        ])
        .args(arguments)
        .current_dir(folder)
        .output();
    let run = run.expect("git is there");
    assert!(
        run.status.success(),
        "{}",
        String::from_utf8_lossy(&run.stderr)
    );
}

#[tokio::test]
async fn the_same_app_gives_the_same_bytes_on_every_machine() {
    let app = app("hello");
    // Writes the manifest.
    app.run(&["check"]).await;
    git(app.folder(), &["init", "--quiet"]);
    git(
        app.folder(),
        &["add", "parts", "public", "migrations", "spin.toml"],
    );
    git(app.folder(), &["commit", "--quiet", "--message", "first"]);
    let bundles = App::new();
    let mut made = Vec::new();
    for (name, umask) in [("one", "022"), ("another/place", "077")] {
        let clone = bundles.folder().join(name);
        fs::create_dir_all(&clone).expect("there is room");
        let source = app.folder().to_str().expect("a path of a test is text");
        git(&clone, &["clone", "--quiet", source, "."]);
        let run = Command::new("sh")
            .args([
                "-c",
                &format!("umask {umask}; touch -d @{umask}00000 parts/*; exec \"$0\" bundle"),
            ])
            .arg(binary())
            .current_dir(&clone)
            .output();
        let run = run.expect("it runs");
        assert!(
            run.status.success(),
            "{}",
            String::from_utf8_lossy(&run.stderr)
        );
        made.push(fs::read(clone.join("app.terrace")).expect("it was made"));
    }
    assert!(made[0] == made[1]);
    let clone = bundles.folder().join("one");
    let commit = async || {
        let ended = terrace_tests::process::run(&clone, &["bundle"]).await;
        assert_eq!(ended.code, Some(exit::FINE), "{}", ended.text);
        let ended =
            terrace_tests::process::run(&clone, &["bundle", "--list", "app.terrace", "--json"])
                .await;
        let list: Value = serde_json::from_str(&ended.text).expect("it is one object");
        list["commit"]
            .as_str()
            .expect("there is a commit")
            .to_owned()
    };
    assert_eq!(commit().await.len(), 40);
    fs::write(clone.join("public/text.txt"), "changed").expect("there is room");
    assert!(commit().await.ends_with("-dirty"));
}

#[tokio::test]
async fn an_app_that_names_files_elsewhere_is_bundled_or_refused() {
    let wasm = fs::read(guest("faults-p3")).expect("the guest can be read");
    let manifest = |source: &str| {
        format!(
            "spin_manifest_version = 2\napplication = {{ name = \"shop\" }}\n[[trigger.http]]\nroute = \"/...\"\ncomponent = \"a\"\n[component.a]\nsource = {source:?}\n"
        )
    };
    let app = App::new()
        .file("target/a.wasm", wasm)
        .file("shop/spin.toml", manifest("../target/a.wasm"));
    let file = app.folder().join("app.terrace");
    bundle(&app, &file, &["--from", "shop/spin.toml"]).await;
    let node = App::new().served_from(&file).start().await;
    assert_eq!(node.get("/ok").await.expect(200).text(), "ok");
    let absolute = app.folder().join("target/a.wasm");
    let app = app.file(
        "shop/spin.toml",
        manifest(absolute.to_str().expect("it is text")),
    );
    for from in ["shop".into(), app.folder().join("shop")] {
        let from: PathBuf = from;
        let from = from.to_str().expect("it is text");
        let ended = app.run(&["bundle", "--from", from]).await;
        assert_eq!(ended.code, Some(exit::USAGE), "{}", ended.text);
        assert!(ended.text.contains("absolute path"), "{}", ended.text);
    }
}

#[tokio::test]
async fn a_newer_bundle_is_swapped_in_under_load_without_a_failed_request() {
    let (served, folder) = following(&app("0"), "", &[]).await;
    let url = served.url("/files?read=/text.txt");
    let read = |_| request(Method::GET, &url, &[], "");
    meanwhile(read, async {
        for swap in 1..=SWAPS {
            let name = format!("{swap}.terrace");
            release(&app(&swap.to_string()), &folder, &name, &[]).await;
            until_served(&served, &name).await;
            // A request that begins now is answered by the new one.
            assert_eq!(text(&served).await, swap.to_string());
        }
    })
    .await;
}

/// Has clients call without a pause while something is done. Each answer is to be fine.
async fn meanwhile(call: impl Fn(usize) -> Request<Content>, work: impl Future<Output = ()>) {
    let (done, sent) = (AtomicBool::new(false), AtomicUsize::new(0));
    let client = Client::default();
    let working = async {
        work.await;
        done.store(true, Ordering::SeqCst);
    };
    let calling = at_once(CLIENTS, |_| async {
        while !done.load(Ordering::SeqCst) {
            let index = sent.fetch_add(1, Ordering::SeqCst);
            let answer = client.send(call(index)).await;
            assert!(answer.status < 400, "{answer:?}");
        }
    });
    tokio::join!(working, calling);
    assert!(sent.into_inner() > CLIENTS * SWAPS);
}

/// Conduit, whose versions differ in what they say of themselves.
fn conduit(version: usize) -> App {
    let wasm = fs::read(guest("conduit")).expect("the guest can be read");
    App::new()
        .file("conduit.wasm", wasm)
        .component("conduit", "conduit.wasm")
        .route("/api/...")
        .grant("sqlite_databases = [\"default\"]")
        .grant("variables = { jwt_secret = \"{{ jwt_secret }}\" }")
        .section("[variables]\njwt_secret = { required = true, secret = true }")
        .section("[[trigger.http]]\nroute = \"/version\"")
        .section(&format!("static_response = {{ body = \"{version}\" }}"))
}

#[tokio::test]
async fn users_of_conduit_read_and_write_while_it_is_deployed_and_rolled_back() {
    let node = App::new().environment(
        "SPIN_VARIABLE_JWT_SECRET",
        "a secret of the tests, long enough to sign with",
    );
    let folder = releases(&node, "");
    release(&conduit(0), &folder, "0.terrace", &[]).await;
    let served = node.served_from(&folder).start().await;
    let call = conversation(&served.url("/api")).await;
    meanwhile(call, async {
        for version in 1..=SWAPS {
            let name = format!("{version}.terrace");
            release(&conduit(version), &folder, &name, &[]).await;
            until_version(&served, version).await;
            if version % 2 == 0 {
                fs::remove_file(folder.join(name)).expect("it is there");
                until_version(&served, version - 1).await;
            }
        }
    })
    .await;
}

async fn until_version(served: &Running, version: usize) {
    terrace_tests::wait::until(&format!("version {version}"), async || {
        let answer = served.get("/version").await.expect(200);
        (answer.text() == version.to_string()).then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_bundle_before_is_served_again_when_the_newest_one_is_removed() {
    let (served, folder) = following(&app("one"), "", &[]).await;
    release(&app("two"), &folder, "second.terrace", &[]).await;
    until_served(&served, "second.terrace").await;
    assert_eq!(text(&served).await, "two");
    let before = served.process.log.text().matches("first.terrace").count();
    fs::remove_file(folder.join("second.terrace")).expect("it is there");
    terrace_tests::wait::until("the first bundle", async || {
        (served.process.log.text().matches("first.terrace").count() > before).then_some(())
    })
    .await;
    assert_eq!(text(&served).await, "one");
    fs::remove_file(folder.join("first.terrace")).expect("it is there");
    release(&app("three"), &folder, "third.terrace", &[]).await;
    until_served(&served, "third.terrace").await;
}

/// Bytes that are no bundle for a server that trusts a key, each with a name and with what the server says.
async fn bad_bytes(good: &[u8]) -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let mut flipped = good.to_vec();
    flipped[good.len() / 2] ^= 1;
    let format = b"\"format\": 1";
    let place = good.windows(format.len()).position(|bytes| bytes == format);
    let mut newer = good.to_vec();
    newer[place.expect("the index names the format") + format.len() - 1] = b'9';
    let unsigned = app("bad");
    let file = unsigned.folder().join("app.terrace");
    bundle(&unsigned, &file, &[]).await;
    let unsigned = fs::read(file).expect("it was made");
    vec![
        ("cut", good[..good.len() - 700].to_vec(), "bytes long"),
        ("empty", Vec::new(), "cut short"),
        ("noise", b"noise".repeat(1000), "is not a bundle"),
        ("flipped", flipped, "is not as it was"),
        ("newer", newer, "another version of Terrace"),
        ("unsigned", unsigned, "not signed"),
    ]
}

/// Apps that a server of [`app`] cannot serve, each with a name and with what the server says.
fn unfit_apps() -> Vec<(&'static str, App, &'static str)> {
    let changed = "CREATE TABLE changed (a);";
    let more = "CREATE TABLE more (more TEXT);";
    let variable = "[variables]\nneeded = { required = true }";
    let broken = app("bad").file("parts/faults.wasm", "no component");
    vec![
        (
            "another",
            app("bad").named("bank"),
            "this server serves `tested`",
        ),
        (
            "label",
            app("bad").grant("key_value_stores = [\"other\"]"),
            "other",
        ),
        ("variable", app("bad").section(variable), "needed"),
        (
            "memory",
            app("bad").limit("memory = \"1GiB\""),
            "terrace up --take-over",
        ),
        // Its migration must not be applied.
        (
            "component",
            broken.file("migrations/0002_more.sql", more),
            "component `faults`",
        ),
        (
            "migration",
            app("bad").file("migrations/0001_notes.sql", changed),
            "was changed after it was applied",
        ),
    ]
}

#[tokio::test]
async fn a_bad_bundle_is_refused_with_the_reason_and_changes_nothing() {
    let first = app("one").file("sign.pem", KEY);
    let settings = format!("[deploy]\ntrusted_keys = [{OTHER_PUBLIC:?}, {PUBLIC:?}]\n");
    let (served, folder) = following(&first, &settings, &["--sign", "sign.pem"]).await;
    let good = fs::read(folder.join("first.terrace")).expect("it is there");
    let mut bad = bad_bytes(&good).await;
    for (name, app, reason) in unfit_apps() {
        let (app, file) = (app.file("sign.pem", KEY), format!("{name}.new"));
        let file = app.folder().join(file);
        bundle(&app, &file, &["--sign", "sign.pem"]).await;
        bad.push((name, fs::read(file).expect("it was made"), reason));
    }
    for (name, bytes, reason) in bad {
        let file = format!("{name}.terrace");
        put(&bytes, &folder, &file);
        let said = refusal(&served, &file).await;
        assert!(said.contains(reason), "{name}: {said}");
        assert!(
            said.contains(&file) && !said.contains("state/bundles"),
            "{name}: {said}"
        );
        assert_eq!(text(&served).await, "one", "{name}");
    }
    let rows = served.app().sql(&["exec", "SELECT * FROM more"]).await;
    assert!(rows.text.contains("no such table"), "{}", rows.text);
    // These two are for another process, and the next one will be one.
    for name in ["another", "memory"] {
        fs::remove_file(folder.join(name).with_extension("terrace")).expect("it is there");
    }
    // The newest that is fit to be served is, also after a restart.
    let served = served.restart().await;
    assert_eq!(text(&served).await, "one");
    assert!(served.process.log.text().contains(EVENT_BUNDLE_REFUSED));
    release(
        &app("two").file("sign.pem", KEY),
        &folder,
        "second.terrace",
        &["--sign", "sign.pem"],
    )
    .await;
    until_served(&served, "second.terrace").await;
    assert_eq!(text(&served).await, "two");
}

#[tokio::test]
async fn a_server_does_not_start_from_a_bad_bundle() {
    let made = app("one").file("sign.pem", KEY);
    let file = made.folder().join("app.terrace");
    bundle(&made, &file, &["--sign", "sign.pem"]).await;
    let good = fs::read(&file).expect("it was made");
    let settings = format!("[deploy]\ntrusted_keys = [{OTHER_PUBLIC:?}]\n");
    for (settings, bytes, reason) in [
        ("", &good[..good.len() / 2], "bytes long"),
        ("", &good[..100], "cut short"),
        (&settings, &good[..], "is not in `trusted_keys`"),
        ("[deploy]\ntrusted_keys = []", &good[..], "names no key"),
        ("[deploy]\ntrusted_keys = [\"key\"]", &good[..], "openssl"),
    ] {
        let node = App::new();
        let folder = releases(&node, settings);
        put(bytes, &folder, "app.terrace");
        let node = node.served_from(&folder.join("app.terrace"));
        let ended = node.refuse().await;
        assert_eq!(ended.code, Some(exit::USAGE), "{}", ended.text);
        assert!(ended.text.contains(reason), "{reason}: {}", ended.text);
        assert!(!node.state().join("default.db").exists(), "{reason}");
    }
}

#[tokio::test]
async fn a_bundle_that_is_not_there_is_said_to_be_missing() {
    let app = app("one");
    fs::create_dir(app.folder().join("none")).expect("there is room");
    for from in ["missing.terrace", "none"] {
        let ended = app.run(&["up", "--from", from]).await;
        assert_eq!(ended.code, Some(exit::USAGE), "{}", ended.text);
        assert!(ended.text.contains("cannot be read"), "{}", ended.text);
        assert!(
            ended.text.contains("the bundle with `--from`"),
            "{}",
            ended.text
        );
    }
    bundle(&app, &app.folder().join("app.terrace"), &[]).await;
    let ended = app.run(&["build", "--from", "app.terrace"]).await;
    assert_eq!(ended.code, Some(exit::USAGE), "{}", ended.text);
    assert!(ended.text.contains("is a bundle"), "{}", ended.text);
}

#[tokio::test]
async fn a_server_with_trusted_keys_takes_nothing_but_signed_bundles() {
    let settings = format!("[deploy]\ntrusted_keys = [{PUBLIC:?}]\n");
    let app = app("one").config(&settings);
    let ended = app.refuse().await;
    assert_eq!(ended.code, Some(exit::USAGE), "{}", ended.text);
    assert!(
        ended.text.contains("terrace bundle --sign"),
        "{}",
        ended.text
    );
}

#[tokio::test]
async fn processes_that_serve_one_bundle_do_not_get_in_each_others_way() {
    let made = app("one");
    let file = made.folder().join("app.terrace");
    bundle(&made, &file, &[]).await;
    let node = App::new().served_from(&file);
    // One that was killed while it unpacked has left this.
    let torn = node.state().join("bundles/0123456789abcdef");
    fs::create_dir_all(torn.join("parts")).expect("there is room");
    fs::write(torn.join("spin.toml"), "spin_mani").expect("there is room");
    fs::write(torn.with_extension("lock"), "").expect("there is room");
    let started = futures::future::join_all((0..4).map(|_| node.start_beside())).await;
    for server in &started {
        let answer = server.get("/files?read=/text.txt").await;
        assert_eq!(answer.expect(200).text(), "one");
    }
    assert!(!torn.exists());
}
