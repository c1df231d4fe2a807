//! Promise: a deployment reaches all servers, one after the other, without a failed request, shows itself on a few first, and goes back by
//! itself when it is worse.

use std::fs;
use std::path::Path;
use std::time::Duration;

use http::Method;
use terrace_tests::client::{Client, request};
use terrace_tests::contract::{EVENT_READY, exit};
use terrace_tests::deploy::{
    SETTINGS, TOKEN, app, begin, begin_as, begin_at, bundled, deploy, events, node, run, served,
    until_served, version,
};
use terrace_tests::load::{Call, OpenLoop};
use terrace_tests::postgres::Server;
use terrace_tests::process::Process;
use terrace_tests::realworld::{conversation, unique};
use terrace_tests::redis;
use terrace_tests::wait::until;
use terrace_tests::{Answer, App, Running, guest};
use tokio::time::Instant;

/// Requests per second to each server. Two processors serve them, the clients, and other tests.
const RATE: u32 = 40;

/// A version goes back in so much time after its first server has it.
const BACK_IN: Duration = Duration::from_secs(15);

/// Asks all servers for their version, one after the other.
fn load(nodes: &[&Running], rate: u32) -> OpenLoop {
    let urls: Vec<_> = nodes.iter().map(|node| node.url("/version")).collect();
    OpenLoop::start(rate, move |index| {
        request(Method::GET, &urls[index % urls.len()], &[], "")
    })
}

fn failed(calls: &[Call]) -> usize {
    calls.iter().filter(|call| !call.is_fine()).count()
}

fn text(call: &Call) -> String {
    call.outcome.as_ref().expect("no request fails").text()
}

fn text_of(path: &Path) -> &str {
    path.to_str().expect("a path of a test is text")
}

#[tokio::test]
async fn a_version_reaches_all_servers_under_load_and_goes_back_and_no_request_fails() {
    let (_one, first) = version("one", "").await;
    let (_two, second) = version("two", "").await;
    let (a, b) = tokio::join!(node(&first).start(), node(&first).start());
    let nodes = [&a, &b];
    let load = load(&nodes, RATE);
    load.go_on_for(RATE as usize).await;
    let ended = run(&nodes, &[text_of(&second), "--watch", "2s"]).await;
    assert_eq!(ended.code, Some(exit::FINE), "{}", ended.text);
    for node in nodes {
        assert_eq!(served(node).await, "two");
    }
    let tried = events(&ended, "deploy-step");
    let compared = tried.iter().filter(|step| step["step"] == "compared");
    let compared: Vec<_> = compared.collect();
    assert!(compared.len() >= 2, "{}", ended.text);
    assert!(
        compared
            .iter()
            .all(|step| step["compared"]["new"]["requests"].as_u64() > Some(0))
    );
    let ended = run(&nodes, &["--rollback"]).await;
    assert_eq!(ended.code, Some(exit::FINE), "{}", ended.text);
    for node in nodes {
        assert_eq!(served(node).await, "one");
    }
    let calls = load.finish().await;
    assert_eq!(failed(&calls), 0, "of {}", calls.len());
    let list = run(&nodes, &["--list"]).await;
    let list = &events(&list, "versions")[0];
    let versions = list["versions"].as_array().expect("there are versions");
    let numbers: Vec<_> = versions.iter().map(|of| of["number"].as_u64()).collect();
    assert_eq!(numbers, [Some(2), Some(1), Some(0)]);
    for version in versions {
        assert!(
            version["by"].is_string() && version["at"].is_u64(),
            "{version}"
        );
    }
    assert_eq!(list["servers"][0]["digest"], versions[0]["digest"]);
}

#[tokio::test]
async fn cached_answers_of_two_versions_never_mix() {
    let (_one, first) = version("one", "").await;
    let (_two, second) = version("two", "").await;
    let one = node(&first).start().await;
    let nodes = [&one];
    assert!(!one.get("/version").await.is_hit());
    assert!(one.get("/version").await.is_hit());
    let load = load(&nodes, RATE);
    let begun = begin(&nodes, &[text_of(&second), "--watch", "3s"]);
    begun
        .log
        .find("the trial", |line| line.contains("tries").then_some(()))
        .await;
    // Whatever comes from the cache meanwhile is of the version that has most of the requests.
    let tried = until("an answer of the new version", async || {
        let answer = one.get("/version").await.expect(200);
        (answer.text() == "two").then_some(answer)
    });
    assert!(!tried.await.is_hit());
    let ended = begun.wait().await;
    assert_eq!(ended.code, Some(exit::FINE), "{}", ended.text);
    for _ in 0..10 {
        assert_eq!(served(&one).await, "two");
    }
    let calls = load.finish().await;
    assert_eq!(failed(&calls), 0);
    // Once the cache has an answer of the new version, it has none of the old one.
    let mut hits: Vec<_> = calls
        .iter()
        .filter(|call| call.outcome.as_ref().is_ok_and(Answer::is_hit))
        .collect();
    hits.sort_by_key(|call| call.begun);
    let first_new = hits
        .iter()
        .find(|call| text(call) == "two")
        .expect("the new version is cached");
    let mixed = hits
        .iter()
        .filter(|call| text(call) == "one" && call.begun > first_new.ended);
    assert_eq!(mixed.count(), 0);
}

/// Deploys a version that is worse on two servers, and gives the reason for which it went back. Both have these variables of the environment.
async fn goes_back(environment: &str, bad: &str, rate: u32) -> String {
    // A request that hangs ends soon after the test.
    let version = |name, environment| app(name, environment).limit("timeout = \"5s\"");
    let (_one, first) = bundled(version("one", environment), "one").await;
    let (_two, second) = bundled(version("two", bad), "two").await;
    let (a, b) = tokio::join!(node(&first).start(), node(&first).start());
    let mut nodes = [&a, &b];
    nodes.sort_by_key(|node| node.admin.clone());
    // The servers are asked without their caches: the answers have another query each.
    let url = nodes[0].url("/version");
    let load = OpenLoop::start(rate, move |index| {
        request(Method::GET, &format!("{url}?{index}"), &[], "")
    });
    load.go_on_for(rate as usize).await;
    let begun = Instant::now();
    let ended = run(&nodes, &[text_of(&second), "--watch", "10s"]).await;
    assert!(begun.elapsed() < BACK_IN, "it took {:?}", begun.elapsed());
    assert_eq!(ended.code, Some(exit::FAILED), "{}", ended.text);
    load.finish().await;
    let other = nodes[1].admin.as_str();
    let steps = events(&ended, "deploy-step");
    assert!(
        steps.iter().all(|step| step["server"] != other),
        "{}",
        ended.text
    );
    let list = run(&nodes, &["--list"]).await;
    let list = &events(&list, "versions")[0];
    let first = &list["versions"][0]["digest"];
    let servers = list["servers"].as_array().expect("there are servers");
    assert!(
        servers.iter().all(|server| server["digest"] == *first),
        "{list}"
    );
    let failed = events(&ended, "failed");
    failed[0]["message"]
        .as_str()
        .expect("it says why")
        .to_owned()
}

#[tokio::test]
async fn a_version_that_fails_some_requests_goes_back() {
    let why = goes_back("", ", FAIL_EVERY = \"20\"", 120).await;
    assert!(why.contains("requests failed or got no answer"), "{why}");
}

#[tokio::test]
async fn a_version_that_is_three_times_slower_goes_back() {
    let why = goes_back(", PAUSE_MS = \"15\"", ", PAUSE_MS = \"45\"", 60).await;
    assert!(why.contains("took up to"), "{why}");
}

#[tokio::test]
async fn a_version_that_hangs_goes_back() {
    let why = goes_back("", ", PAUSE_MS = \"60000\"", 60).await;
    assert!(why.contains("got no answer"), "{why}");
}

#[tokio::test]
async fn a_version_that_leaks_goes_back() {
    let why = goes_back("", ", LEAK_KIB = \"2048\"", 60).await;
    assert!(why.contains("the memory of `faults` grows"), "{why}");
}

#[tokio::test]
async fn a_version_of_which_no_instance_can_be_made_goes_back_before_it_has_a_request() {
    let (_one, first) = version("one", "").await;
    let small = app("two", "").limit("memory = \"64KiB\"");
    let (_two, second) = bundled(small, "two").await;
    let (a, b) = tokio::join!(node(&first).start(), node(&first).start());
    let ended = run(&[&a, &b], &[text_of(&second)]).await;
    assert_eq!(ended.code, Some(exit::FAILED), "{}", ended.text);
    assert!(
        ended
            .text
            .contains("an instance of `faults` cannot be made"),
        "{}",
        ended.text
    );
    for node in [&a, &b] {
        assert_eq!(served(node).await, "one");
    }
    // Nobody is kept out afterwards.
    deploy(&[&a, &b], &first).await;
}

/// Holds a version at a tenth of the requests.
async fn hold(nodes: &[&Running], bundle: &Path) {
    let arguments = [
        text_of(bundle),
        "--canary",
        "10%",
        "--watch",
        "100ms",
        "--force",
    ];
    let held = run(nodes, &arguments).await;
    assert_eq!(held.code, Some(exit::FINE), "{}", held.text);
    assert_eq!(events(&held, "deployed")[0]["share"], 10.0);
}

/// How many of 200 requests a version answers. Nothing stored answers them.
async fn answered_by(node: &Running, name: &str) -> usize {
    let mut count = 0;
    for _ in 0..200 {
        let path = format!("/version?{}", unique("canary"));
        count += usize::from(node.get(&path).await.expect(200).text() == name);
    }
    count
}

#[tokio::test]
async fn a_canary_is_held_until_it_goes_on_or_back() {
    let (_one, first) = version("one", "").await;
    let (_two, second) = version("two", "").await;
    let (a, b) = tokio::join!(node(&first).start(), node(&first).start());
    let nodes = [&a, &b];
    hold(&nodes, &second).await;
    for node in nodes {
        let count = answered_by(node, "two").await;
        assert!((15..=25).contains(&count), "{count} of 200");
    }
    let kept_out = run(&nodes, &[text_of(&first)]).await;
    assert_eq!(kept_out.code, Some(exit::FAILED));
    assert!(
        kept_out.text.contains("is held at 10 %"),
        "{}",
        kept_out.text
    );
    let back = run(&nodes, &["--rollback"]).await;
    assert_eq!(back.code, Some(exit::FINE), "{}", back.text);
    for node in nodes {
        assert_eq!(answered_by(node, "one").await, 200);
    }
    hold(&nodes, &second).await;
    let on = run(&nodes, &["--continue", "--watch", "100ms"]).await;
    assert_eq!(on.code, Some(exit::FINE), "{}", on.text);
    for node in nodes {
        assert_eq!(served(node).await, "two");
    }
    let nothing = run(&nodes, &["--continue"]).await;
    assert!(
        nothing.text.contains("no server holds a version"),
        "{}",
        nothing.text
    );
}

#[tokio::test]
async fn of_two_that_deploy_at_once_the_second_is_told_who_keeps_it_out() {
    let (_one, first) = version("one", "").await;
    let (_two, second) = version("two", "").await;
    let (_three, third) = version("three", "").await;
    let (a, b) = tokio::join!(node(&first).start(), node(&first).start());
    let nodes = [&a, &b];
    let begun = begin(&nodes, &[text_of(&second), "--watch", "3s"]);
    begun
        .log
        .find("the trial", |line| line.contains("tries").then_some(()))
        .await;
    let kept_out = run(&nodes, &[text_of(&third)]).await;
    assert_eq!(kept_out.code, Some(exit::FAILED));
    assert!(
        kept_out.text.contains("has been deploying"),
        "{}",
        kept_out.text
    );
    let ended = begun.wait().await;
    assert_eq!(ended.code, Some(exit::FINE), "{}", ended.text);
    for node in nodes {
        assert_eq!(served(node).await, "two");
    }
}

#[tokio::test]
async fn a_server_serves_what_was_deployed_when_it_starts_again() {
    let (_one, first) = version("one", "").await;
    let (_two, second) = version("two", "").await;
    let (a, b) = tokio::join!(node(&first).start(), node(&first).start());
    deploy(&[&a, &b], &second).await;
    let a = a.kill_and_restart().await;
    assert_eq!(served(&a).await, "two");
    let ended = run(&[&a, &b], &["--rollback"]).await;
    assert_eq!(ended.code, Some(exit::FINE), "{}", ended.text);
    let a = a.restart().await;
    assert_eq!(served(&a).await, "one");
}

#[tokio::test]
async fn bad_bundles_and_strangers_are_refused_before_any_server_has_changed() {
    let (one_app, first) = version("one", "").await;
    let (two_app, second) = version("two", "").await;
    let a = node(&first).start().await;
    let needs = app("three", "").section("[variables]\nsecret = { required = true }");
    let (_three, third) = bundled(needs, "three").await;
    // The first server could serve it, and the second has other settings.
    let b = node(&first)
        .environment("SPIN_VARIABLE_SECRET", "here")
        .start()
        .await;
    let nodes = [&b, &a];
    let bytes = fs::read(&second).expect("it was made");
    let mut changed = bytes.clone();
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    let folder = two_app.folder();
    let put = |name: &str, content: &[u8]| {
        let file = folder.join(name);
        fs::write(&file, content).expect("there is room");
        file
    };
    let (_other, other) = bundled(app("four", "").named("other"), "other").await;
    for (file, part) in [
        (put("cut.terrace", &bytes[..bytes.len() - 10]), "declares"),
        (put("changed.terrace", &changed), "changed"),
        (other, "serves the app `tested`"),
        (third.clone(), "secret"),
    ] {
        let ended = run(&nodes, &[text_of(&file)]).await;
        assert_ne!(ended.code, Some(exit::FINE), "{file:?}");
        assert!(ended.text.contains(part), "{file:?}: {}", ended.text);
        for node in nodes {
            assert_eq!(served(node).await, "one");
        }
    }
    let second = text_of(&second);
    for (token, part) in [
        ("another-token-0123456789", "another one"),
        ("short", "fewer than 16"),
    ] {
        let ended = begin_as(token, &nodes, &[second]).wait().await;
        assert!(ended.text.contains(part), "{}", ended.text);
    }
    // Nothing keeps the next one out.
    deploy(&nodes, Path::new(second)).await;
    let older = run(&nodes, &[text_of(&first)]).await;
    assert!(older.text.contains("was deployed before"), "{}", older.text);
    drop(one_app);
}

#[tokio::test]
async fn a_server_without_a_token_or_with_a_folder_takes_no_deployment() {
    let (_one, first) = version("one", "").await;
    let closed = App::new().served_from(&first).start().await;
    let ended = run(&[&closed], &[text_of(&first)]).await;
    assert!(ended.text.contains("token_variable"), "{}", ended.text);
    let folder = tempfile::tempdir().expect("there is room");
    fs::copy(&first, folder.path().join("one.terrace")).expect("there is room");
    let following = App::new()
        .served_from(folder.path())
        .config(SETTINGS)
        .environment("DEPLOY_TOKEN", TOKEN)
        .start()
        .await;
    let ended = run(&[&following], &[text_of(&first)]).await;
    assert!(
        ended.text.contains("put the bundle there"),
        "{}",
        ended.text
    );
    let unset = App::new()
        .served_from(&first)
        .config(SETTINGS)
        .refuse()
        .await;
    assert!(unset.text.contains("DEPLOY_TOKEN"), "{}", unset.text);
}

#[tokio::test]
async fn a_bundle_that_nobody_trusted_has_signed_is_refused() {
    const KEY: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g
-----END PRIVATE KEY-----
";
    let one = app("one", "").file("sign.pem", KEY);
    let signed = one
        .run(&["bundle", "--output", "one.terrace", "--sign", "sign.pem"])
        .await;
    assert_eq!(signed.code, Some(exit::FINE), "{}", signed.text);
    let keys = "trusted_keys = [\"MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\"]";
    let node = node(&one.folder().join("one.terrace"))
        .config(keys)
        .start()
        .await;
    let (_two, second) = version("two", "").await;
    let ended = run(&[&node], &[text_of(&second)]).await;
    assert!(ended.text.contains("is not signed"), "{}", ended.text);
    assert_eq!(served(&node).await, "one");
}

fn with_migrations(name: &str, second: &str) -> App {
    let app = app(name, "")
        .grant("sqlite_databases = [\"default\"]")
        .section("[application.tool.terrace.migrations]\ndefault = \"migrations\"")
        .file(
            "migrations/0001_notes.sql",
            "CREATE TABLE notes (note TEXT, old TEXT);",
        );
    match second {
        "" => app,
        text => app.file("migrations/0002_more.sql", text),
    }
}

#[tokio::test]
async fn migrations_run_once_before_and_those_that_break_the_version_before_are_refused() {
    let database = Server::start();
    let url = format!("[sql.default]\nurl = {:?}", database.url());
    let (_one, first) = bundled(with_migrations("one", ""), "one").await;
    let (_two, adding) = bundled(
        with_migrations("two", "ALTER TABLE notes ADD COLUMN more TEXT;"),
        "two",
    )
    .await;
    let (a, b) = tokio::join!(
        node(&first).config(&url).start(),
        node(&first).config(&url).start()
    );
    let nodes = [&a, &b];
    deploy(&nodes, &adding).await;
    let applied = database.run("SELECT count(*) FROM terrace_migrations");
    assert!(applied.contains('2'), "{applied}");
    // The version before lives with the migrations of the later one, and starts with them.
    let ended = run(&nodes, &["--rollback"]).await;
    assert_eq!(ended.code, Some(exit::FINE), "{}", ended.text);
    let a = a.restart().await;
    assert_eq!(served(&a).await, "one");
    let nodes = [&a, &b];
    let third = with_migrations("three", "ALTER TABLE notes ADD COLUMN more TEXT;").file(
        "migrations/0003_less.sql",
        "ALTER TABLE notes DROP COLUMN old;",
    );
    let (_three, third) = bundled(third, "three").await;
    let ended = run(&nodes, &[text_of(&third)]).await;
    assert_eq!(ended.code, Some(exit::FAILED), "{}", ended.text);
    assert!(
        ended.text.contains("0003_less.sql") && ended.text.contains("drops the column `old`"),
        "{}",
        ended.text
    );
    let columns = database.run("SELECT count(old) FROM notes");
    assert!(columns.contains('0'), "nothing was migrated: {columns}");
    let forced = run(&nodes, &[text_of(&third), "--force", "--watch", "100ms"]).await;
    assert_eq!(forced.code, Some(exit::FINE), "{}", forced.text);
}

#[tokio::test]
async fn nodes_of_a_registry_are_found_and_one_that_was_away_takes_the_current_version() {
    let redis = redis::Server::start();
    let cluster = format!("[cluster]\nurl = {:?}\nallow_local = true", redis.url());
    let (_one, first) = version("one", "").await;
    let (_two, second) = version("two", "").await;
    let clustered = || node(&first).config(&cluster);
    let (a, b) = tokio::join!(clustered().start(), clustered().start());
    let away = b.stop().await;
    let settings = a.app().folder().join("deploy.toml");
    fs::write(&settings, &cluster).expect("there is room");
    let settings = text_of(&settings).to_owned();
    let found = ["--config", &settings];
    let both = until("the registry has one node", async || {
        let list = run(&[], &[&["--list"], &found[..]].concat()).await;
        let list = events(&list, "versions");
        let servers = list.first()?["servers"].as_array()?.len();
        (servers == 1).then_some(())
    });
    both.await;
    let arguments = [&[text_of(&second), "--watch", "100ms"], &found[..]].concat();
    let ended = run(&[], &arguments).await;
    assert_eq!(ended.code, Some(exit::FINE), "{}", ended.text);
    let back = away.start().await;
    until_served(&back, "two").await;
    // And it is kept there, too.
    let back = back.restart().await;
    assert_eq!(served(&back).await, "two");
}

#[tokio::test]
async fn users_of_conduit_read_and_write_while_it_is_deployed_by_command() {
    let wasm = fs::read(guest("conduit")).expect("the guest can be read");
    let conduit = |text: &str| {
        App::new()
            .file("conduit.wasm", &wasm)
            .file("text.txt", text)
            .component("conduit", "conduit.wasm")
            .route("/api/...")
            .grant("sqlite_databases = [\"default\"]")
            .grant("files = [\"text.txt\"]")
            .grant("variables = { jwt_secret = \"{{ jwt_secret }}\" }")
            .section("[variables]\njwt_secret = { required = true, secret = true }")
    };
    let (_one, first) = bundled(conduit("one"), "one").await;
    let (_two, second) = bundled(conduit("two"), "two").await;
    let database = Server::start();
    let url = format!(
        "[sql.default]\nurl = {:?}\n[listen]\ntrusted_proxies = [\"127.0.0.1\"]",
        database.url()
    );
    let secret = "a secret of the tests, long enough to sign with";
    let conduit = || {
        let node = node(&first).config(&url);
        node.environment("SPIN_VARIABLE_JWT_SECRET", secret).start()
    };
    let (a, b) = tokio::join!(conduit(), conduit());
    let edge = App::balancer(&[&a.http, &b.http]).start().await;
    let load = OpenLoop::start(RATE / 2, conversation(&edge.url("/api")).await);
    load.go_on_for(20).await;
    let nodes = [&a, &b];
    for bundle in [&second, &first, &second] {
        let ended = run(&nodes, &[text_of(bundle), "--watch", "500ms", "--force"]).await;
        assert_eq!(ended.code, Some(exit::FINE), "{}", ended.text);
    }
    let ended = run(&nodes, &["--rollback"]).await;
    assert_eq!(ended.code, Some(exit::FINE), "{}", ended.text);
    let calls = load.finish().await;
    let failed: Vec<_> = calls.iter().filter(|call| !call.is_fine()).collect();
    assert!(
        failed.is_empty(),
        "{} of {}: {failed:?}",
        failed.len(),
        calls.len()
    );
}

#[tokio::test]
async fn settings_and_state_beside_a_bundle_stay_those_of_what_is_deployed() {
    let variable = |name: &str| {
        app(name, "")
            .grant("variables = { word = \"{{ word }}\" }")
            .section("[variables]\nword = { required = true }")
    };
    let (_one, first) = bundled(variable("one"), "one").await;
    let (_two, second) = bundled(variable("two"), "two").await;
    let home = tempfile::tempdir().expect("there is room");
    fs::copy(&first, home.path().join("app.terrace")).expect("there is room");
    let settings = format!("{SETTINGS}\n[variables]\nword = \"here\"");
    fs::write(home.path().join("terrace.toml"), settings).expect("there is room");
    let arguments = [
        "up",
        "--from",
        "app.terrace",
        "--listen",
        "127.0.0.1:0",
        "--admin",
        "127.0.0.1:0",
        "--json",
    ];
    let environment = [("DEPLOY_TOKEN".to_owned(), TOKEN.to_owned())];
    let server = Process::start(home.path(), &arguments, &environment);
    let ready = server.log.event(EVENT_READY, |_| true).await;
    let address = |name: &str| ready[name].as_str().expect("it has addresses").to_owned();
    let ended = begin_at(
        TOKEN,
        &[&address("admin")],
        &[text_of(&second), "--watch", "100ms"],
    );
    let ended = ended.wait().await;
    assert_eq!(ended.code, Some(exit::FINE), "{}", ended.text);
    let url = format!("{}/version", address("http"));
    let answer = Client::default()
        .send(request(Method::GET, &url, &[], ""))
        .await;
    assert_eq!(answer.expect(200).text(), "two");
    let state = home.path().join(".terrace/deploy");
    assert!(!state.join(".terrace").exists() && state.join("record.json").exists());
}
