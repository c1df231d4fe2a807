//! The choice among origins, with given times and a seeded source of random numbers.

use std::time::Duration;

use super::super::health::Health;
use super::super::latency::Ending;
use super::super::limits::{MIN_EJECTION, SLOW_START};
use super::super::moment::start;
use super::*;
use crate::request::IdSource;
use crate::settings::Origin;

const MS: Duration = Duration::from_millis(1);

/// So many origins that are ejected by one failure, and a moment.
fn origins(count: u16) -> (Vec<Arc<Endpoint>>, Moment) {
    let endpoint = |number| {
        let origin = Origin::parse(&format!("http://10.0.0.1:{number}")).unwrap();
        Arc::new(Endpoint::new(origin, None, Health::new(1, None), 1_000))
    };
    (
        (1..=count).map(endpoint).collect(),
        start().1.plus(MS * 1_000),
    )
}

fn url(number: usize) -> UrlDigest {
    UrlDigest::of(b"shop.example", &format!("/{number}"))
}

fn is_same(one: &Arc<Endpoint>, other: &Arc<Endpoint>) -> bool {
    Arc::ptr_eq(one, other)
}

/// How many of 1,000 requests each origin gets, none of which ends.
fn shares(all: &[Arc<Endpoint>], requests_probe: bool, now: Moment) -> Vec<usize> {
    let random = IdSource::from_seeds(1, 2);
    let mut counts = vec![0; all.len()];
    for _ in 0..1_000 {
        let chosen = choose(all, &[], Some(&url(0)), requests_probe, now, || {
            random.next()
        })
        .unwrap();
        chosen.endpoint.begin();
        let index = all.iter().position(|one| is_same(one, &chosen.endpoint));
        counts[index.unwrap()] += 1;
    }
    counts
}

#[track_caller]
fn check_near(counts: &[usize], expected: &[usize]) {
    for (count, expected) in counts.iter().zip(expected) {
        let is_near = count.abs_diff(*expected) <= 60;
        assert!(is_near, "{counts:?} is not about {expected:?}");
    }
}

#[test]
fn origins_that_are_alike_share_equally() {
    let (all, now) = origins(4);
    check_near(&shares(&all, false, now), &[250; 4]);
}

#[test]
fn an_origin_that_is_slower_gets_less() {
    let (all, now) = origins(2);
    all[0].latency.note(Ending::Response, MS * 40, now);
    all[1].latency.note(Ending::Response, MS * 10, now);
    check_near(&shares(&all, false, now), &[200, 800]);
}

#[test]
fn an_origin_that_fails_fast_gets_less_than_one_that_is_slow() {
    let (all, now) = origins(2);
    all[0].latency.note(Ending::Failure, MS, now);
    all[1].latency.note(Ending::Response, MS * 25, now);
    check_near(&shares(&all, false, now), &[200, 800]);
}

#[test]
fn an_ejected_origin_gets_nothing() {
    let (all, now) = origins(3);
    all[1].health.failed(now, now, 0);
    check_near(&shares(&all, true, now), &[500, 0, 500]);
}

#[test]
fn an_ejected_origin_gets_one_probe_where_requests_probe() {
    let (all, now) = origins(3);
    all[1].health.failed(now, now, 0);
    let later = now.plus(MIN_EJECTION);
    assert_eq!(shares(&all, true, later)[1], 1);
    assert_eq!(shares(&all, false, later)[1], 0);
}

#[test]
fn if_all_are_ejected_requests_are_sent_anyway() {
    let (all, now) = origins(2);
    for endpoint in &all {
        endpoint.health.failed(now, now, 0);
    }
    check_near(&shares(&all, true, now), &[500, 500]);
}

#[test]
fn an_origin_that_comes_back_gets_a_growing_part() {
    let (all, now) = origins(2);
    all[0].health.failed(now, now, 0);
    let back = now.plus(MIN_EJECTION);
    all[0].health.succeeded(back, back);
    let first = shares(&all, false, back)[0];
    assert!((60..=140).contains(&first), "{first}");
    let (all, now) = origins(2);
    all[0].health.failed(now, now, 0);
    let back = now.plus(MIN_EJECTION);
    all[0].health.succeeded(back, back);
    check_near(&shares(&all, false, back.plus(SLOW_START)), &[500, 500]);
}

#[test]
fn an_origin_is_tried_once() {
    let (all, now) = origins(2);
    let random = IdSource::from_seeds(1, 2);
    for _ in 0..100 {
        let second = choose(&all, &all[..1], Some(&url(0)), true, now, || random.next()).unwrap();
        assert!(is_same(&second.endpoint, &all[1]));
    }
    assert!(choose(&all, &all, Some(&url(0)), true, now, || random.next()).is_none());
    assert!(choose(&[], &[], Some(&url(0)), true, now, || random.next()).is_none());
}

#[test]
fn an_ejected_origin_is_no_second_choice() {
    let (all, now) = origins(2);
    all[1].health.failed(now, now, 0);
    assert!(choose(&all, &all[..1], Some(&url(0)), true, now, || 0).is_none());
    assert!(!has_other(&all, &all[..1]));
    assert!(has_other(&all, &all[1..2]));
}

/// How many of 1,000 URLs each origin gets.
fn shares_of_urls(all: &[Arc<Endpoint>], now: Moment) -> Vec<usize> {
    let random = IdSource::from_seeds(1, 2);
    let mut counts = vec![0; all.len()];
    for number in 0..1_000 {
        let chosen = choose(all, &[], Some(&url(number)), false, now, || random.next()).unwrap();
        let index = all.iter().position(|one| is_same(one, &chosen.endpoint));
        counts[index.unwrap()] += 1;
    }
    counts
}

fn shields(count: u16) -> Vec<Arc<Endpoint>> {
    let shield = |number| {
        let edge = Origin::parse(&format!("http://10.0.0.2:{number}")).unwrap();
        Arc::new(Endpoint::new(edge, None, Health::new(1, None), 1_000).into_shield())
    };
    (1..=count).map(shield).collect()
}

#[test]
fn shields_that_are_healthy_share_the_urls_before_all_origins() {
    let (origins, now) = origins(2);
    let mut all = shields(2);
    all.extend(origins);
    check_near(&shares_of_urls(&all, now), &[500, 500, 0, 0]);
    all[0].health.failed(now, now, 0);
    check_near(&shares_of_urls(&all, now), &[0, 1_000, 0, 0]);
    all[1].health.failed(now, now, 0);
    let shares = shares_of_urls(&all, now);
    assert_eq!(shares[..2], [0, 0]);
}

/// The order of the list differs from edge to edge.
#[test]
fn each_url_has_a_shield_which_changes_only_if_that_fails() {
    let (_, now) = origins(0);
    let (all, mut reversed) = (shields(3), shields(3));
    reversed.reverse();
    let of = |all: &[Arc<Endpoint>], number| {
        let chosen = choose(all, &[], Some(&url(number)), false, now, || 0).unwrap();
        chosen.endpoint.name().to_owned()
    };
    let before: Vec<_> = (0..1_000).map(|number| of(&all, number)).collect();
    let same: Vec<_> = (0..1_000).map(|number| of(&reversed, number)).collect();
    assert_eq!(before, same);
    let failed = all[1].name().to_owned();
    all[1].health.failed(now, now, 0);
    let after = (0..1_000).map(|number| of(&all, number));
    let mut moved = 0;
    for (before, after) in before.iter().zip(after) {
        assert_eq!(*before == failed, *before != after);
        moved += usize::from(*before != after);
    }
    assert!((270..400).contains(&moved), "{moved}");
}
