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

fn is_same(one: &Arc<Endpoint>, other: &Arc<Endpoint>) -> bool {
    Arc::ptr_eq(one, other)
}

/// How many of 1,000 requests each origin gets, none of which ends.
fn shares(all: &[Arc<Endpoint>], requests_probe: bool, now: Moment) -> Vec<usize> {
    let random = IdSource::from_seeds(1, 2);
    let mut counts = vec![0; all.len()];
    for _ in 0..1_000 {
        let chosen = choose(all, &[], requests_probe, now, || random.next()).unwrap();
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
        let second = choose(&all, &all[..1], true, now, || random.next()).unwrap();
        assert!(is_same(&second.endpoint, &all[1]));
    }
    assert!(choose(&all, &all, true, now, || random.next()).is_none());
    assert!(choose(&[], &[], true, now, || random.next()).is_none());
}

#[test]
fn an_ejected_origin_is_no_second_choice() {
    let (all, now) = origins(2);
    all[1].health.failed(now, now, 0);
    assert!(choose(&all, &all[..1], true, now, || 0).is_none());
    assert!(!has_other(&all, &all[..1]));
    assert!(has_other(&all, &all[1..2]));
}

#[test]
fn the_first_healthy_shield_is_asked_before_all_origins() {
    let shield = |name: &str| {
        let edge = Origin::parse(name).unwrap();
        Arc::new(Endpoint::new(edge, None, Health::new(1, None), 1_000).into_shield())
    };
    let (origins, now) = origins(2);
    let mut all = vec![shield("http://first"), shield("http://second")];
    all.extend(origins);
    check_near(&shares(&all, false, now), &[1_000, 0, 0, 0]);
    all[0].health.failed(now, now, 0);
    check_near(&shares(&all, false, now), &[0, 1_000, 0, 0]);
    all[1].health.failed(now, now, 0);
    check_near(&shares(&all, false, now), &[0, 0, 500, 500]);
}
