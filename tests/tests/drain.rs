//! Promise: SIGTERM cuts no accepted request, and new ones go elsewhere.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use terrace_tests::client::Broken;
use terrace_tests::contract::{EVENT, EVENT_REQUEST, exit, metric};
use terrace_tests::raw::{Connection, statuses};
use terrace_tests::wait::until;
use terrace_tests::{App, Running};

async fn start() -> Running {
    App::of("faults-p3")
        .limit("timeout = \"20s\"")
        .limit("concurrency = 256")
        .start()
        .await
}

/// A connection with a request that a function works on for so many milliseconds.
async fn waiting(app: &Running, milliseconds: u32) -> Connection {
    let mut connection = Connection::open(&app.http).await;
    let head = format!("GET /sleep/{milliseconds} HTTP/1.1\r\nHost: a\r\n\r\n");
    connection.send(head).await;
    app.until_metric(metric::IN_FLIGHT, &[], |count| count >= 1.0)
        .await;
    connection
}

#[tokio::test]
async fn a_request_under_way_is_answered_after_sigterm() {
    let app = start().await;
    let connection = waiting(&app, 1000).await;
    app.process.terminate();
    let text = connection.read_to_end().await;
    assert_eq!(statuses(&text), [200], "{text}");
    assert!(text.ends_with("slept"), "{text}");
    assert_eq!(app.process.wait().await.code, Some(exit::FINE));
}

#[tokio::test]
async fn a_streamed_content_is_finished_after_sigterm() {
    let app = start().await;
    let mut connection = Connection::open(&app.http).await;
    let head = "POST /slow-echo/100 HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n";
    connection.send(format!("{head}ab")).await;
    app.until_metric(metric::IN_FLIGHT, &[], |count| count >= 1.0)
        .await;
    app.process.terminate();
    connection.send("cd").await;
    let text = connection.read_to_end().await;
    assert_eq!(statuses(&text), [200], "{text}");
    assert_eq!(app.process.wait().await.code, Some(exit::FINE));
}

/// Clients that keep calling while the server ends. What the server's own log says it answered with 200 has reached
/// a client whole, so a request that found the server gone is one that it had not accepted.
#[tokio::test]
async fn under_load_no_accepted_request_is_cut() {
    let app = start().await;
    let ending = AtomicBool::new(false);
    let served = terrace_tests::load::at_once(32, |client| {
        let (app, ending) = (&app, &ending);
        async move {
            let mut served = 0_usize;
            while call_while_it_serves(app, ending).await {
                served += 1;
                if client == 0 && served == 50 {
                    ending.store(true, Ordering::SeqCst);
                    app.process.terminate();
                }
            }
            served
        }
    })
    .await;
    let ended = app.process.wait().await;
    assert_eq!(ended.code, Some(exit::FINE), "{}", ended.text);
    let logged = ended
        .text
        .lines()
        .filter(|line| answered_with_200(line))
        .count();
    assert_eq!(
        served.into_iter().sum::<usize>(),
        logged,
        "clients saw fewer answers than were given"
    );
}

/// One call: true when it was served, false when the server had ended or was about to.
async fn call_while_it_serves(app: &Running, ending: &AtomicBool) -> bool {
    let outcome = app.try_get("/sleep/5").await;
    let served = matches!(&outcome, Ok(answer) if answer.status == 200);
    let refused = match &outcome {
        Ok(answer) => answer.status == 503,
        Err(broken) => matches!(broken, Broken::BeforeHead(_)),
    };
    let ending = ending.load(Ordering::SeqCst);
    assert!(
        served || (refused && ending),
        "a request was cut: {outcome:?}"
    );
    served
}

fn answered_with_200(line: &str) -> bool {
    let Ok(line) = serde_json::from_str::<serde_json::Value>(line) else {
        return false;
    };
    line[EVENT] == EVENT_REQUEST && line["status"] == 200
}

#[tokio::test]
async fn readiness_ends_before_the_listener_does() {
    let app = start().await;
    assert_eq!(app.admin("/readyz").await.status, 200);
    let connection = waiting(&app, 3000).await;
    app.process.terminate();
    until("unready while draining", async || {
        (app.admin("/readyz").await.status == 503).then_some(())
    })
    .await;
    assert_eq!(app.admin("/livez").await.status, 200);
    assert_eq!(statuses(&connection.read_to_end().await), [200]);
}

#[tokio::test]
async fn the_ready_command_says_whether_a_server_takes_requests() {
    let app = start().await;
    let ready = app.administer(&["ready"]).await;
    assert_eq!(ready.code, Some(exit::FINE), "{}", ready.text);
    let public = app.http.trim_start_matches("http://");
    let folder = tempfile::tempdir().expect("there is room");
    let asked = ["ready", "--admin", public];
    let stranger = terrace_tests::process::run(folder.path(), &asked).await;
    assert_eq!(stranger.code, Some(exit::FAILED), "{}", stranger.text);
    assert!(stranger.text.contains("not an admin listener"));
    let connection = waiting(&app, 3000).await;
    app.process.terminate();
    let refusal = until("unready while draining", async || {
        let ended = app.administer(&["ready"]).await;
        (ended.code == Some(exit::FAILED)).then_some(ended.text)
    })
    .await;
    assert!(refusal.contains("takes no requests"), "{refusal}");
    assert_eq!(statuses(&connection.read_to_end().await), [200]);
    let admin = app.admin.trim_start_matches("http://").to_owned();
    app.process.wait().await;
    let asked = ["ready", "--admin", &admin];
    let gone = terrace_tests::process::run(folder.path(), &asked).await;
    assert_eq!(gone.code, Some(exit::FAILED), "{}", gone.text);
    assert!(gone.text.contains("no admin listener"), "{}", gone.text);
}

#[tokio::test]
async fn an_idle_connection_does_not_hold_up_the_end() {
    let app = start().await;
    let mut idle = Connection::open(&app.http).await;
    idle.send("GET /ok HTTP/1.1\r\nHost: a\r\n\r\n").await;
    idle.read_until("ok").await;
    let begun = Instant::now();
    assert_eq!(app.terminate().await.code, Some(exit::FINE));
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "{:?}",
        begun.elapsed()
    );
}

/// Its next request may be on the way, and could be one that cannot be sent again.
#[tokio::test]
async fn an_unused_connection_of_a_proxy_serves_one_more_request() {
    let app = App::of("faults-p3").config("[listen]\ntrusted_proxies = [\"127.0.0.1\"]");
    let app = app.start().await;
    let mut kept = Connection::open(&app.http).await;
    let unused = Connection::open(&app.http).await;
    kept.send("GET /ok HTTP/1.1\r\nHost: a\r\n\r\n").await;
    kept.read_until("ok").await;
    app.process.terminate();
    until("new connections are refused", async || {
        let address = app.http.trim_start_matches("http://");
        let refused = tokio::net::TcpStream::connect(address).await.is_err();
        refused.then_some(())
    })
    .await;
    for _ in 0..20 {
        app.until_unready().await;
    }
    for mut connection in [kept, unused] {
        connection
            .send("POST /slow-echo/1 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi")
            .await;
        let answer = connection.read_to_end().await;
        assert_eq!(statuses(&answer), [200], "{answer}");
        assert!(
            answer.to_lowercase().contains("connection: close"),
            "{answer}"
        );
    }
    assert_eq!(app.process.wait().await.code, Some(exit::FINE));
}

/// A request without an end does not keep the process for ever: `drain_timeout` ends it, with exit code 1.
#[tokio::test]
async fn the_drain_is_bounded() {
    let app = App::of("faults-p3")
        .limit("timeout = \"300s\"")
        .config("[limits]\ndrain_timeout = \"500ms\"")
        .start()
        .await;
    let mut connection = Connection::open(&app.http).await;
    connection
        .send("GET /hang HTTP/1.1\r\nHost: a\r\n\r\n")
        .await;
    app.until_metric(metric::IN_FLIGHT, &[], |count| count >= 1.0)
        .await;
    let begun = Instant::now();
    let ended = app.terminate().await;
    assert!(
        begun.elapsed() < Duration::from_secs(20),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(ended.code, Some(exit::FAILED), "{}", ended.text);
}

/// The folders at and below `folder` that hold a file of this name.
fn folders_with(folder: &Path, name: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    if folder.join(name).is_file() {
        found.push(folder.to_owned());
    }
    let entries = std::fs::read_dir(folder).expect("the folder is ours");
    for entry in entries.map(|entry| entry.expect("an entry can be read").path()) {
        if entry.is_dir() {
            found.extend(folders_with(&entry, name));
        }
    }
    found
}

/// An app in which a guest reads a pipe that nobody writes to, which blocks a thread of the server for good.
async fn start_blocked(config: &str) -> (Running, Connection) {
    let app = App::of("faults-p3")
        .limit("timeout = \"300s\"")
        .config(config)
        .file("public/a.txt", "mounted");
    let app = app
        .grant("files = [{ source = \"public\", destination = \"/data\" }]")
        .start()
        .await;
    // Not earlier, since a manifest that names a pipe is refused.
    for folder in folders_with(app.app().folder(), "a.txt") {
        let made = std::process::Command::new("mkfifo")
            .arg(folder.join("pipe"))
            .status();
        assert!(made.expect("mkfifo is there").success());
    }
    let mut connection = Connection::open(&app.http).await;
    connection
        .send("GET /files?read=/data/pipe HTTP/1.1\r\nHost: a\r\n\r\n")
        .await;
    app.until_metric(metric::IN_FLIGHT, &[], |count| count >= 1.0)
        .await;
    (app, connection)
}

#[tokio::test]
async fn at_drain_timeout_the_process_is_gone_whatever_blocks() {
    let (app, _connection) = start_blocked("[limits]\ndrain_timeout = \"500ms\"").await;
    let begun = Instant::now();
    let ended = app.terminate().await;
    assert_eq!(ended.code, Some(exit::FAILED), "{}", ended.text);
    let taken = begun.elapsed();
    assert!(taken < Duration::from_secs(5), "{taken:?}: {}", ended.text);
}

#[tokio::test]
async fn at_the_second_signal_the_process_is_gone_whatever_blocks() {
    let (app, _connection) = start_blocked("[limits]\ndrain_timeout = \"300s\"").await;
    app.process.terminate();
    until("unready while draining", async || {
        (app.admin("/readyz").await.status == 503).then_some(())
    })
    .await;
    let begun = Instant::now();
    app.process.terminate();
    let ended = app.process.wait().await;
    assert_eq!(ended.code, Some(exit::FAILED), "{}", ended.text);
    let taken = begun.elapsed();
    assert!(taken < Duration::from_secs(5), "{taken:?}: {}", ended.text);
}

/// Its pipe holds some hundred lines; the server goes on when it is full, and ends when it is to.
#[tokio::test]
async fn a_log_that_nobody_reads_does_not_keep_it_from_ending() {
    let app = App::of("hello").start().await;
    app.process.log.stop_reading();
    for _ in 0..1000 {
        assert_eq!(app.get("/").await.status, 200);
    }
    app.process.terminate();
    assert_eq!(app.process.wait().await.code, Some(exit::FINE));
}
