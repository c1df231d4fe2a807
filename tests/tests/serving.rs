//! Promise: functions of both WASI versions are served, and contents stream both ways.

use futures::SinkExt;
use http::Method;
use http_body_util::BodyExt;
use terrace_tests::client::{Broken, request};
use terrace_tests::contract::{EVENT_READY, EVENT_REQUEST, FAILURE, exit, failure, metric};
use terrace_tests::process::{self, Process};
use terrace_tests::raw::Connection;
use terrace_tests::streamed::{MUCH, PIECE, send_until_stopped, streamed};
use terrace_tests::upstream::Reserved;
use terrace_tests::wait::within;
use terrace_tests::{App, Client, Running, guest};

async fn both() -> Running {
    let app = App::new()
        .component("p3", guest("faults-p3"))
        .route("/p3/...");
    let app = app
        .limit("request_body = \"128MiB\"")
        .limit("timeout = \"60s\"");
    let app = app.component("p2", guest("faults-p2")).route("/p2/...");
    app.limit("request_body = \"128MiB\"")
        .limit("timeout = \"60s\"")
        .start()
        .await
}

#[tokio::test]
async fn components_of_both_versions_answer() {
    let app = both().await;
    for path in ["/p2/ok", "/p3/ok"] {
        assert_eq!(app.get(path).await.expect(200).text(), "ok", "{path}");
    }
}

#[tokio::test]
async fn the_hello_function_answers() {
    let app = App::of("hello").start().await;
    assert!(!app.get("/").await.expect(200).body.is_empty());
}

#[tokio::test]
async fn method_path_and_query_reach_the_guest() {
    let app = both().await;
    for version in ["p2", "p3"] {
        let call = app
            .call(Method::DELETE, &format!("/{version}/call?a=b%20c"), "")
            .await
            .expect(200)
            .json();
        assert_eq!(call["method"], "DELETE");
        assert_eq!(call["query"], serde_json::json!([["a", "b c"]]));
    }
}

#[tokio::test]
async fn status_codes_of_the_guest_reach_the_client() {
    let app = both().await;
    for status in [201, 204, 304, 418, 500, 503] {
        app.get(&format!("/p2/status/{status}"))
            .await
            .expect(status);
        app.get(&format!("/p3/status/{status}"))
            .await
            .expect(status);
    }
}

#[tokio::test]
async fn a_large_answer_arrives_whole() {
    let app = both().await;
    for version in ["p2", "p3"] {
        let answer = app
            .get(&format!("/{version}/bytes/{MUCH}"))
            .await
            .expect(200);
        assert_eq!(answer.body.len(), MUCH);
    }
}

#[tokio::test]
async fn a_large_content_is_echoed_whole() {
    let app = both().await;
    let content: Vec<u8> = (0..4_u32 << 20).map(|index| (index % 251) as u8).collect();
    for version in ["p2", "p3"] {
        let answer = app
            .post(&format!("/{version}/echo"), content.clone())
            .await
            .expect(200);
        assert!(
            answer.body == content,
            "{version}: the content came back changed"
        );
    }
}

#[tokio::test]
async fn an_echo_begins_before_its_request_ends() {
    let app = both().await;
    for version in ["p2", "p3"] {
        let (request, mut pieces) = streamed(&app.url(&format!("/{version}/echo")));
        let client = app.client.clone();
        let response = tokio::spawn(async move { client.stream(request).await });
        pieces.send("first".into()).await.expect("the server reads");
        let mut content = within("the head", response)
            .await
            .expect("no panic")
            .into_body();
        let frame = within("the first piece back", content.frame())
            .await
            .expect("not ended")
            .expect("not broken");
        assert_eq!(frame.into_data().expect("data"), "first");
        pieces.close_channel();
        assert!(
            within("the end", content.collect())
                .await
                .expect("not broken")
                .to_bytes()
                .is_empty()
        );
    }
}

/// The sender must come to a stop while nobody reads what it gets back.
#[tokio::test]
async fn a_client_that_does_not_read_slows_its_own_sending() {
    let app = both().await;
    for version in ["p2", "p3"] {
        let (request, mut pieces) = streamed(&app.url(&format!("/{version}/echo")));
        let client = app.client.clone();
        let response = tokio::spawn(async move { client.stream(request).await });
        let sent = send_until_stopped(&mut pieces).await;
        assert!(
            sent < MUCH,
            "{version}: {sent} bytes were taken though nobody reads"
        );
        let content = within("the head", response)
            .await
            .expect("no panic")
            .into_body();
        let read = tokio::spawn(content.collect());
        pieces.close_channel();
        let echoed = within("the rest", read)
            .await
            .expect("no panic")
            .expect("not broken")
            .to_bytes();
        assert!(
            echoed.len() <= sent + PIECE && echoed.len() + PIECE >= sent,
            "{} of {sent}",
            echoed.len()
        );
    }
}

#[tokio::test]
async fn a_client_that_leaves_cancels_its_guest() {
    let app = both().await;
    for version in ["p2", "p3"] {
        let component = [("component", version)];
        for path in ["hang", "write-forever"] {
            let mut connection = Connection::open(&app.http).await;
            connection
                .send(format!("GET /{version}/{path} HTTP/1.1\r\nHost: a\r\n\r\n"))
                .await;
            app.until_metric(metric::IN_FLIGHT, &component, |count| count >= 1.0)
                .await;
            drop(connection);
            app.until_metric(metric::IN_FLIGHT, &component, |count| count == 0.0)
                .await;
        }
        let gone = |line: &serde_json::Value| {
            line["component"] == version && line[FAILURE] == failure::CLIENT_DISCONNECTED
        };
        app.process.log.event(EVENT_REQUEST, gone).await;
    }
}

#[tokio::test]
async fn a_trap_in_the_middle_of_a_content_breaks_the_connection() {
    let app = both().await;
    for version in ["p2", "p3"] {
        let outcome = app.try_get(&format!("/{version}/trap-after-headers")).await;
        assert!(
            matches!(outcome, Err(Broken::InContent(_))),
            "{version}: a cut content looked whole: {outcome:?}"
        );
    }
}

#[tokio::test]
async fn a_head_request_gets_no_content() {
    let app = both().await;
    for version in ["p2", "p3"] {
        let answer = app
            .call(Method::HEAD, &format!("/{version}/ok"), "")
            .await
            .expect(200);
        assert!(answer.body.is_empty());
    }
}

#[tokio::test]
async fn requests_share_an_instance_of_version_3() {
    let app = App::of("faults-p3")
        .limit("reuse = { concurrent = 4 }")
        .start()
        .await;
    let answers = terrace_tests::load::at_once(4, |_| app.get("/concurrent/4")).await;
    let most = answers
        .into_iter()
        .filter_map(|answer| answer.expect(200).text().parse::<u32>().ok())
        .max();
    assert!(
        most >= Some(2),
        "no two requests were in one instance: {most:?}"
    );
}

#[tokio::test]
async fn a_component_set_to_fresh_gets_an_instance_for_each_request() {
    let app = App::of("faults-p3")
        .limit("reuse = \"fresh\"")
        .start()
        .await;
    for _ in 0..5 {
        assert_eq!(app.get("/count").await.expect(200).text(), "1");
    }
}

#[tokio::test]
async fn a_whole_content_may_follow_expect_continue() {
    let app = both().await;
    let mut connection = Connection::open(&app.http).await;
    connection.send("POST /p3/length HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n").await;
    let interim = connection.read_until("\r\n\r\n").await;
    assert!(interim.starts_with("HTTP/1.1 100"), "{interim}");
    connection.send("12345").await;
    assert!(connection.read_until("5").await.contains("HTTP/1.1 200"));
}

#[tokio::test]
async fn trailers_do_not_disturb_an_echo() {
    let app = both().await;
    let request = "POST /p3/echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n\
                   3\r\nabc\r\n0\r\nx-sum: 1\r\n\r\n";
    let text = terrace_tests::raw::exchange(&app.http, request).await;
    assert!(
        text.starts_with("HTTP/1.1 200") && text.contains("abc"),
        "{text}"
    );
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let app = both().await;
    let requests = "GET /p3/status/201 HTTP/1.1\r\nHost: a\r\n\r\nGET /p2/status/202 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let text = terrace_tests::raw::exchange(&app.http, requests).await;
    assert_eq!(terrace_tests::raw::statuses(&text), [201, 202]);
}

#[tokio::test]
async fn without_an_admin_listener_the_app_is_served_and_a_purge_says_what_is_missing() {
    let folder = tempfile::tempdir().expect("a test has room for a folder");
    let manifest = "spin_manifest_version = 2
application = { name = 'still' }
[[trigger.http]]
route = '/'
static_response = { body = 'here' }
";
    std::fs::write(folder.path().join("spin.toml"), manifest).expect("there is room");
    let arguments = ["up", "--listen", "127.0.0.1:0", "--admin", "off", "--json"];
    let process = Process::start(folder.path(), &arguments, &[]);
    let ready = process.log.event(EVENT_READY, |_| true).await;
    assert!(ready.get("admin").is_none(), "{ready}");
    let url = format!("{}/", ready["http"].as_str().expect("it says where"));
    let request = request(Method::GET, &url, &[], "");
    let answer = Client::default().send(request).await;
    assert_eq!(answer.expect(200).text(), "here");

    let nobody = Reserved::take();
    let admin = nobody.url.trim_start_matches("http://");
    let arguments = ["cache", "purge", "--all", "--admin", admin];
    let ended = process::run(folder.path(), &arguments).await;
    assert_eq!(ended.code, Some(exit::FAILED), "{}", ended.text);
    assert!(ended.text.contains("`--admin off`"), "{}", ended.text);

    let settings = folder.path().join("terrace.toml");
    std::fs::write(settings, "[listen]\nadmin = 'off'\n").expect("there is room");
    let ended = process::run(folder.path(), &["cache", "purge", "--all"]).await;
    assert_eq!(ended.code, Some(exit::FAILED), "{}", ended.text);
    let said = "the admin listener is off in the settings";
    assert!(ended.text.contains(said), "{}", ended.text);
}

/// The host replaces a function of `wasi:http` with its own, which takes the content from the start. So a small response
/// takes one call of the guest; wasmtime's function would let this guest wait until its timeout.
#[tokio::test]
async fn content_is_taken_before_the_response_is_there() {
    let app = App::of("faults-p3").start().await;
    let answer = app.get("/written-first").await.expect(200);
    assert_eq!(answer.text(), "written first");
}
