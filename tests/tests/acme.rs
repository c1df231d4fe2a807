//! Promise: a server gets its certificates by itself. Servers that share a store order each one once, and one that is lost, an authority
//! that fails, or a record that is broken takes no certificate away.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use terrace_tests::authority::Authority;
use terrace_tests::client::request;
use terrace_tests::contract::exit;
use terrace_tests::pebble::{Pebble, free_port};
use terrace_tests::redis::Server as Redis;
use terrace_tests::secure::{Secure, ask, http2};
use terrace_tests::upstream::Upstream;
use terrace_tests::wait::until;
use terrace_tests::{App, Running, guest};

const NAME: &str = "one.test";

fn hello(settings: &str) -> App {
    App::new()
        .component("hello", guest("hello"))
        .route("/...")
        .config(settings)
}

/// The certificate for a name, once a server has it and answers a request with it.
async fn served(server: &Running, secure: &Secure, name: &str) -> Vec<u8> {
    let url = format!("https://{name}/");
    until("a certificate", async || {
        let stream = secure.connect(server.https(), name).await.ok()?;
        let chain = stream.get_ref().1.peer_certificates()?;
        let certificate = chain[0].to_vec();
        let get = request(Method::GET, &url, &[], Bytes::new());
        let answer = ask(&mut http2(stream).await, get).await;
        assert_eq!(answer.status, 200);
        Some(certificate)
    })
    .await
}

async fn says(server: &Running, what: &str) {
    let said = |line: &str| line.contains(what).then_some(());
    server.process.log.find(what, said).await;
}

/// The file with what is kept of [`NAME`].
fn record(app: &App) -> PathBuf {
    let mut files = kept(app).into_iter();
    let found = files.find(|file| file.to_string_lossy().ends_with(&format!(":{NAME}.json")));
    found.expect("something is kept of the name")
}

/// All files that are kept.
fn kept(app: &App) -> Vec<PathBuf> {
    let folder = std::fs::read_dir(app.state().join("acme")).expect("there is a folder");
    let files = folder.map(|file| file.expect("it can be read").path());
    files.collect()
}

#[tokio::test]
async fn a_certificate_is_ordered_once_and_a_restart_uses_it_again() {
    let port = free_port();
    let pebble = Pebble::start(port).await;
    let server = hello(&pebble.settings(port, &[NAME])).start().await;
    let secure = pebble.client(&["h2"]).await;
    let early = secure.connect(server.https(), NAME).await;
    assert!(early.is_err(), "there is none yet, and it says so at once");
    assert_eq!(server.get("/").await.status, 200, "without TLS as ever");
    says(&server, "https waits for certificates for one.test").await;
    let first = served(&server, &secure, NAME).await;
    assert_eq!(pebble.orders(), 1);
    let file = record(server.app());
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let page = server.admin("/certificates").await.json();
    assert_eq!(page[0]["names"], json!([NAME]));
    assert_eq!(page[0]["state"], "valid");
    let labels = [("outcome", "issued")];
    let name = "terrace_certificate_orders_total";
    server
        .until_metric(name, &labels, |count| count == 1.0)
        .await;

    let server = server.kill_and_restart().await;
    assert_eq!(served(&server, &secure, NAME).await, first);
    assert_eq!(pebble.orders(), 1);

    // Half of a file.
    server.process.kill();
    let text = std::fs::read(&file).unwrap();
    std::fs::write(&file, &text[..text.len() / 2]).unwrap();
    let server = server.come_back().await;
    says(&server, "cannot be read").await;
    assert_ne!(served(&server, &secure, NAME).await, first);
    assert_eq!(pebble.orders(), 2);
    let accounts = kept(server.app()).into_iter();
    let accounts = accounts.filter(|file| file.to_string_lossy().contains(":account:"));
    assert_eq!(accounts.count(), 1);
}

/// The authority asks the second of them, whoever has ordered.
#[tokio::test]
async fn servers_with_one_redis_order_once_and_answer_for_each_other() {
    let redis = Redis::start();
    let [one, two] = [free_port(), free_port()];
    let pebble = Pebble::start(two).await;
    let origin = Upstream::start().await;
    let shared = format!("[cache]\nshared = {:?}\n", redis.url());
    let edge = |port| {
        let settings = format!("{}{shared}", pebble.settings(port, &[NAME]));
        App::edge(&origin.url).config(&settings).start()
    };
    let (one, two) = tokio::join!(edge(one), edge(two));
    let secure = pebble.client(&["h2"]).await;
    let certificate = served(&one, &secure, NAME).await;
    assert_eq!(served(&two, &secure, NAME).await, certificate);
    assert_eq!(pebble.orders(), 1);
    let lasting = "local n = 0 for _, key in ipairs(redis.call('KEYS', 'terrace:acme:*')) do \
        if redis.call('PTTL', key) < 0 then n = n + 1 end end return n";
    assert_eq!(redis.ask(&["EVAL", lasting, "0"]), "0", "each key expires");
}

#[tokio::test]
async fn a_server_that_is_killed_while_it_orders_is_replaced() {
    let redis = Redis::start();
    let port = free_port();
    let pebble = Pebble::start(port).await;
    let origin = Upstream::start().await;
    let shared = format!("[cache]\nshared = {:?}\n", redis.url());
    let edge = |port| {
        let settings = format!("{}{shared}", pebble.settings(port, &[NAME]));
        App::edge(&origin.url).config(&settings).start()
    };
    let lost = edge(free_port()).await;
    says(&lost, "a certificate is ordered").await;
    lost.process.pause();
    let other = edge(port).await;
    lost.process.kill();
    let secure = pebble.client(&["h2"]).await;
    served(&other, &secure, NAME).await;
}

/// It waits for Redis, serves all else meanwhile, and orders nothing that it may have.
#[tokio::test]
async fn a_server_that_starts_while_redis_is_out_has_its_certificate_when_redis_is_back() {
    let mut redis = Redis::with(&["appendonly yes", "appendfsync always"]);
    let port = free_port();
    let pebble = Pebble::start(port).await;
    let shared = format!("[cache]\nshared = {:?}\n", redis.url());
    let settings = format!("{}{shared}", pebble.settings(port, &[NAME]));
    redis.kill();
    let server = hello(&settings).start().await;
    says(&server, "certificates cannot be kept or read").await;
    let secure = pebble.client(&["h2"]).await;
    let early = secure.connect(server.https(), NAME).await;
    assert!(early.is_err(), "there is none, and it says so at once");
    assert_eq!(server.get("/").await.status, 200);
    assert_eq!(pebble.orders(), 0);
    redis.restart();
    let first = served(&server, &secure, NAME).await;
    assert_eq!(pebble.orders(), 1);

    server.process.kill();
    redis.kill();
    let server = server.come_back().await;
    says(&server, "certificates cannot be kept or read").await;
    assert_eq!(server.get("/").await.status, 200);
    redis.restart();
    assert_eq!(served(&server, &secure, NAME).await, first);
    assert_eq!(pebble.orders(), 1);
}

#[tokio::test]
async fn a_directory_that_is_slow_holds_up_nothing_but_its_own_certificate() {
    let port = free_port();
    let pebble = Pebble::start(port).await;
    let authority = Authority::new();
    let settings = pebble.settings(port, &[NAME]);
    let files = "certificate = \"a.pem\"\nkey = \"a.key\"\n";
    let app = hello(&format!("{settings}{files}"));
    authority.sign(&["a.test"], "2").write(app.folder(), "a");
    let secure = pebble.client(&["h2"]).await;
    pebble.hang();
    let server = app.start().await;
    says(&server, "a certificate is ordered").await;
    let own = Secure::new(&authority, &["h2"]);
    for _ in 0..20 {
        served(&server, &own, "a.test").await;
        assert_eq!(server.get("/").await.status, 200);
        let early = own.connect(server.https(), NAME).await;
        assert!(early.is_err(), "there is none, and it says so at once");
    }
    assert_eq!(pebble.orders(), 0);
    pebble.go_on();
    served(&server, &secure, NAME).await;
    assert_eq!(pebble.orders(), 1);
    pebble.hang();
    assert_eq!(server.terminate().await.code, Some(exit::FINE));
}

#[tokio::test]
async fn a_directory_that_fails_leaves_the_other_certificates_alone() {
    let port = free_port();
    // It cannot check the name: nobody listens where it asks.
    let pebble = Pebble::start(free_port()).await;
    let authority = Authority::new();
    let settings = pebble.settings(port, &[NAME]);
    let files = "certificate = \"a.pem\"\nkey = \"a.key\"\n";
    let app = hello(&format!("{settings}{files}"));
    authority.sign(&["a.test"], "2").write(app.folder(), "a");
    let server = app.start().await;
    let own = Secure::new(&authority, &["h2"]);
    served(&server, &own, "a.test").await;
    says(&server, "the authority could not check the name").await;
    served(&server, &own, "a.test").await;
    let none = own.connect(server.https(), NAME).await;
    assert!(
        none.is_err(),
        "no certificate for another name in its place"
    );
    let page = server.admin("/certificates").await.json();
    let of_name = |page: &Value| {
        let all = page.as_array().unwrap().iter();
        let mut of = all.filter(|of| of["names"] == json!([NAME]));
        of.next().unwrap().clone()
    };
    let shown = of_name(&page);
    assert_eq!(
        (&shown["state"], &shown["source"]),
        (&json!("missing"), &json!("acme"))
    );
    let failure = shown["failure"].as_str().unwrap();
    assert!(failure.contains("port 443"), "{failure}");
    let missing = "terrace_certificates_missing";
    server
        .until_metric(missing, &[], |count| count == 1.0)
        .await;
    assert_eq!(server.terminate().await.code, Some(exit::FINE));
}

/// Nobody listens; it is no directory; its certificate is not trusted.
#[tokio::test]
async fn the_log_says_what_is_wrong_with_a_directory() {
    let pebble = Pebble::start(free_port()).await;
    let right = pebble.settings(free_port(), &[NAME]);
    let root = format!(", directory_root = {:?}", pebble.root());
    let gone = right.replace("https://localhost:", "https://localhost:1/");
    for (settings, expected) in [
        (gone, "check `directory` in [tls.acme]"),
        (
            right.replace("/dir\"", "/nothing\""),
            "the directory of an authority?",
        ),
        (
            right.replace(&root, ""),
            "name its certificate in `directory_root`",
        ),
    ] {
        let server = hello(&settings).start().await;
        says(&server, expected).await;
        says(&server, "the next attempt is in").await;
        assert_eq!(server.get("/").await.status, 200);
        server.terminate().await;
    }
    assert_eq!(pebble.orders(), 0);
}

#[tokio::test]
async fn without_a_place_for_certificates_none_is_ordered() {
    let port = free_port();
    let pebble = Pebble::start_refusing(port, 10).await;
    let app = hello(&pebble.settings(port, &[NAME])).file("state/acme", "no folder");
    let server = app.start().await;
    says(&server, "certificates cannot be kept or read").await;
    assert_eq!(server.get("/").await.status, 200);
    assert_eq!(pebble.orders(), 0);
    std::fs::remove_file(server.app().state().join("acme")).unwrap();
    let secure = pebble.client(&["h2"]).await;
    served(&server, &secure, NAME).await;
}

#[tokio::test]
async fn a_certificate_that_cannot_be_kept_is_used_and_kept_later() {
    let port = free_port();
    let pebble = Pebble::start(port).await;
    let server = hello(&pebble.settings(port, &[NAME])).start().await;
    let secure = pebble.client(&["h2"]).await;
    says(&server, "a certificate is ordered").await;
    let file = record(server.app());
    let until_kept = async |key: &str| {
        until(key, async || {
            let record: Value = serde_json::from_slice(&std::fs::read(&file).ok()?).ok()?;
            let value = &record[key];
            (!value.is_null() && value != "").then_some(())
        })
        .await;
    };
    // The server waits now until all others could answer.
    until_kept("challenge").await;
    let folder = server.app().state().join("acme");
    let away = server.app().state().join("away");
    std::fs::rename(&folder, &away).unwrap();
    std::fs::write(&folder, "no folder").unwrap();
    let certificate = served(&server, &secure, NAME).await;
    says(&server, "is in use, but is not kept yet").await;
    std::fs::remove_file(&folder).unwrap();
    std::fs::rename(&away, &folder).unwrap();
    until_kept("certificate").await;
    let server = server.kill_and_restart().await;
    assert_eq!(served(&server, &secure, NAME).await, certificate);
    assert_eq!(pebble.orders(), 1);
}

#[tokio::test]
async fn check_names_each_mistake_of_acme() {
    let app = hello(
        "[listen]\nhttps = \"127.0.0.1:0\"\n[tls]\nacme = { names = [\"*.a.test\", \"b_c\"], directory = \"http://d\" }",
    );
    let ended = app.refuse().await;
    assert_eq!(ended.code, Some(exit::USAGE));
    for expected in [
        "*.a.test needs a change of the domain's DNS records",
        "`b_c` is not the name of a host",
        "`contact` is missing",
        "`http://d` is not the URL of a directory",
    ] {
        assert!(ended.text.contains(expected), "{}", ended.text);
    }
}
