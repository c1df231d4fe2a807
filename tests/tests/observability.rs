//! Promise: an operator sees what happens.

use serde_json::{Value, json};
use terrace_tests::contract::{
    ACCESS_LOG_MEMBERS, EVENT_OUTPUT, EVENT_REQUEST, FAILURE, REQUEST_ID, REQUEST_ID_FIELD, STREAM,
    TEXT, failure, metric,
};
use terrace_tests::raw::{Connection, exchange};
use terrace_tests::upstream::Upstream;
use terrace_tests::{App, Running};

const VERSIONS: [&str; 2] = ["faults-p2", "faults-p3"];
const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT_ID: &str = "00f067aa0ba902b7";

fn traceparent() -> String {
    format!("00-{TRACE_ID}-{PARENT_ID}-01")
}

#[tokio::test]
async fn each_request_leaves_one_access_log_line() {
    for version in VERSIONS {
        let app = App::of(version).start().await;
        let answer = app.get("/status/418").await.expect(418);
        let line = app.logged(EVENT_REQUEST, &answer).await;
        for member in ACCESS_LOG_MEMBERS {
            assert!(
                !line[member].is_null(),
                "{version}: no `{member}` in {line}"
            );
        }
        assert_eq!(line["status"], 418);
        assert_eq!(line["component"], version);
        assert_eq!(line["route"], "/...");
        assert!(
            line["duration_us"]
                .as_f64()
                .is_some_and(|duration| duration >= 0.0),
            "{line}"
        );
        let ended = app.terminate().await;
        let id = format!("{:?}", answer.header(REQUEST_ID_FIELD));
        let lines = ended
            .text
            .lines()
            .filter(|line| line.contains(&id) && line.contains(EVENT_REQUEST))
            .count();
        assert_eq!(lines, 1, "{version}: {}", ended.text);
    }
}

#[tokio::test]
async fn requests_have_ids_of_their_own() {
    let app = App::of("faults-p3").start().await;
    let answers = terrace_tests::load::at_once(50, |_| app.get("/ok")).await;
    let ids = answers
        .iter()
        .map(|answer| answer.header(REQUEST_ID_FIELD).to_owned());
    assert_eq!(ids.collect::<std::collections::BTreeSet<_>>().len(), 50);
}

#[tokio::test]
async fn reuse_of_an_instance_is_logged_and_counted() {
    let app = App::of("faults-p3").start().await;
    let first = app.get("/count").await.expect(200);
    let second = app.get("/count").await.expect(200);
    assert_eq!(second.text(), "2", "the instance was not reused");
    assert_eq!(app.logged(EVENT_REQUEST, &first).await["reused"], false);
    assert_eq!(app.logged(EVENT_REQUEST, &second).await["reused"], true);
    let metrics = app.metrics().await;
    assert!(metrics.sum(metric::INSTANCES, &[("event", "reused")]) >= 1.0);
    assert!(metrics.sum(metric::INSTANCES, &[("event", "created")]) >= 1.0);
}

#[tokio::test]
async fn what_a_guest_prints_is_logged_with_its_request() {
    for version in VERSIONS {
        let app = App::of(version).start().await;
        let answer = app.get("/print?text=from%20a%20guest").await.expect(200);
        let id = answer.header(REQUEST_ID_FIELD).to_owned();
        for stream in ["stdout", "stderr"] {
            let printed = |line: &Value| line[REQUEST_ID] == id.as_str() && line[STREAM] == stream;
            let line = app.process.log.event(EVENT_OUTPUT, printed).await;
            assert_eq!(
                line[TEXT],
                format!("{stream}: from a guest"),
                "{version}: {line}"
            );
            assert_eq!(line["component"], version);
        }
    }
}

/// A guest must not be able to write log lines in the platform's name.
#[tokio::test]
async fn a_guest_cannot_forge_a_log_line() {
    for version in VERSIONS {
        let app = App::of(version).start().await;
        let forged = "%0A%7B%22event%22%3A%22request%22%2C%22forged%22%3Atrue%7D%0A%1B%5B31m";
        let answer = app.get(&format!("/print?text={forged}")).await.expect(200);
        app.logged(EVENT_REQUEST, &answer).await;
        let text = app.terminate().await.text;
        let is_forged =
            |line: &str| serde_json::from_str(line).is_ok_and(|line: Value| line["forged"] == true);
        assert!(!text.lines().any(is_forged), "{version}: {text}");
        assert!(
            !text.contains('\u{1b}'),
            "{version}: an escape sequence of the guest reached the terminal"
        );
    }
}

#[tokio::test]
async fn the_reason_of_a_trap_is_logged_and_not_told_to_the_client() {
    for version in VERSIONS {
        let app = App::of(version).start().await;
        let answer = app.get("/trap").await.expect(500);
        assert!(!answer.text().contains("on purpose"), "{}", answer.text());
        assert_eq!(
            app.logged(EVENT_REQUEST, &answer).await[FAILURE],
            failure::TRAPPED
        );
        app.process
            .log
            .find("the guest's own words", |line| {
                line.contains("on purpose").then_some(())
            })
            .await;
    }
}

#[tokio::test]
async fn metrics_count_requests_by_component_and_status() {
    let app = App::of("faults-p3").start().await;
    for path in ["/ok", "/ok", "/status/404", "/trap"] {
        app.get(path).await;
    }
    let component = ("component", "faults-p3");
    for (status, count) in [("2xx", 2.0), ("4xx", 1.0), ("5xx", 1.0)] {
        app.until_metric(metric::REQUESTS, &[component, ("status", status)], |sum| {
            sum == count
        })
        .await;
    }
    app.until_metric(
        metric::FAILURES,
        &[component, ("failure", failure::TRAPPED)],
        |sum| sum == 1.0,
    )
    .await;
}

#[tokio::test]
async fn health_is_on_the_admin_listener_only() {
    let app = App::of("faults-p3").start().await;
    app.admin("/livez").await.expect(200);
    app.admin("/readyz").await.expect(200);
    let page = app.admin("/metrics").await.expect(200);
    assert!(
        page.header("content-type").starts_with("text/plain")
            || page.header("content-type").contains("openmetrics")
    );
    for path in ["/livez", "/readyz", "/metrics"] {
        app.get(path).await.expect(404);
    }
}

/// The admin listener writes to them for five seconds at most.
#[tokio::test]
async fn readers_of_admin_pages_that_stall_are_cut_and_hide_no_page() {
    let app = App::of("faults-p3").start().await;
    let mut stalled = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let connection = Connection::open(&app.admin).await;
        let request = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
        stalled.spawn(connection.send_until_cut(request));
    }
    app.admin("/readyz").await.expect(200);
    assert_eq!(stalled.len(), 8);
    stalled.join_all().await;
    app.admin("/readyz").await.expect(200);
}

#[tokio::test]
async fn a_response_with_trailers_is_logged_as_complete() {
    let origin = Upstream::raw(async |mut connection: Connection| {
        connection.read_until("\r\n\r\n").await;
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n";
        connection.send(head).await;
        connection.send("2\r\nok\r\n0\r\nx-sum: 1\r\n\r\n").await;
    });
    let origin = origin.await;
    let edge = App::edge(&origin.url).start().await;
    let request = "GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: close, te\r\n\r\n";
    let text = exchange(&edge.http, request).await;
    assert!(text.ends_with("0\r\nx-sum: 1\r\n\r\n"), "{text}");
    let line = edge.process.log.event(EVENT_REQUEST, |_| true).await;
    assert_eq!(line["status"], 200, "{line}");
    assert!(line[FAILURE].is_null(), "{line}");
    assert_eq!(edge.metrics().await.sum(metric::FAILURES, &[]), 0.0);
}

#[tokio::test]
async fn a_trace_from_outside_is_carried_to_the_guest_and_to_its_upstream() {
    let upstream = Upstream::start().await;
    for version in VERSIONS {
        let grant = format!("allowed_outbound_hosts = [{:?}]", upstream.url);
        let app = App::of(version).grant(&grant).start().await;
        let fields = [("traceparent", traceparent())];
        let fields: Vec<_> = fields
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let seen = app.get_with("/headers", &fields).await.expect(200).json();
        check_carried(seen["traceparent"][0].as_str());
        app.get_with(&format!("/chain?url={}/traced", upstream.url), &fields)
            .await
            .expect(200);
        let head = upstream.seen().pop().expect("the upstream was called");
        check_carried(
            head.headers
                .get("traceparent")
                .and_then(|value| value.to_str().ok()),
        );
    }
}

/// The trace is the one from outside, and the parent is a span of this server (W3C Trace Context §3.2).
#[track_caller]
fn check_carried(traceparent: Option<&str>) {
    let parts: Vec<_> = traceparent.unwrap_or_default().split('-').collect();
    assert_eq!(parts.len(), 4, "{traceparent:?}");
    assert_eq!(parts[1], TRACE_ID);
    assert_ne!(parts[2], PARENT_ID, "the span is our own");
}

#[tokio::test]
async fn a_malformed_trace_is_replaced_by_a_new_one() {
    let app = App::of("faults-p3").start().await;
    for malformed in [
        "00-0-0-00",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "nonsense",
    ] {
        let seen = app
            .get_with("/headers", &[("traceparent", malformed)])
            .await
            .expect(200)
            .json();
        assert_ne!(seen["traceparent"], json!([malformed]));
    }
}

#[tokio::test]
async fn every_line_of_the_json_log_is_json() {
    let app = App::of("faults-p3").start().await;
    for path in ["/ok", "/trap", "/print", "/nothing"] {
        app.get(path).await;
    }
    let text = ended_text(app).await;
    for line in text.lines().filter(|line| !line.is_empty()) {
        let parsed: Result<Value, _> = serde_json::from_str(line);
        assert!(
            parsed.is_ok_and(|line| line.is_object()),
            "not JSON: {line}"
        );
    }
}

async fn ended_text(app: Running) -> String {
    app.terminate().await.text
}

#[tokio::test]
async fn the_time_in_each_stage_is_counted_and_logged() {
    let app = App::of("faults-p3").start().await;
    let answer = app.get("/sleep/50").await.expect(200);
    let line = app.logged(EVENT_REQUEST, &answer).await;
    let stages = line["stages_us"].as_object().expect("stages are an object");
    let names: Vec<&str> = stages.keys().map(String::as_str).collect();
    for stage in [
        "accept", "limit", "cache", "route", "admit", "run", "respond",
    ] {
        assert!(names.contains(&stage), "no {stage} in {line}");
    }
    let run = stages["run"].as_u64().expect("microseconds");
    assert!(run >= 50_000, "the guest slept: {line}");
    let sum: u64 = stages.values().filter_map(Value::as_u64).sum();
    let duration = line["duration_us"].as_u64().expect("microseconds");
    // Each stage is rounded down to a microsecond.
    assert!(sum <= duration && duration <= sum + 8, "{line}");
    let labels = [("component", "faults-p3"), ("stage", "run")];
    let metrics = app.metrics().await;
    assert!(metrics.sum("terrace_stage_seconds_sum", &labels) >= 0.05);
}
