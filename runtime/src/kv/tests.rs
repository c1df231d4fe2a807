//! Contract tests of key-value stores.

use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::*;
use crate::clock;
use crate::sql;

struct Fixture {
    folder: TempDir,
    stores: Stores,
}

impl Fixture {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let stores = open(&folder).await;
        Self { folder, stores }
    }

    fn store(&self) -> Store {
        self.stores.store("default")
    }
}

async fn open(folder: &TempDir) -> Stores {
    Stores::open(&folder.path().join("kv.db"), sql::Options::default(), far())
        .await
        .unwrap()
}

fn far() -> Instant {
    clock::now() + Duration::from_secs(60)
}

#[tokio::test]
async fn missing_key_has_no_value() {
    let store = Fixture::new().await.store();
    assert_eq!(store.get("absent", far()).await, Ok(None));
    assert_eq!(store.exists("absent", far()).await, Ok(false));
    assert_eq!(store.delete("absent", far()).await, Ok(()));
    assert_eq!(store.keys(far()).await, Ok(vec![]));
}

#[tokio::test]
async fn values_come_back_byte_for_byte() {
    let fixture = Fixture::new().await;
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

#[tokio::test]
async fn setting_overwrites_and_deleting_removes() {
    let fixture = Fixture::new().await;
    let store = fixture.store();
    store.set("a", vec![1], far()).await.unwrap();
    store.set("a", vec![2], far()).await.unwrap();
    store.set("b", vec![3], far()).await.unwrap();
    assert_eq!(store.get("a", far()).await, Ok(Some(vec![2])));
    store.delete("a", far()).await.unwrap();
    assert_eq!(store.get("a", far()).await, Ok(None));
    assert_eq!(store.keys(far()).await, Ok(vec!["b".to_owned()]));
}

#[tokio::test]
async fn keys_are_listed_in_order() {
    let fixture = Fixture::new().await;
    let store = fixture.store();
    for key in ["b", "a/2", "a", "a/1", "B"] {
        store.set(key, vec![], far()).await.unwrap();
    }
    assert_eq!(
        store.keys(far()).await.unwrap(),
        ["B", "a", "a/1", "a/2", "b"]
    );
}

#[tokio::test]
async fn stores_do_not_see_each_other() {
    let fixture = Fixture::new().await;
    let (one, two) = (fixture.stores.store("one"), fixture.stores.store("two"));
    one.set("key", vec![1], far()).await.unwrap();
    assert_eq!(two.get("key", far()).await, Ok(None));
    two.set("key", vec![2], far()).await.unwrap();
    two.delete("key", far()).await.unwrap();
    assert_eq!(one.get("key", far()).await, Ok(Some(vec![1])));
    assert_eq!(two.keys(far()).await, Ok(vec![]));
}

#[tokio::test]
async fn limits_of_key_and_value_are_exact() {
    let fixture = Fixture::new().await;
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

#[tokio::test]
async fn values_are_there_after_opening_again() {
    let fixture = Fixture::new().await;
    fixture.store().set("key", vec![1], far()).await.unwrap();
    fixture.stores.database().close().await.unwrap();
    let again = open(&fixture.folder).await;
    assert_eq!(
        again.store("default").get("key", far()).await,
        Ok(Some(vec![1]))
    );
}

#[tokio::test]
async fn passed_deadline_is_an_error_of_the_call() {
    let fixture = Fixture::new().await;
    let late = Err(Error::Database(sql::Error::DeadlineExceeded));
    assert_eq!(
        fixture.store().set("key", vec![1], clock::now()).await,
        late
    );
    assert_eq!(fixture.store().get("key", far()).await, Ok(None));
}

#[tokio::test]
async fn table_of_another_program_is_not_mistaken_for_ours() {
    let fixture = Fixture::new().await;
    let database = fixture.stores.database().clone();
    for sql in [
        "DROP TABLE key_value",
        "CREATE TABLE key_value (store, key, value, PRIMARY KEY (store, key))",
        "INSERT INTO key_value VALUES ('default', 'key', 'text')",
    ] {
        database
            .session()
            .execute(sql, vec![], far())
            .await
            .unwrap();
    }
    let error = fixture.store().get("key", far()).await.unwrap_err();
    assert!(
        error.to_string().contains("not made by this program"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_writers_at_once_all_succeed() {
    let fixture = Fixture::new().await;
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
