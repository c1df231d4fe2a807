//! A real Cluster: keys move, servers die, hang and come back.

use std::time::Duration;

use super::{far, is_unavailable, open, options, tls, within};
use crate::failure::EngineFailure;
use crate::kv::{Error, Store};
use crate::rate::Buckets;
use crate::registry::Registry;
use crate::sql::open::RedisOptions;
use crate::test_authority::Authority;
use crate::test_redis::Server;
use crate::test_redis::cluster::{Cluster, PRIMARIES, REPLICA, REPLICATED};
use crate::test_wait::until;

fn store(cluster: &Cluster) -> Store {
    open(&cluster.url()).unwrap().store("default")
}

/// A key of the store on each of the primaries.
fn keys(cluster: &Cluster) -> Vec<String> {
    let on = |primary| {
        let mut keys = (0..).map(|number| format!("key {number}"));
        let is_there = |key: &String| {
            let key = format!("terrace:kv:app:default:{key}");
            cluster.primary_of(&key) == primary
        };
        keys.find(is_there).unwrap()
    };
    (0..PRIMARIES).map(on).collect()
}

/// Reads until the key has a value again.
async fn returned(store: &Store, key: &str) -> Option<Vec<u8>> {
    until("the cluster answers again", async || {
        store.get(key, far()).await.ok()
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_on_all_servers_and_move_without_a_failure() {
    let cluster = Cluster::start().await;
    let (one, two) = (store(&cluster), store(&cluster));
    let keys = keys(&cluster);
    for key in &keys {
        one.set(key, key.clone().into_bytes(), far()).await.unwrap();
        assert_eq!(one.increment("n", 1, far()).await, Ok(1));
        assert_eq!(two.increment("n", -1, far()).await, Ok(0));
    }
    for server in &cluster.servers[..PRIMARIES] {
        assert_ne!(server.ask(&["DBSIZE"]), "0");
    }
    // Half-way, one of two keys of a slot is here and one is there.
    let (a, b) = ("{m}1", "{m}2");
    let from = cluster.primary_of("{m}");
    let to = (from + 1) % PRIMARIES;
    for key in [a, b] {
        one.set(key, b"5".to_vec(), far()).await.unwrap();
    }
    let check = async |round: i64| {
        for store in [&one, &two] {
            for key in [a, b] {
                store.increment(key, 1, far()).await.unwrap();
                let value = store.get(key, far()).await.unwrap().unwrap();
                let text = String::from_utf8(value).unwrap();
                assert!(text.parse::<i64>().unwrap() > 5 + round, "{text}");
            }
            assert_eq!(store.get("{m}absent", far()).await, Ok(None));
            assert!(store.swap("{m}new", None, vec![1], far()).await.unwrap());
            store.delete("{m}new", far()).await.unwrap();
        }
    };
    check(0).await;
    cluster.move_slot("{m}", from, to, || check(2)).await;
    check(4).await;
    assert_eq!(one.get(a, far()).await, Ok(Some(b"11".to_vec())));
    assert_eq!(two.keys(far()).await.unwrap().len(), keys.len() + 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn replica_of_a_killed_server_is_found_and_the_others_go_on() {
    let mut cluster = Cluster::start().await;
    let store = store(&cluster);
    let keys = keys(&cluster);
    for key in &keys {
        store.set(key, vec![1], far()).await.unwrap();
    }
    until("the replica has the value", async || {
        (cluster.servers[REPLICA].ask(&["DBSIZE"]) == "1").then_some(())
    })
    .await;
    cluster.servers[REPLICATED].kill();
    assert!(is_unavailable(&store.get(&keys[REPLICATED], far()).await));
    for key in keys.iter().enumerate().filter(|(at, _)| *at != REPLICATED) {
        assert_eq!(store.get(key.1, within(1)).await, Ok(Some(vec![1])));
    }
    let found = returned(&store, &keys[REPLICATED]).await;
    assert_eq!(found, Some(vec![1]));
    store.set(&keys[REPLICATED], vec![2], far()).await.unwrap();
    // The old primary comes back as a replica, and its connection as nothing.
    cluster.servers[REPLICATED].restart();
    assert_eq!(cluster.with_log().await, REPLICA);
    assert_eq!(store.get(&keys[REPLICATED], far()).await, Ok(Some(vec![2])));
    assert_eq!(store.keys(far()).await.unwrap().len(), PRIMARIES);
}

#[tokio::test(flavor = "multi_thread")]
async fn server_that_hangs_holds_up_its_own_keys_only_until_its_replica_takes_over() {
    let cluster = Cluster::start().await;
    let store = store(&cluster);
    let keys = keys(&cluster);
    for key in &keys {
        store.set(key, vec![1], far()).await.unwrap();
    }
    cluster.servers[REPLICATED].hang();
    let late = store.get(&keys[REPLICATED], within(1)).await;
    assert_eq!(late, Err(Error::Engine(EngineFailure::DeadlineExceeded)));
    for key in keys.iter().enumerate().filter(|(at, _)| *at != REPLICATED) {
        assert_eq!(store.get(key.1, within(1)).await, Ok(Some(vec![1])));
    }
    until("the replica is found", async || {
        let set = store.set(&keys[REPLICATED], vec![2], within(1)).await;
        set.ok()
    })
    .await;
    cluster.servers[REPLICATED].go_on();
    for _ in 0..50 {
        let found = store.get(&keys[REPLICATED], far()).await;
        assert_eq!(found, Ok(Some(vec![2])), "the old one has an old value");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cluster_that_is_not_there_yet_is_found_later() {
    let mut cluster = Cluster::start().await;
    let dead = [0, 2];
    for index in dead {
        cluster.servers[index].kill();
    }
    // The first server of the URL does not answer, the second one does.
    let store = store(&cluster);
    let keys = keys(&cluster);
    store.set(&keys[1], vec![1], far()).await.unwrap();
    assert!(is_unavailable(&store.get(&keys[0], far()).await));
    for index in dead {
        cluster.servers[index].restart();
    }
    assert_eq!(returned(&store, &keys[0]).await, None);
    assert_eq!(store.get(&keys[1], far()).await, Ok(Some(vec![1])));
    let url = cluster.url();
    drop(cluster);
    let short = RedisOptions {
        open_timeout: Duration::from_secs(2),
        ..options()
    };
    let gone = crate::kv::Stores::open_redis(&url, "app", &short);
    assert!(gone.unwrap_err().to_string().contains("cannot be reached"));
    assert!(Registry::open(&url, &short).is_ok(), "it may come later");
}

#[tokio::test(flavor = "multi_thread")]
async fn registry_and_buckets_are_on_the_server_of_their_key() {
    let cluster = Cluster::start().await;
    let open = || Registry::open(&cluster.url(), &options()).unwrap();
    let (one, two) = (open(), open());
    one.announce("1", "a", Duration::from_secs(60), far())
        .await
        .unwrap();
    let there = two.read(far()).await.unwrap();
    assert_eq!(there[0].text.as_deref(), Some("a"));
    let take = async |buckets: Buckets, name: &str| {
        let taken = buckets.take(name, 10, Duration::from_secs(3_600), far());
        u32::from(taken.await.unwrap().is_allowed)
    };
    for name in ["a", "b", "c", "d", "e", "f"] {
        let mut allowed = 0;
        for _ in 0..10 {
            allowed += take(one.buckets(), name).await + take(two.buckets(), name).await;
        }
        assert_eq!(allowed, 10, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_have_certificates_and_users_of_a_cluster_few_rights() {
    let authority = Authority::new();
    let certificate = authority.sign(&["localhost"], "2");
    let folder = tempfile::tempdir().unwrap();
    let mut settings = tls(&certificate, folder.path()).to_vec();
    settings.extend([
        format!("tls-ca-cert-file {}", authority.file().display()),
        "tls-cluster yes".to_owned(),
        "tls-replication yes".to_owned(),
        "cluster-announce-hostname localhost".to_owned(),
        "cluster-preferred-endpoint-type hostname".to_owned(),
        "user few on >hush ~terrace:kv:* +get +set +del +exists +incrby +scan +eval +info +cluster|slots +asking"
            .to_owned(),
    ]);
    let settings: Vec<_> = settings.iter().map(String::as_str).collect();
    let cluster = Cluster::with(&settings).await;
    let url = cluster.url().replace("127.0.0.1", "localhost");
    let url = url.replace("redis://", "rediss://few:hush@");
    let file = authority.file().display().to_string();
    let store = open(&format!("{url}&sslrootcert={file}")).unwrap();
    let store = store.store("default");
    for key in keys(&cluster) {
        store.set(&key, vec![1], far()).await.unwrap();
        assert_eq!(store.get(&key, far()).await, Ok(Some(vec![1])));
        assert!(store.swap(&key, Some(&[1]), vec![2], far()).await.unwrap());
    }
    assert_eq!(store.keys(far()).await.unwrap().len(), PRIMARIES);
    let wrong = url.replace("hush", "wrong");
    let error = open(&format!("{wrong}&sslrootcert={file}")).unwrap_err();
    assert!(error.to_string().contains("refuses this user"), "{error}");
}

#[test]
fn server_and_cluster_are_not_taken_for_each_other() {
    let node = Server::with(&["cluster-enabled yes"]);
    let error = open(&format!("redis://127.0.0.1:{}", node.port())).unwrap_err();
    assert!(error.to_string().contains("cluster=true"), "{error}");
    let empty = open(&format!("redis://127.0.0.1:{}?cluster=true", node.port()));
    let error = empty.unwrap_err();
    assert!(error.to_string().contains("has slots"), "{error}");
}
