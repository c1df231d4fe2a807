//! Promise: bad artefacts, manifests and surroundings get a clear answer and lose nothing.

use std::os::unix::fs::PermissionsExt;

use terrace_tests::artefact::Unusable;
use terrace_tests::contract::exit;
use terrace_tests::process::Ended;
use terrace_tests::{App, guest};

/// Asserts the exit code and that the message has all of `words`, whatever their case.
#[track_caller]
fn says(ended: &Ended, code: i32, words: &[&str]) {
    assert_eq!(ended.code, Some(code), "{}", ended.text);
    let text = ended.text.to_lowercase();
    for word in words {
        assert!(
            text.contains(&word.to_lowercase()),
            "no `{word}` in: {}",
            ended.text
        );
    }
    assert!(!text.contains("panicked"), "{}", ended.text);
}

/// Starts an app whose component is this file; it must be refused with these words.
async fn check_unusable(unusable: Unusable, words: &[&str]) {
    let app = App::new();
    let source = unusable.write(app.folder());
    let app = app.component("broken", &source).route("/...");
    let ended = app.refuse().await;
    says(&ended, exit::USAGE, words);
    says(&ended, exit::USAGE, &["broken", "unusable.wasm"]);
}

#[tokio::test]
async fn a_missing_component_is_named_with_its_path() {
    let app = App::new().component("absent", "nowhere.wasm").route("/...");
    says(
        &app.refuse().await,
        exit::USAGE,
        &["absent", "nowhere.wasm"],
    );
}

#[tokio::test]
async fn a_core_module_is_told_from_a_component() {
    check_unusable(Unusable::CoreModule, &["core module", "component"]).await;
}

#[tokio::test]
async fn a_component_without_a_handler_is_told_what_is_expected() {
    check_unusable(
        Unusable::NoHandler,
        &["wasi:http/handler", "wasi:http/incoming-handler"],
    )
    .await;
}

#[tokio::test]
async fn a_component_with_two_handlers_is_told_which() {
    check_unusable(
        Unusable::TwoHandlers,
        &["wasi:http/handler@0.3", "wasi:http/incoming-handler@0.2"],
    )
    .await;
}

#[tokio::test]
async fn a_truncated_component_is_refused() {
    check_unusable(Unusable::Truncated, &[]).await;
}

#[tokio::test]
async fn bytes_that_are_no_webassembly_are_refused() {
    check_unusable(Unusable::Noise, &["webassembly"]).await;
}

#[tokio::test]
async fn an_empty_file_is_refused() {
    check_unusable(Unusable::Empty, &["empty"]).await;
}

#[tokio::test]
async fn a_missing_manifest_is_named() {
    let folder = tempfile::tempdir().expect("there is room");
    let ended = terrace_tests::process::run(folder.path(), &["up", "--from", "absent.toml"]).await;
    says(&ended, exit::USAGE, &["absent.toml"]);
}

#[tokio::test]
async fn a_manifest_that_is_no_toml_is_shown_with_its_line() {
    let app = App::new().manifest("spin_manifest_version = 2\n[application\nname = \"a\"\n");
    says(
        &app.refuse().await,
        exit::USAGE,
        &["spin.toml", "\"line\":2"],
    );
}

#[tokio::test]
async fn an_unknown_key_is_shown_with_its_line_and_the_nearest_key() {
    let text = "spin_manifest_version = 2\n[application]\nname = \"a\"\n[[trigger.http]]\nroute = \"/...\"\n\
                component = \"a\"\n[component.a]\nsource = \"a.wasm\"\nallowed_outbound_host = []\n";
    let app = App::new().manifest(text);
    says(
        &app.refuse().await,
        exit::USAGE,
        &[
            "spin.toml",
            "\"line\":9",
            "allowed_outbound_host",
            "allowed_outbound_hosts",
        ],
    );
}

#[tokio::test]
async fn an_unknown_setting_is_shown_with_its_line_and_the_nearest_key() {
    let app = App::of("faults-p2").config("[listen]\nhtpp = \"127.0.0.1:0\"");
    says(
        &app.refuse().await,
        exit::USAGE,
        &["terrace.toml", "\"line\":2", "htpp", "http"],
    );
}

#[tokio::test]
async fn all_faults_are_reported_at_once() {
    let text = "spin_manifest_version = 2\n[application]\nname = \"a\"\n[[trigger.http]]\nroute = \"/a\"\n\
                component = \"absent\"\n[component.a]\nsource = \"a.wasm\"\nbanana = 1\n";
    let app = App::new().manifest(text);
    says(&app.refuse().await, exit::USAGE, &["banana", "absent"]);
}

#[tokio::test]
async fn two_components_on_one_route_are_a_clash() {
    let app = App::new()
        .component("first", guest("faults-p2"))
        .route("/same");
    let app = app.component("second", guest("faults-p2")).route("/same");
    says(&app.refuse().await, exit::USAGE, &["/same"]);
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let address = taken
        .local_addr()
        .expect("a bound listener has an address")
        .to_string();
    let app = App::of("faults-p2");
    let folder = app.folder().to_owned();
    // Checking writes the files of the app; the process under test gets arguments of its own.
    app.check().await;
    let ended = terrace_tests::process::run(
        &folder,
        &[
            "up",
            "--from",
            "spin.toml",
            "--listen",
            &address,
            "--admin",
            "127.0.0.1:0",
            "--state-dir",
            "state",
        ],
    )
    .await;
    says(&ended, exit::FAILED, &[&address, "in use"]);
}

/// A file stands where the folder should be, which no permission of any user gets around.
#[tokio::test]
async fn a_state_folder_that_cannot_be_made_is_named() {
    let app = App::of("capabilities")
        .grant("key_value_stores = [\"default\"]")
        .file("state", "a file");
    says(&app.refuse().await, exit::FAILED, &["state"]);
}

#[tokio::test]
async fn a_state_folder_that_cannot_be_written_is_named() {
    if rustix::process::geteuid().is_root() {
        // Root may write everywhere but in /proc.
        let app = App::of("capabilities").grant("key_value_stores = [\"default\"]");
        std::os::unix::fs::symlink("/proc/self", app.state()).expect("the folder is ours");
        says(&app.refuse().await, exit::FAILED, &["state"]);
        return;
    }
    let app = App::of("capabilities").grant("key_value_stores = [\"default\"]");
    std::fs::create_dir(app.state()).expect("the folder is ours");
    let read_only = std::fs::Permissions::from_mode(0o500);
    std::fs::set_permissions(app.state(), read_only).expect("the folder is ours");
    says(&app.refuse().await, exit::FAILED, &["state"]);
}

/// Another process holds the write lock: reads go on, a write fails with words and within its time, and works
/// again when the lock is gone.
#[tokio::test]
async fn a_database_locked_by_another_process_fails_writes_only() {
    let app = App::of("capabilities")
        .grant("sqlite_databases = [\"default\"]")
        .limit("timeout = \"2s\"");
    let app = app.start().await;
    let post = async |sql: &str| {
        app.post("/sql/default", serde_json::json!([[sql]]).to_string())
            .await
    };
    post("CREATE TABLE t (a)").await.expect(200);
    let file = database_file(&app.app().state());
    let other = rusqlite::Connection::open(file).expect("the database can be opened by another");
    other
        .execute_batch("BEGIN IMMEDIATE")
        .expect("nobody else writes");
    post("SELECT * FROM t").await.expect(200);
    let refused = post("INSERT INTO t VALUES (1)").await;
    assert!(
        [502, 503, 504].contains(&refused.status),
        "{}: {}",
        refused.status,
        refused.text()
    );
    other.execute_batch("COMMIT").expect("the lock is ours");
    post("INSERT INTO t VALUES (1)").await.expect(200);
}

fn database_file(state: &std::path::Path) -> std::path::PathBuf {
    let path = state.join("default.db");
    assert!(
        path.is_file(),
        "the design names default.db, but there is: {:?}",
        std::fs::read_dir(state)
    );
    path
}

#[tokio::test]
async fn a_second_process_on_the_same_state_harms_neither() {
    let app = App::of("capabilities")
        .grant("sqlite_databases = [\"default\"]")
        .start()
        .await;
    app.post("/sql/default", r#"[["CREATE TABLE t (a)"]]"#)
        .await
        .expect(200);
    let folder = app.app().folder();
    let arguments = [
        "up",
        "--from",
        "spin.toml",
        "--listen",
        "127.0.0.1:0",
        "--admin",
        "127.0.0.1:0",
    ];
    let arguments = [arguments.as_slice(), &["--state-dir", "state", "--json"]].concat();
    let second = terrace_tests::process::Process::start(folder, &arguments, &[]);
    let outcome = second.log.find("either outcome", |line| {
        let ready = line.contains("\"ready\"");
        (ready || line.contains("state")).then_some(())
    });
    outcome.await;
    app.post("/sql/default", r#"[["INSERT INTO t VALUES (1)"]]"#)
        .await
        .expect(200);
}

#[tokio::test]
async fn a_required_variable_without_a_value_stops_the_start() {
    let app = App::of("capabilities").section("[variables]\nneeded = { required = true }");
    let app = app.section("[component.capabilities.variables]\nneeded = \"{{ needed }}\"");
    says(
        &app.refuse().await,
        exit::USAGE,
        &["needed", "SPIN_VARIABLE_NEEDED"],
    );
}

#[tokio::test]
async fn an_unknown_store_label_stops_the_start() {
    let app = App::of("capabilities").grant("key_value_stores = [\"nowhere\"]");
    says(&app.refuse().await, exit::USAGE, &["nowhere"]);
}

#[tokio::test]
async fn an_unknown_argument_is_a_usage_error() {
    let app = App::of("faults-p2").arguments(&["--no-such-argument"]);
    says(&app.refuse().await, exit::USAGE, &["--no-such-argument"]);
}

#[tokio::test]
async fn check_finds_what_up_refuses() {
    let app = App::of("faults-p2").grant("banana = 1");
    says(&app.check().await, exit::USAGE, &["banana", "spin.toml"]);
    says(&App::of("faults-p2").check().await, exit::FINE, &[]);
}
