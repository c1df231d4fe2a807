//! Many different keys, groups and variants: memory stays within the capacity and is counted.
//!
//! Nothing here measures the process. The structures' sizes follow from their numbers of elements and free places, and are
//! compared with the bytes that the store counts for them. A million would take minutes without optimisation. These
//! numbers are more than ten times what the store has room for, and nothing changes after it was full once.

use std::sync::Arc;

use super::{Store, StoredResponse, VaryKey, headers, key, plain, response, store};
use crate::store::weight::{MEMBER_BYTES, SLOT_BYTES};

const CAPACITY: u64 = 4 << 20;

/// Asserts that the counted bytes are within the capacity, and that the structures take no more than is counted for them.
fn check(store: &Store, groups_of_each: u64) {
    let statistics = store.statistics();
    assert!(statistics.stored_bytes <= CAPACITY);
    let structures: usize = store
        .shards
        .iter()
        .map(super::super::Shard::structure_bytes)
        .sum();
    let counted = statistics.entries * (SLOT_BYTES + groups_of_each * MEMBER_BYTES);
    assert!(
        structures as u64 <= counted,
        "{structures} bytes for {} entries, counted as {counted}",
        statistics.entries
    );
}

#[test]
fn many_keys_stay_within_the_capacity_and_are_counted() {
    let store = store(CAPACITY);
    let response = response(1, &[]);
    for number in 0..50_000_u32 {
        store.put(&key(&format!("/{number}")), &response, store.generation());
        if number % 1_000 == 999 {
            check(&store, 0);
        }
    }
}

#[test]
fn many_groups_stay_within_the_capacity_and_are_counted() {
    let store = store(CAPACITY);
    for number in 0..500_u32 {
        let names: Vec<String> = (0..200).map(|name| format!("{number}-{name}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let key = key(&format!("/{number}"));
        store.put(&key, &response(1, &names), store.generation());
        if number % 10 == 9 {
            check(&store, 200);
        }
    }
}

#[test]
fn many_variants_of_one_key_are_no_more_than_the_latest() {
    let store = store(CAPACITY);
    let nominating = headers(&[("vary", "x-user")]);
    for number in 0..10_000_u32 {
        let request = headers(&[("x-user", &number.to_string())]);
        let vary = VaryKey::new(&request, &nominating).unwrap();
        let variant = StoredResponse {
            vary,
            ..plain(1, &[])
        };
        store.put(&key("/"), &Arc::new(variant), store.generation());
    }
    assert_eq!(store.get(&key("/")).unwrap().len(), 16);
    check(&store, 0);
}
