//! What a server is refused for when it is opened, and what is said of it.

use std::time::Duration;

use super::{far, open, options, tls};
use crate::kv::Stores;
use crate::sql::open::{OpenError, RedisOptions};
use crate::test_authority::{Authority, Certificate};
use crate::test_proxy::{Door, Proxy};
use crate::test_redis::Server;

fn refusal(url: &str) -> OpenError {
    open(url).expect_err("it is not opened")
}

/// A server that has this certificate.
fn secure(certificate: &Certificate) -> (Server, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let settings = tls(certificate, folder.path());
    let server = Server::with(&settings.each_ref().map(String::as_str));
    (server, folder)
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_are_checked() {
    let (authority, other) = (Authority::new(), Authority::new());
    let (server, _folder) = secure(&authority.sign(&["localhost"], "2"));
    let port = server.port();
    let url = |host: &str, authority: &Authority| {
        let file = authority.file().display().to_string();
        format!("rediss://{host}:{port}?sslrootcert={file}")
    };
    let store = open(&url("localhost", &authority))
        .unwrap()
        .store("default");
    store.set("key", vec![1], far()).await.unwrap();
    assert_eq!(store.get("key", far()).await, Ok(Some(vec![1])));
    for (url, expected) in [
        (url("127.0.0.1", &authority), "not valid for name"),
        (url("localhost", &other), "invalid peer certificate"),
        (format!("rediss://localhost:{port}"), "UnknownIssuer"),
    ] {
        let error = refusal(&url);
        assert!(matches!(error, OpenError::Certificate { .. }), "{error}");
        assert!(error.to_string().contains(expected), "{error}");
    }
    let (expired, _folder) = secure(&authority.sign(&["localhost"], "-1"));
    let url = url("localhost", &authority).replace(&port.to_string(), &expired.port().to_string());
    let error = refusal(&url);
    assert!(matches!(error, OpenError::Certificate { .. }), "{error}");
}

#[test]
fn server_without_tls_is_no_safe_one() {
    let server = Server::start();
    let proxy = Proxy::before(&server.socket());
    let error = refusal(&format!("rediss://{}", proxy.address()));
    assert!(matches!(error, OpenError::Certificate { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn users_and_passwords_are_those_of_the_server() {
    let server = Server::with(&[
        "requirepass hush",
        "user app on >secret ~terrace:* +@all -@dangerous",
    ]);
    let url = |login: &str| format!("{}?{login}", server.url());
    for login in [
        "",
        "pass=wrong",
        "user=app&pass=hush",
        "user=nobody&pass=hush",
    ] {
        let error = refusal(&url(login));
        assert!(
            matches!(error, OpenError::Denied { .. }),
            "{login}: {error}"
        );
        assert!(!error.to_string().contains("hush"), "{error}");
    }
    let options = RedisOptions {
        password: Some("hush".to_owned()),
        ..options()
    };
    Stores::open_redis(&url("pass=old"), "app", &options).unwrap();
    // This user may not ask for the server's settings.
    let store = open(&url("user=app&pass=secret")).unwrap().store("default");
    store.set("key", vec![1], far()).await.unwrap();
    assert_eq!(store.keys(far()).await.unwrap(), ["key"]);
}

#[test]
fn servers_that_keep_nothing_of_ours_are_refused() {
    let replica = Server::with(&["replicaof 127.0.0.1 1"]);
    let error = refusal(&replica.url());
    assert!(matches!(error, OpenError::ReadOnly { .. }), "{error}");
    let error = refusal(&format!("{}?db=99", replica.url()));
    assert!(error.to_string().contains("DB index"), "{error}");
}

#[test]
fn server_that_does_not_answer_is_not_waited_for() {
    let mut server = Server::start();
    let proxy = Proxy::before(&server.socket());
    let url = format!("redis://{}", proxy.address());
    proxy.door(Door::Silent);
    let short = RedisOptions {
        open_timeout: Duration::from_millis(200),
        ..options()
    };
    let silent = Stores::open_redis(&url, "app", &short).unwrap_err();
    assert!(silent.to_string().contains("in time"), "{silent}");
    proxy.door(Door::Shut);
    let shut = refusal(&url);
    assert!(matches!(shut, OpenError::Unreachable { .. }), "{shut}");
    server.kill();
    let gone = refusal(&server.url());
    assert!(matches!(gone, OpenError::Unreachable { .. }), "{gone}");
}

#[test]
fn operator_is_told_how_values_may_be_lost() {
    let server = Server::with(&["maxmemory-policy allkeys-lru", "appendonly yes"]);
    let stores = open(&server.url()).unwrap();
    let [evicts, loses] = stores.cautions() else {
        panic!("{:?}", stores.cautions());
    };
    assert!(evicts.contains("allkeys-lru"), "{evicts}");
    assert!(loses.contains("appendfsync is no"), "{loses}");
}

#[tokio::test(flavor = "multi_thread")]
async fn number_of_the_database_is_that_of_the_url() {
    let server = Server::start();
    let store = open(&format!("{}?db=3", server.url())).unwrap();
    let store = store.store("default");
    store.set("key", vec![1], far()).await.unwrap();
    assert_eq!(server.ask(&["EXISTS", "terrace:kv:app:default:key"]), "0");
    let zero = open(&server.url()).unwrap().store("default");
    assert_eq!(zero.get("key", far()).await, Ok(None));
}
