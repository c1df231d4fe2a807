//! Purges, and what they keep from being stored.

use super::{
    CacheGroup, CacheKey, Groups, Purge, PurgeMode, Put, Store, has, in_language, key, key_at, put,
    response, store,
};

const ORIGIN: &str = "http://a.example";

fn of_group(origin: Option<&str>, group: &str) -> Purge {
    Purge::Group {
        origin: origin.map(Into::into),
        group: CacheGroup::new(group),
    }
}

/// Which of the keys miss after a purge.
fn purged(store: &Store, keys: &[&CacheKey], what: &Purge) -> Vec<bool> {
    for key in keys {
        put(store, key, &response(1, &["articles", "all"]));
    }
    let count = store.purge(what, PurgeMode::Hard);
    let missing: Vec<bool> = keys.iter().map(|key| store.get(key).is_none()).collect();
    let gone = missing.iter().filter(|is_missing| **is_missing).count();
    assert_eq!(count, gone as u64);
    missing
}

#[test]
fn url_is_purged_with_all_its_variants() {
    let store = store(1 << 20);
    put(&store, &key("/a"), &in_language("en", &[]));
    put(&store, &key("/a"), &in_language("de", &[]));
    put(&store, &key("/a?b"), &response(1, &[]));
    assert_eq!(store.purge(&Purge::Url(key("/a")), PurgeMode::Hard), 2);
    assert!(store.get(&key("/a")).is_none());
    assert!(store.get(&key("/a?b")).is_some());
}

#[test]
fn prefix_is_compared_as_text() {
    let keys = [
        key("/a"),
        key("/a/b"),
        key("/b"),
        key_at("http://b.example", "/a"),
    ];
    let keys: Vec<&CacheKey> = keys.iter().collect();
    let prefix = Purge::Prefix("http://a.example/a".into());
    assert_eq!(
        purged(&store(1 << 20), &keys, &prefix),
        [true, true, false, false]
    );
}

#[test]
fn path_is_purged_on_each_origin() {
    let keys = [
        key("/a?b"),
        key_at("http://b.example", "/a?b"),
        key_at("https://b.example:8443", "/a?b"),
        key("/a"),
        key("/a?b=c"),
    ];
    let keys: Vec<&CacheKey> = keys.iter().collect();
    let path = Purge::path_of(keys[0]);
    assert_eq!(
        purged(&store(1 << 20), &keys, &path),
        [true, true, true, false, false]
    );
}

#[test]
fn group_of_one_origin_leaves_those_of_others_rfc_9875_2() {
    let keys = [key("/1"), key("/2"), key_at("http://b.example", "/1")];
    let keys: Vec<&CacheKey> = keys.iter().collect();
    let one = of_group(Some(ORIGIN), "articles");
    assert_eq!(purged(&store(1 << 20), &keys, &one), [true, true, false]);
    let all = of_group(None, "articles");
    assert_eq!(purged(&store(1 << 20), &keys, &all), [true; 3]);
    let none = of_group(None, "article");
    assert_eq!(purged(&store(1 << 20), &keys, &none), [false; 3]);
}

#[test]
fn only_the_variants_of_a_group_are_purged_with_it() {
    let store = store(1 << 20);
    let (member, other) = (in_language("en", &["g"]), in_language("de", &["h"]));
    put(&store, &key("/"), &member);
    put(&store, &key("/"), &other);
    assert_eq!(store.purge(&of_group(None, "g"), PurgeMode::Hard), 1);
    assert!(has(&store, &key("/"), &other) && !has(&store, &key("/"), &member));
    assert_eq!(store.purge(&of_group(None, "h"), PurgeMode::Hard), 1);
}

#[test]
fn everything_is_purged_hard() {
    let store = store(1 << 20);
    for number in 0..1000 {
        put(&store, &key(&format!("/{number}")), &response(1, &["g"]));
    }
    assert_eq!(store.purge(&Purge::All, PurgeMode::Hard), 1000);
    let statistics = store.statistics();
    assert_eq!((statistics.entries, statistics.stored_bytes), (0, 0));
    assert_eq!(statistics.purged, 1000);
    assert_eq!(store.purge(&of_group(None, "g"), PurgeMode::Hard), 0);
}

#[test]
fn soft_purge_marks_what_is_there_and_nothing_later() {
    let store = store(1 << 20);
    for number in 0..1000 {
        put(&store, &key(&format!("/{number}")), &response(1, &["g"]));
    }
    for what in [
        Purge::All,
        of_group(None, "g"),
        Purge::Prefix("http://a".into()),
    ] {
        assert_eq!(store.purge(&what, PurgeMode::Soft), 1000);
    }
    put(&store, &key("/new"), &response(1, &["g"]));
    let is_stale = |path: &str| store.get(&key(path)).unwrap()[0].is_marked_stale();
    assert!(is_stale("/0") && is_stale("/999") && !is_stale("/new"));
}

#[test]
fn response_that_was_asked_for_before_a_purge_is_not_stored_after_it() {
    let purges = [
        Purge::Url(key("/a")),
        Purge::Prefix("http://a.example/".into()),
        of_group(Some(ORIGIN), "g"),
        of_group(None, "g"),
        Purge::All,
    ];
    for what in purges {
        for mode in [PurgeMode::Soft, PurgeMode::Hard] {
            let store = store(1 << 20);
            let before = store.generation();
            store.purge(&what, mode);
            let response = response(1, &["g"]);
            assert_eq!(store.put(&key("/a"), &response, before), Put::Invalidated);
            assert!(store.get(&key("/a")).is_none(), "{what:?}");
            put(&store, &key("/a"), &response);
        }
    }
}

#[test]
fn purge_of_something_else_keeps_nothing_from_being_stored() {
    let store = store(1 << 20);
    let before = store.generation();
    store.purge(&Purge::Url(key("/b")), PurgeMode::Hard);
    store.purge(&of_group(Some("http://b.example"), "g"), PurgeMode::Hard);
    let response = response(1, &["g"]);
    assert_eq!(store.put(&key("/a"), &response, before), Put::Stored);
}

#[test]
fn freshened_response_that_was_invalidated_meanwhile_is_not_stored() {
    let store = store(1 << 20);
    let (old, new) = (response(1, &[]), response(1, &[]));
    put(&store, &key("/"), &old);
    let since = store.generation();
    store.purge(&Purge::Url(key("/")), PurgeMode::Soft);
    assert_eq!(
        store.replace(&key("/"), &old, &new, since),
        Put::Invalidated
    );
    assert!(has(&store, &key("/"), &old));
}

#[test]
fn follower_learns_of_what_came_after_its_leader() {
    let store = store(1 << 20);
    let leader = store.generation();
    store.purge(&Purge::Url(key("/a")), PurgeMode::Hard);
    let between = store.generation();
    store.purge(&Purge::Url(key("/b")), PurgeMode::Hard);
    let now = store.generation();
    assert!(store.was_invalidated(&key("/a"), &Groups::default(), leader, now));
    assert!(store.was_invalidated(&key("/a"), &Groups::default(), leader, between));
    assert!(!store.was_invalidated(&key("/a"), &Groups::default(), between, now));
    assert!(!store.was_invalidated(&key("/c"), &Groups::default(), leader, now));
}

#[test]
fn more_purges_than_are_remembered_count_as_if_they_meant_everything() {
    let store = store(1 << 20);
    let before = store.generation();
    let purge = |number: usize| {
        store.purge(&Purge::Url(key(&format!("/{number}"))), PurgeMode::Hard);
    };
    (0..1024).for_each(purge);
    let response = response(1, &[]);
    assert_eq!(store.put(&key("/a"), &response, before), Put::Stored);
    purge(1024);
    assert_eq!(store.put(&key("/a"), &response, before), Put::Invalidated);
}
