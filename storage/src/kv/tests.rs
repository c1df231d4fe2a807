//! Contract tests of key-value stores. Each runs on every engine.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::task::JoinSet;

use super::{
    Error, MAX_KEY_BYTES, MAX_KEYS_BYTES, MAX_VALUE_BYTES, MAX_VALUES_BYTES, Store, Stores,
};
use crate::test_redis::Server;
use crate::test_redis::cluster::Cluster;
use crate::{EngineFailure, RedisOptions, SqliteOptions, clock};

/// Runs tests, which take an [`Engine`], on each engine. A new engine adds a line here. On a Cluster, which takes its time to start,
/// they run one after the other.
macro_rules! on_each_engine {
    ($($name:ident,)+) => {
        on_engine! { sqlite, Sqlite, $($name,)+ }
        on_engine! { redis, Redis, $($name,)+ }

        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn all_of_it_holds_on_a_cluster() {
            let cluster = Arc::new(Cluster::start().await);
            $(
                let engine = Engine::Cluster(Arc::clone(&cluster), stringify!($name));
                $name(engine).await;
            )+
        }
    };
}

/// The tests of one engine, in a module with its name.
macro_rules! on_engine {
    ($module:ident, $engine:ident, $($name:ident,)+) => {
        mod $module {
            use super::Engine;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    super::$name(Engine::$engine).await;
                }
            )+
        }
    };
}

on_each_engine! {
    missing_key_has_no_value,
    values_come_back_byte_for_byte,
    setting_overwrites_and_deleting_removes,
    keys_are_listed_in_order,
    many_keys_are_listed_once_each,
    list_of_keys_is_bounded_and_each_key_is_still_there,
    stores_do_not_see_each_other,
    limits_of_key_and_value_are_exact,
    values_are_there_after_opening_again,
    passed_deadline_is_an_error_of_the_call,
    many_writers_at_once_all_succeed,
    increments_at_once_all_count,
    what_is_no_number_is_not_incremented,
    one_of_the_swaps_of_a_value_succeeds,
    many_keys_are_set_read_and_deleted_at_once,
    values_of_many_keys_are_bounded,
}

/// An engine under test.
enum Engine {
    Sqlite,
    Redis,
    /// With the owner of the keys.
    Cluster(Arc<Cluster>, &'static str),
}

/// What keeps the values.
enum Place {
    Folder(TempDir),
    Server(Server),
    Cluster(Arc<Cluster>, &'static str),
}

impl Engine {
    fn place(self) -> Place {
        match self {
            Self::Sqlite => Place::Folder(tempfile::tempdir().unwrap()),
            Self::Redis => Place::Server(Server::start()),
            Self::Cluster(cluster, owner) => Place::Cluster(cluster, owner),
        }
    }
}

impl Place {
    fn open(&self) -> Stores {
        match self {
            Self::Folder(folder) => {
                let path = folder.path().join("kv.db");
                Stores::open_sqlite(&path, SqliteOptions::default()).unwrap()
            }
            Self::Server(server) => {
                Stores::open_redis(&server.url(), "app", &RedisOptions::default()).unwrap()
            }
            Self::Cluster(cluster, owner) => {
                Stores::open_redis(&cluster.url(), owner, &RedisOptions::default()).unwrap()
            }
        }
    }
}

struct Fixture {
    place: Place,
    stores: Stores,
}

impl Fixture {
    fn new(engine: Engine) -> Self {
        let place = engine.place();
        let stores = place.open();
        Self { place, stores }
    }

    fn store(&self) -> Store {
        self.stores.store("default")
    }
}

fn far() -> Instant {
    clock::now() + Duration::from_secs(60)
}

async fn missing_key_has_no_value(engine: Engine) {
    let fixture = Fixture::new(engine);
    let store = fixture.store();
    assert_eq!(store.get("absent", far()).await, Ok(None));
    assert_eq!(store.exists("absent", far()).await, Ok(false));
    assert_eq!(store.delete("absent", far()).await, Ok(()));
    assert_eq!(store.keys(far()).await, Ok(vec![]));
}

async fn values_come_back_byte_for_byte(engine: Engine) {
    let fixture = Fixture::new(engine);
    let store = fixture.store();
    let every_byte: Vec<u8> = (0..=255).collect();
    for (key, value) in [
        ("", vec![]),
        ("naïve \u{1F980}\0", every_byte),
        ("key", b"text".to_vec()),
    ] {
        store.set(key, value.clone(), far()).await.unwrap();
        assert_eq!(store.get(key, far()).await, Ok(Some(value)));
        assert_eq!(store.exists(key, far()).await, Ok(true));
    }
}

async fn setting_overwrites_and_deleting_removes(engine: Engine) {
    let fixture = Fixture::new(engine);
    let store = fixture.store();
    store.set("a", vec![1], far()).await.unwrap();
    store.set("a", vec![2], far()).await.unwrap();
    store.set("b", vec![3], far()).await.unwrap();
    assert_eq!(store.get("a", far()).await, Ok(Some(vec![2])));
    store.delete("a", far()).await.unwrap();
    assert_eq!(store.get("a", far()).await, Ok(None));
    assert_eq!(store.keys(far()).await, Ok(vec!["b".to_owned()]));
}

async fn keys_are_listed_in_order(engine: Engine) {
    let fixture = Fixture::new(engine);
    let store = fixture.store();
    for key in ["b", "a/2", "a", "a/1", "B"] {
        store.set(key, vec![], far()).await.unwrap();
    }
    assert_eq!(
        store.keys(far()).await.unwrap(),
        ["B", "a", "a/1", "a/2", "b"]
    );
}

async fn many_keys_are_listed_once_each(engine: Engine) {
    let fixture = Fixture::new(engine);
    let keys: Vec<String> = (0..2_500).map(|number| format!("{number:04}")).collect();
    for key in &keys {
        let store = fixture.store();
        store.set(key, vec![], far()).await.unwrap();
    }
    assert_eq!(fixture.store().keys(far()).await, Ok(keys));
}

async fn list_of_keys_is_bounded_and_each_key_is_still_there(engine: Engine) {
    let fixture = Fixture::new(engine);
    let count = MAX_KEYS_BYTES / MAX_KEY_BYTES + 1;
    let key = |number: usize| format!("{number:0>MAX_KEY_BYTES$}");
    let mut writes = JoinSet::new();
    for number in 0..count {
        let store = fixture.store();
        writes.spawn(async move { store.set(&key(number), vec![], far()).await });
        if writes.len() == 500 {
            writes.join_next().await.unwrap().unwrap().unwrap();
        }
    }
    while let Some(written) = writes.join_next().await {
        written.unwrap().unwrap();
    }
    let store = fixture.store();
    assert_eq!(store.keys(far()).await, Err(Error::TooManyKeys));
    assert_eq!(store.get(&key(count - 1), far()).await, Ok(Some(vec![])));
    store.delete(&key(0), far()).await.unwrap();
}

async fn stores_do_not_see_each_other(engine: Engine) {
    let fixture = Fixture::new(engine);
    let (one, two) = (fixture.stores.store("one"), fixture.stores.store("two"));
    one.set("key", vec![1], far()).await.unwrap();
    assert_eq!(two.get("key", far()).await, Ok(None));
    two.set("key", vec![2], far()).await.unwrap();
    two.delete("key", far()).await.unwrap();
    assert_eq!(one.get("key", far()).await, Ok(Some(vec![1])));
    assert_eq!(two.keys(far()).await, Ok(vec![]));
}

async fn limits_of_key_and_value_are_exact(engine: Engine) {
    let fixture = Fixture::new(engine);
    let store = fixture.store();
    let longest = "k".repeat(MAX_KEY_BYTES);
    store
        .set(&longest, vec![7; MAX_VALUE_BYTES], far())
        .await
        .unwrap();
    let value = store.get(&longest, far()).await.unwrap().unwrap();
    assert_eq!(value.len(), MAX_VALUE_BYTES);
    let (bytes, too_long) = (MAX_KEY_BYTES + 1, format!("{longest}k"));
    assert_eq!(
        store.get(&too_long, far()).await,
        Err(Error::KeyTooLong { bytes })
    );
    assert_eq!(
        store.set(&too_long, vec![], far()).await,
        Err(Error::KeyTooLong { bytes })
    );
    assert_eq!(
        store.delete(&too_long, far()).await,
        Err(Error::KeyTooLong { bytes })
    );
    assert_eq!(
        store.exists(&too_long, far()).await,
        Err(Error::KeyTooLong { bytes })
    );
    let bytes = MAX_VALUE_BYTES + 1;
    let result = store.set("key", vec![0; bytes], far()).await;
    assert_eq!(result, Err(Error::ValueTooLarge { bytes }));
    assert_eq!(store.exists("key", far()).await, Ok(false));
}

async fn values_are_there_after_opening_again(engine: Engine) {
    let fixture = Fixture::new(engine);
    fixture.store().set("key", vec![1], far()).await.unwrap();
    fixture.stores.close(far()).await.unwrap();
    let again = fixture.place.open();
    assert_eq!(
        again.store("default").get("key", far()).await,
        Ok(Some(vec![1]))
    );
}

async fn passed_deadline_is_an_error_of_the_call(engine: Engine) {
    let fixture = Fixture::new(engine);
    let late = Err(Error::Engine(EngineFailure::DeadlineExceeded));
    assert_eq!(
        fixture.store().set("key", vec![1], clock::now()).await,
        late
    );
    assert_eq!(fixture.store().get("key", far()).await, Ok(None));
}

async fn many_writers_at_once_all_succeed(engine: Engine) {
    let fixture = Fixture::new(engine);
    let tasks: Vec<_> = (0..500)
        .map(|number| {
            let store = fixture.store();
            let key = number.to_string();
            tokio::spawn(async move { store.set(&key, key.clone().into_bytes(), far()).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(fixture.store().keys(far()).await.unwrap().len(), 500);
}

async fn increments_at_once_all_count(engine: Engine) {
    let fixture = Fixture::new(engine);
    let other = fixture.place.open();
    let mut tasks = JoinSet::new();
    for number in 0..400 {
        let stores = [&fixture.stores, &other][number % 2];
        let store = stores.store("default");
        tasks.spawn(async move { store.increment("n", 3, far()).await.unwrap() });
    }
    let mut sums = tasks.join_all().await;
    sums.sort_unstable();
    let expected: Vec<i64> = (1..=400).map(|number| number * 3).collect();
    assert_eq!(sums, expected);
    let store = fixture.store();
    assert_eq!(store.get("n", far()).await, Ok(Some(b"1200".to_vec())));
    assert_eq!(store.increment("n", -1201, far()).await, Ok(-1));
    assert_eq!(store.increment("n", 0, far()).await, Ok(-1));
}

async fn what_is_no_number_is_not_incremented(engine: Engine) {
    let fixture = Fixture::new(engine);
    let store = fixture.store();
    for value in [
        "",
        "one",
        "1.5",
        " 1",
        "1 ",
        "+1",
        "01",
        "-0",
        "1\0",
        "1e3",
        "9223372036854775808",
        "-9223372036854775809",
    ] {
        store.set("n", value.into(), far()).await.unwrap();
        let failed = store.increment("n", 1, far()).await;
        assert_eq!(failed, Err(Error::NoNumber), "{value:?}");
        assert_eq!(store.get("n", far()).await, Ok(Some(value.into())));
    }
    for (value, delta, sum) in [
        (i64::MAX, 1, None),
        (i64::MIN, -1, None),
        (i64::MAX, i64::MIN, Some(-1)),
        (i64::MAX - 1, 1, Some(i64::MAX)),
        (-1, i64::MIN, None),
        (0, i64::MIN, Some(i64::MIN)),
    ] {
        let text = value.to_string().into_bytes();
        store.set("n", text, far()).await.unwrap();
        let expected = sum.ok_or(Error::NoNumber);
        assert_eq!(store.increment("n", delta, far()).await, expected);
        let text = sum.unwrap_or(value).to_string().into_bytes();
        assert_eq!(store.get("n", far()).await, Ok(Some(text)));
    }
}

async fn one_of_the_swaps_of_a_value_succeeds(engine: Engine) {
    let fixture = Fixture::new(engine);
    let expected: [Option<&[u8]>; 3] = [None, Some(b""), Some(b"\0\xff")];
    for (index, present) in expected.into_iter().enumerate() {
        let store = fixture.store();
        if let Some(present) = present {
            store.set("key", present.to_vec(), far()).await.unwrap();
        }
        for other in expected.iter().enumerate().filter(|(at, _)| *at != index) {
            let swapped = store.swap("key", *other.1, vec![9], far()).await;
            assert_eq!(swapped, Ok(false), "{present:?} is not {other:?}");
        }
        let mut tasks = JoinSet::new();
        for number in 0..50 {
            let (store, present) = (fixture.store(), present.map(<[u8]>::to_vec));
            tasks.spawn(async move {
                let swap = store.swap("key", present.as_deref(), vec![1, number], far());
                swap.await.unwrap().then_some(number)
            });
        }
        let won: Vec<u8> = tasks.join_all().await.into_iter().flatten().collect();
        assert_eq!(won.len(), 1, "{present:?}");
        let value = store.get("key", far()).await;
        assert_eq!(value, Ok(Some(vec![1, won[0]])));
        store.delete("key", far()).await.unwrap();
    }
    let bytes = MAX_VALUE_BYTES + 1;
    let store = fixture.store();
    let swapped = store.swap("key", None, vec![0; bytes], far());
    assert_eq!(swapped.await, Err(Error::ValueTooLarge { bytes }));
}

async fn many_keys_are_set_read_and_deleted_at_once(engine: Engine) {
    let fixture = Fixture::new(engine);
    let store = fixture.store();
    let keys: Vec<String> = (0..100).map(|number| number.to_string()).collect();
    let values = keys.iter().map(|key| (key.clone(), key.clone().into()));
    let first = ("7".to_owned(), b"of two, the last counts".to_vec());
    let values: Vec<_> = std::iter::once(first).chain(values).collect();
    store.set_many(values, far()).await.unwrap();
    let asked = ["99", "absent", "7", "7"].map(str::to_owned);
    let found = store.get_many(&asked, far()).await.unwrap();
    let value = |text: &str| Some(text.as_bytes().to_vec());
    assert_eq!(found, [value("99"), None, value("7"), value("7")]);
    store.delete_many(&keys[1..], far()).await.unwrap();
    assert_eq!(store.keys(far()).await.unwrap(), ["0"]);
    assert_eq!(store.get_many(&[], far()).await, Ok(vec![]));
    store.set_many(vec![], far()).await.unwrap();
}

async fn values_of_many_keys_are_bounded(engine: Engine) {
    let fixture = Fixture::new(engine);
    let store = fixture.store();
    let large = vec![0; MAX_VALUES_BYTES / 2];
    store.set("large", large, far()).await.unwrap();
    let mut keys = vec!["large".to_owned(); 2];
    assert!(store.get_many(&keys, far()).await.is_ok());
    store.set("small", vec![0], far()).await.unwrap();
    keys.push("small".to_owned());
    let refused = store.get_many(&keys, far()).await;
    assert_eq!(refused, Err(Error::TooManyValues));
}
