//! The servers behind names whose addresses change.

use super::super::testing::{connector, edge, entries, find};
use super::*;

fn names(origins: &Origins) -> Vec<String> {
    let figures = origins.figures().origins.into_iter();
    figures.map(|figures| figures.origin).collect()
}

#[tokio::test]
async fn addresses_of_a_name_come_and_go_and_a_failed_look_up_keeps_them() {
    let entries = entries(&["http://10.0.0.1:1", "dns+http://nodes:3000"]);
    let origins = Origins::with(&entries, &edge(), clock::now(), connector());
    assert_eq!(names(&origins), ["10.0.0.1:1"]);
    find(&origins, &["10.0.0.3", "10.0.0.2", "10.0.0.3"]).await;
    let both = ["10.0.0.1:1", "10.0.0.2:3000", "10.0.0.3:3000"];
    assert_eq!(names(&origins), both);
    let stays = Arc::clone(&origins.endpoints()[1]);
    let now = origins.epoch.moment(clock::now());
    assert!((stays.health.share(now) - 1.0).abs() < f64::EPSILON);
    find(&origins, &[]).await;
    assert_eq!(names(&origins), both);
    find(&origins, &["10.0.0.2", "10.0.0.4"]).await;
    assert_eq!(
        names(&origins),
        ["10.0.0.1:1", "10.0.0.2:3000", "10.0.0.4:3000"]
    );
    assert!(Arc::ptr_eq(&stays, &origins.endpoints()[1]));
    let new = &origins.endpoints()[2];
    assert!(new.health.share(now) < 0.5, "it starts slowly");
}

#[test]
fn a_single_origin_is_neither_checked_nor_left() {
    let origins = |texts: &[&str]| Origins::new(&entries(texts), None, &edge(), clock::now());
    let one = origins(&["http://a"]);
    assert!(one.requests_probe() && one.patience.is_none());
    for several in [
        &["http://a", "http://b"][..],
        &["dns+http://a"],
        &["cluster"],
    ] {
        let several = origins(several);
        assert!(!several.requests_probe() && several.patience.is_some());
    }
}
