//! The lines of the log, for programs and for people.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use super::{AccessLine, Log, LogFormat};
use crate::observe::limits::{MAX_GUEST_LINE_BYTES, MAX_GUEST_OUTPUT_BYTES};
use crate::observe::{GuestLog, GuestStream, Metrics, StageTimes};

struct Target(Sender<Vec<u8>>);

impl std::io::Write for Target {
    fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
        self.0.send(text.to_vec()).map_err(std::io::Error::other)?;
        Ok(text.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The lines that `act` logs.
fn logged(format: LogFormat, act: impl FnOnce(&Log)) -> Vec<String> {
    let (sender, receiver): (_, Receiver<Vec<u8>>) = channel();
    let (log, writer) = Log::start(Target(sender), format, &Metrics::new()).unwrap();
    act(&log);
    drop(writer);
    let text: Vec<u8> = receiver.iter().flatten().collect();
    String::from_utf8(text)
        .unwrap()
        .lines()
        .map(ToOwned::to_owned)
        .collect()
}

fn json(line: &str) -> serde_json::Value {
    serde_json::from_str(line).unwrap()
}

fn access_line() -> AccessLine<'static> {
    AccessLine {
        request_id: Some("abc"),
        trace_id: Some("000000000000000000000000000000ff"),
        client: "192.0.2.7".parse().unwrap(),
        method: Some("GET"),
        path: Some("/a\"b"),
        route: Some("/..."),
        component: Some("hello"),
        status: Some(503),
        bytes: 13,
        duration_us: 1250,
        stages_us: Some(StageTimes::default().durations(Duration::from_micros(1250))),
        cpu_us: 700,
        reused: Some(true),
        cache: Some("miss"),
        storage: Some("busy"),
        blame: Some("load"),
        retry: Some("any"),
        failure: Some("queue-full"),
        detail: Some("the component's queue is full".to_owned()),
    }
}

fn guest(log: &Log) -> GuestLog {
    GuestLog::new(log.clone(), Arc::from("hello"), GuestStream::Stdout)
}

#[test]
fn a_request_is_one_json_object() {
    let lines = logged(LogFormat::Json, |log| log.access(&access_line()));
    let mut line = json(&lines[0]);
    assert!(line["ts"].as_str().unwrap().ends_with('Z'));
    line.as_object_mut().unwrap().remove("ts");
    let expected = serde_json::json!({
        "event": "request", "request_id": "abc", "trace_id": format!("{:032x}", 0xff), "client": "192.0.2.7",
        "method": "GET", "path": "/a\"b", "route": "/...", "component": "hello", "status": 503, "bytes": 13,
        "duration_us": 1250, "stages_us": { "accept": 1250 }, "cpu_us": 700, "reused": true, "cache": "miss", "storage": "busy",
        "blame": "load", "retry": "any", "failure": "queue-full",
        "detail": "the component's queue is full",
    });
    assert_eq!(line, expected);
}

#[test]
fn people_get_a_short_line_with_colours_only_on_a_terminal() {
    let plain = logged(LogFormat::Human { colour: false }, |log| {
        log.access(&access_line());
    });
    let facts =
        "503 GET /a\"b 1.25 ms hello reused miss abc storage: busy the component's queue is full";
    assert!(plain[0].ends_with(facts), "{}", plain[0]);
    let coloured = logged(LogFormat::Human { colour: true }, |log| {
        log.access(&access_line());
    });
    assert!(
        coloured[0].contains("\x1b[31m503\x1b[0m"),
        "{}",
        coloured[0]
    );
}

#[test]
fn guest_output_is_logged_by_line_with_its_request() {
    let lines = logged(LogFormat::Json, |log| {
        let mut guest = guest(log);
        guest.write(b"at start\n");
        guest.begin_request("abc");
        guest.write(b"one\ntw");
        guest.write(b"o\n\nlast");
    });
    let seen: Vec<_> = lines.iter().map(|line| json(line)).collect();
    let messages: Vec<_> = seen
        .iter()
        .map(|line| line["message"].as_str().unwrap())
        .collect();
    assert_eq!(messages, ["at start", "one", "two", "", "last"]);
    assert_eq!(seen[0]["request_id"], serde_json::Value::Null);
    assert_eq!(seen[1]["request_id"], "abc");
}

#[test]
fn a_line_beyond_its_bound_is_cut() {
    let lines = logged(LogFormat::Json, |log| {
        let mut guest = guest(log);
        guest.write(&[b'a'; MAX_GUEST_LINE_BYTES]);
        guest.write(b"b\nnext\n");
    });
    assert_eq!(
        json(&lines[0])["message"].as_str().unwrap().len(),
        MAX_GUEST_LINE_BYTES
    );
    assert_eq!(json(&lines[1])["message"], "next");
}

#[test]
fn output_beyond_its_bound_is_lost_with_one_word_about_it() {
    let lines = logged(LogFormat::Json, |log| {
        let mut guest = guest(log);
        for _ in 0..=MAX_GUEST_OUTPUT_BYTES / 1024 {
            guest.write(&[&[b'a'; 1023] as &[u8], b"\n"].concat());
        }
        guest.write(b"never seen\n");
    });
    assert_eq!(lines.len(), MAX_GUEST_OUTPUT_BYTES / 1024 + 1);
    assert!(lines.last().unwrap().contains("is not logged"));
}

#[test]
fn a_guest_cannot_steer_the_terminal() {
    let lines = logged(LogFormat::Human { colour: false }, |log| {
        guest(log).write(b"\x1b[2Jcleared\r\n");
    });
    assert!(lines[0].ends_with("\\u{1b}[2Jcleared\\r"), "{}", lines[0]);
}
