//! The servers behind names whose addresses change.

use std::io;
use std::sync::Mutex;
use std::time::Duration;

use futures::future::BoxFuture;

use super::*;
use crate::settings::OriginProtocol;

/// The addresses that the test's resolver gives; none for a failure. Tests of one process run one after the other or in
/// processes of their own, and only one test uses it.
static FOUND: Mutex<Vec<&str>> = Mutex::new(Vec::new());

#[allow(clippy::needless_pass_by_value, reason = "the signature of a resolver")]
fn lookup(host: String, port: u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
    assert_eq!((host.as_str(), port), ("nodes", 3000));
    let found = FOUND.lock().unwrap().clone();
    let found: Vec<SocketAddr> = found
        .iter()
        .map(|ip| SocketAddr::new(ip.parse().unwrap(), port))
        .collect();
    let result = if found.is_empty() {
        Err(io::Error::other("no answer"))
    } else {
        Ok(found)
    };
    Box::pin(std::future::ready(result))
}

fn edge() -> Edge {
    let time = Duration::from_secs(1);
    Edge {
        origins: Vec::new(),
        connect_timeout: time,
        first_byte_timeout: time,
        between_bytes_timeout: time,
        silence_timeout: time,
        request_timeout: time,
        websocket_timeout: time,
        request_body: 1,
        connections: 1,
        origin_protocol: OriginProtocol::Http1,
        origin_ca: None,
        hedge_after: None,
        health: HealthChecks {
            path: None,
            interval: Some(time),
            timeout: time,
            failures: 3,
        },
    }
}

fn entries(texts: &[&str]) -> Vec<OriginEntry> {
    let mut entries = Vec::new();
    for text in texts {
        OriginEntry::add(text, &mut entries).unwrap();
    }
    entries
}

fn names(origins: &Origins) -> Vec<String> {
    let figures = origins.figures().origins.into_iter();
    figures.map(|figures| figures.origin).collect()
}

async fn find(origins: &Origins, addresses: &[&'static str]) {
    *FOUND.lock().unwrap() = addresses.to_vec();
    origins.find().await;
}

#[tokio::test]
async fn addresses_of_a_name_come_and_go_and_a_failed_look_up_keeps_them() {
    let connector = Connector {
        lookup,
        ..Connector::new(LOOK_UP_TIMEOUT)
    };
    let entries = entries(&["http://10.0.0.1:1", "dns+http://nodes:3000"]);
    let origins = Origins::with(&entries, &edge(), clock::now(), connector);
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
