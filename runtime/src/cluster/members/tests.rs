//! Which nodes an edge uses, as the registry changes.

use std::time::Duration;

use super::*;

/// An edge, and the time that has passed for it.
struct Edge {
    found: Found,
    now: Instant,
}

fn edge(app: Option<&str>) -> Edge {
    let found = Found {
        app: app.map(str::to_owned),
        ..Found::default()
    };
    let now = clock::now();
    Edge { found, now }
}

impl Edge {
    /// Its nodes, by host, after it has read this from the registry.
    fn read(&mut self, registered: &[Registered]) -> String {
        let origins = self.found.update(registered.to_vec(), self.now);
        let hosts = origins.iter().map(|origin| origin.authority().host());
        hosts.collect::<Vec<_>>().join(" ")
    }

    fn after(&mut self, time: Duration) {
        self.now += time;
    }

    fn states(&self) -> Vec<&'static str> {
        let used = self.found.used.values();
        let missing = used.filter(|used| used.missing_since.is_some());
        let missing = missing.map(|_| NodeFigures::MISSING);
        missing
            .chain(self.found.others.iter().map(|other| other.state))
            .collect()
    }
}

fn of(host: &str, app: &str, version: &str) -> Registered {
    let address = format!("http://{host}:3000");
    let text = serde_json::json!({"address": address, "app": app, "version": version});
    Registered {
        id: format!("{host} {app}"),
        text: Some(text.to_string()),
    }
}

fn node(host: &str) -> Registered {
    of(host, "shop", VERSION)
}

fn left(host: &str) -> Registered {
    let text = None;
    Registered { text, ..node(host) }
}

#[test]
fn nodes_come_and_those_that_leave_go_at_once() {
    let mut edge = edge(None);
    assert_eq!(edge.read(&[]), "");
    assert_eq!(edge.read(&[node("a")]), "a");
    assert_eq!(edge.read(&[node("a"), node("b")]), "a b");
    assert_eq!(edge.read(&[left("a"), node("b")]), "b");
    assert_eq!(edge.read(&[left("a"), left("b")]), "");
}

#[test]
fn node_that_is_missing_is_kept_for_a_time() {
    let mut edge = edge(None);
    edge.read(&[node("a"), node("b")]);
    assert_eq!(edge.read(&[node("b")]), "a b");
    assert_eq!(edge.states(), ["missing"]);
    edge.after(MISSING_NODE_KEPT / 2);
    assert_eq!(edge.read(&[node("b")]), "a b");
    edge.found.wait_again(edge.now);
    edge.after(MISSING_NODE_KEPT / 2);
    assert_eq!(
        edge.read(&[node("b")]),
        "a b",
        "the registry did not answer"
    );
    edge.after(MISSING_NODE_KEPT / 2);
    assert_eq!(edge.read(&[node("b")]), "b");
}

#[test]
fn registry_that_was_restarted_takes_no_node_away() {
    let mut edge = edge(None);
    edge.read(&[node("a"), node("b")]);
    for _ in 0..10 {
        edge.after(MISSING_NODE_KEPT);
        assert_eq!(edge.read(&[]), "a b");
    }
    assert_eq!(edge.read(&[node("b")]), "a b");
    edge.after(MISSING_NODE_KEPT / 2);
    assert_eq!(edge.read(&[node("a"), node("b")]), "a b");
    assert_eq!(edge.states(), [""; 0]);
}

/// Another process at the same address, before the note is gone that the one before it has left.
#[test]
fn node_that_was_started_again_is_used() {
    let mut edge = edge(None);
    edge.read(&[node("a")]);
    let again = Registered {
        id: "again".to_owned(),
        ..node("a")
    };
    assert_eq!(edge.read(&[left("a"), again.clone()]), "a");
    assert_eq!(edge.read(&[again]), "a");
}

#[test]
fn nodes_of_other_apps_and_versions_are_not_used() {
    let mut named = edge(Some("shop"));
    let foreign = [
        of("x", "bank", VERSION),
        of("y", "bank", VERSION),
        of("z", "shop", "99.0.0"),
    ];
    assert_eq!(named.read(&foreign), "");
    assert_eq!(named.states(), ["other-version", "other-app", "other-app"]);
    let warned = named.found.warnings.clone();
    assert_eq!(warned.len(), 2, "once for each app and version: {warned:?}");
    assert_eq!(named.read(&[&foreign[..], &[node("a")]].concat()), "a");
    assert_eq!(named.found.warnings, warned);
}

#[test]
fn app_with_most_nodes_at_first_sight_is_served_from_then_on() {
    let mut unnamed = edge(None);
    let bank = |host| of(host, "bank", VERSION);
    assert_eq!(unnamed.read(&[bank("x"), node("a"), node("b")]), "a b");
    assert_eq!(
        unnamed.read(&[bank("x"), bank("y"), left("a"), left("b")]),
        ""
    );
    let mut tie = edge(None);
    assert_eq!(tie.read(&[node("a"), bank("x")]), "x");
}

#[test]
fn what_is_no_node_is_counted() {
    let mut edge = edge(None);
    let saying = |text: &str| Registered {
        id: text.to_owned(),
        text: Some(text.to_owned()),
    };
    let wrong = [
        saying("text"),
        saying("{}"),
        of("a/path", "shop", VERSION),
        of("user:hush@a", "shop", VERSION),
    ];
    assert_eq!(edge.read(&[&wrong[..], &[node("a")]].concat()), "a");
    assert_eq!(edge.found.unreadable, 4);
    assert_eq!(edge.read(&[node("a")]), "a");
    assert_eq!(edge.found.unreadable, 0);
}

#[test]
fn nodes_and_warnings_have_a_bound() {
    let mut edge = edge(Some("shop"));
    let many: Vec<_> = (0..2 * MAX_NODES)
        .map(|host| node(&format!("n{host:04}")))
        .collect();
    edge.read(&many);
    assert_eq!(edge.found.used.len(), MAX_NODES);
    let apps: Vec<_> = (0..1_000)
        .map(|app| of("x", &format!("app {app}"), VERSION))
        .collect();
    edge.read(&apps);
    assert_eq!(edge.found.warnings.len(), MAX_WARNINGS);
}
