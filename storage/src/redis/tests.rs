//! Faults of a server and of the network, caused against a real one.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::clock;
use crate::failure::EngineFailure;
use crate::kv::{Error, Store, Stores};
use crate::sql::open::{OpenError, RedisOptions};
use crate::test_authority::Certificate;
use crate::test_proxy::{Door, Fault, Proxy};
use crate::test_redis::Server;
use crate::test_wait::until;

mod cluster;
mod opening;
mod refusals;

fn options() -> RedisOptions {
    RedisOptions {
        open_timeout: Duration::from_secs(20),
        ..RedisOptions::default()
    }
}

/// The settings of a server with this certificate, whose files are written to the folder.
fn tls(certificate: &Certificate, folder: &Path) -> [String; 3] {
    let path = |name: &str| folder.join(name).display().to_string();
    std::fs::write(path("server.crt"), &certificate.certificate).unwrap();
    std::fs::write(path("server.key"), &certificate.key).unwrap();
    [
        format!("tls-cert-file {}", path("server.crt")),
        format!("tls-key-file {}", path("server.key")),
        "tls-auth-clients no".to_owned(),
    ]
}

fn open(url: &str) -> Result<Stores, OpenError> {
    Stores::open_redis(url, "app", &options())
}

fn store(server: &Server) -> Store {
    open(&server.url()).unwrap().store("default")
}

fn proxied(proxy: &Proxy) -> Store {
    let url = format!("redis://{}", proxy.address());
    open(&url).unwrap().store("default")
}

fn within(seconds: u64) -> Instant {
    clock::now() + Duration::from_secs(seconds)
}

fn far() -> Instant {
    within(60)
}

fn is_unavailable(result: &Result<Option<Vec<u8>>, Error>) -> bool {
    matches!(
        result,
        Err(Error::Engine(EngineFailure::Unavailable { .. }))
    )
}

/// Reads until the server answers, which it does after the breaker's pause at the latest.
async fn returned(store: &Store, key: &str) -> Option<Vec<u8>> {
    until("the server answers again", async || {
        store.get(key, far()).await.ok()
    })
    .await
}

#[tokio::test]
async fn keys_of_others_are_not_touched() {
    let server = Server::start();
    for (key, value) in [("theirs", "1"), ("terrace:kv:other:default:a", "2")] {
        assert_eq!(server.ask(&["SET", key, value]), "OK");
    }
    let stores = open(&server.url()).unwrap();
    let (one, two) = (stores.store("default"), stores.store("two"));
    one.set("a", vec![b'3'], far()).await.unwrap();
    two.set("*", vec![b'4'], far()).await.unwrap();
    assert_eq!(one.keys(far()).await.unwrap(), ["a"]);
    assert_eq!(two.keys(far()).await.unwrap(), ["*"]);
    one.delete("a", far()).await.unwrap();
    assert_eq!(server.ask(&["GET", "theirs"]), "1");
    assert_eq!(server.ask(&["GET", "terrace:kv:other:default:a"]), "2");
    assert_eq!(server.ask(&["GET", "terrace:kv:app:two:*"]), "4");
    // A name that looks like another's prefix is none.
    let odd = Stores::open_redis(&server.url(), "app:two", &options()).unwrap();
    assert_eq!(odd.store("default").keys(far()).await.unwrap(), [""; 0]);
    assert_eq!(server.ask(&["LPUSH", "terrace:kv:app:two:list", "1"]), "1");
    let error = two.get("list", far()).await.unwrap_err();
    assert!(error.to_string().contains("WRONGTYPE"), "{error}");
}

#[tokio::test]
async fn killed_server_fails_calls_and_the_next_one_is_found() {
    let mut server = Server::with(&["appendonly yes"]);
    let store = store(&server);
    store.set("key", vec![1], far()).await.unwrap();
    server.kill();
    assert!(is_unavailable(&store.get("key", far()).await));
    for _ in 0..100 {
        let set = store.set("key", vec![2], far()).await.unwrap_err();
        let failure = set.engine_failure().unwrap();
        assert!(failure.retry_is_safe(), "nothing was sent: {failure}");
    }
    server.restart();
    assert_eq!(returned(&store, "key").await, Some(vec![1]));
    store.set("key", vec![3], far()).await.unwrap();
}

#[tokio::test]
async fn connection_that_broke_unused_is_made_again_without_a_failure() {
    let mut server = Server::with(&["appendonly yes"]);
    let store = store(&server);
    store.set("key", vec![1], far()).await.unwrap();
    server.kill();
    server.restart();
    assert_eq!(store.get("key", far()).await, Ok(Some(vec![1])));
    server.kill();
    server.restart();
    // Its end was seen, so it is not sent on the connection that broke.
    let set = store.set("key", vec![2], far()).await;
    assert!(
        set.is_ok() || set == Err(Error::Engine(EngineFailure::OutcomeUnknown)),
        "{set:?}"
    );
}

#[tokio::test]
async fn server_that_came_back_empty_has_no_values() {
    let mut server = Server::start();
    let store = store(&server);
    store.set("key", vec![1], far()).await.unwrap();
    server.kill();
    server.restart();
    assert_eq!(returned(&store, "key").await, None);
    assert_eq!(store.keys(far()).await, Ok(vec![]));
}

#[tokio::test]
async fn hung_server_is_left_and_nobody_waits_for_it_after_that() {
    let server = Server::start();
    let store = store(&server);
    store.set("key", vec![1], far()).await.unwrap();
    server.hang();
    let short = store.get("key", within(1)).await;
    assert_eq!(short, Err(Error::Engine(EngineFailure::DeadlineExceeded)));
    let set = store.set("key", vec![2], far()).await;
    assert_eq!(set, Err(Error::Engine(EngineFailure::OutcomeUnknown)));
    // One probes, and all others fail at once.
    assert!(is_unavailable(&store.get("key", far()).await));
    let mut at_once = 0;
    for _ in 0..100 {
        at_once += u32::from(is_unavailable(&store.get("key", within(1)).await));
    }
    assert!(at_once >= 90, "{at_once}");
    server.go_on();
    let value = returned(&store, "key").await;
    assert!(value == Some(vec![1]) || value == Some(vec![2]));
}

#[tokio::test]
async fn call_that_passes_its_deadline_costs_the_others_nothing() {
    let server = Server::start();
    let proxy = Proxy::before(&server.socket());
    let store = proxied(&proxy);
    store.set("key", vec![1], far()).await.unwrap();
    proxy.when("slow", Fault::Delay(Duration::from_millis(1_500)));
    let late = store.get("slow", within(1)).await;
    assert_eq!(late, Err(Error::Engine(EngineFailure::DeadlineExceeded)));
    assert_eq!(store.get("key", far()).await, Ok(Some(vec![1])));
}

#[tokio::test]
async fn read_is_sent_again_and_a_write_is_not() {
    let server = Server::start();
    let proxy = Proxy::before(&server.socket());
    let store = proxied(&proxy);
    store.set("key", vec![1], far()).await.unwrap();
    proxy.when("GET", Fault::Cut);
    assert_eq!(store.get("key", far()).await, Ok(Some(vec![1])));
    proxy.when("SET", Fault::Cut);
    let set = store.set("key", vec![2], far()).await;
    assert_eq!(set, Err(Error::Engine(EngineFailure::OutcomeUnknown)));
    assert_eq!(returned(&store, "key").await, Some(vec![1]));
    proxy.when("SET", Fault::SwallowAnswer);
    let set = store.set("key", vec![3], within(1)).await;
    assert_eq!(set, Err(Error::Engine(EngineFailure::OutcomeUnknown)));
    assert_eq!(
        server.ask(&["GETRANGE", "terrace:kv:app:default:key", "0", "-1"]),
        "\u{3}"
    );
}

#[tokio::test]
async fn connection_that_a_firewall_forgot_is_left() {
    let server = Server::start();
    let proxy = Proxy::before(&server.socket());
    let store = proxied(&proxy);
    store.set("key", vec![1], far()).await.unwrap();
    proxy.swallow_all();
    assert!(is_unavailable(&store.get("key", far()).await));
    assert_eq!(returned(&store, "key").await, Some(vec![1]));
    proxy.door(Door::Silent);
    proxy.cut_all();
    assert!(is_unavailable(&store.get("key", far()).await));
}

#[tokio::test]
async fn full_server_refuses_writes_and_answers_reads() {
    let server = Server::with(&["maxmemory 4mb", "maxmemory-policy noeviction"]);
    let store = store(&server);
    store.set("key", vec![1], far()).await.unwrap();
    let value = vec![7; 1 << 20];
    let mut full = Ok(());
    for number in 0..16 {
        full = store.set(&number.to_string(), value.clone(), far()).await;
        if full.is_err() {
            break;
        }
    }
    assert_eq!(full, Err(Error::Engine(EngineFailure::Full)));
    assert_eq!(store.get("key", far()).await, Ok(Some(vec![1])));
    store.delete("0", far()).await.unwrap();
}

#[tokio::test]
async fn server_that_became_a_replica_is_left() {
    let server = Server::start();
    let store = store(&server);
    store.set("key", vec![1], far()).await.unwrap();
    assert_eq!(server.ask(&["REPLICAOF", "127.0.0.1", "1"]), "OK");
    let set = store.set("key", vec![2], far()).await.unwrap_err();
    let failure = set.engine_failure().unwrap();
    assert!(failure.to_string().contains("READONLY"), "{failure}");
    assert!(failure.retry_is_safe());
    assert_eq!(server.ask(&["REPLICAOF", "NO", "ONE"]), "OK");
    store.set("key", vec![2], far()).await.unwrap();
}

#[tokio::test]
async fn closed_stores_take_no_calls() {
    let server = Server::start();
    let stores = open(&server.url()).unwrap();
    stores.close(far()).await.unwrap();
    let get = stores.store("default").get("key", far()).await;
    assert_eq!(get, Err(Error::Engine(EngineFailure::Closed)));
}
