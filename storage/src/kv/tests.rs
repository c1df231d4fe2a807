//! Contract tests of key-value stores. Each runs on every engine.

use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::task::JoinSet;

use super::{Error, MAX_KEY_BYTES, MAX_KEYS_BYTES, MAX_VALUE_BYTES, Store, Stores};
use crate::test_redis::Server;
use crate::{EngineFailure, RedisOptions, SqliteOptions, clock};

/// Runs tests, which take an [`Engine`], on each engine. A new engine adds a line here.
macro_rules! on_each_engine {
    ($($tests:tt)+) => {
        on_engine! { sqlite, Sqlite, $($tests)+ }
        on_engine! { redis, Redis, $($tests)+ }
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
}

/// An engine under test.
#[derive(Clone, Copy)]
enum Engine {
    Sqlite,
    Redis,
}

/// What keeps the values.
enum Place {
    Folder(TempDir),
    Server(Server),
}

impl Engine {
    fn place(self) -> Place {
        match self {
            Self::Sqlite => Place::Folder(tempfile::tempdir().unwrap()),
            Self::Redis => Place::Server(Server::start()),
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
