//! Promise: an edge passes on what HTTP allows, streaming both ways, and says what is wrong with its origin.

use futures::channel::mpsc;
use futures::{SinkExt, StreamExt};
use http::{HeaderValue, Method, Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use terrace_tests::client::{Answer, Broken, request, whole};
use terrace_tests::contract::{EVENT_REQUEST, FAILURE, exit, failure, metric};
use terrace_tests::raw::{Connection, exchange, statuses};
use terrace_tests::streamed::{MUCH, PIECE, send_until_stopped, streamed};
use terrace_tests::upstream::{Reserved, Upstream};
use terrace_tests::wait::within;
use terrace_tests::{App, Running};

/// An edge in front of an origin that sends back the content of each request.
async fn echoing() -> (Upstream, Running) {
    let origin = Upstream::answering(async |request: Request<Incoming>| {
        Response::new(
            request
                .into_body()
                .map_err(std::io::Error::other)
                .boxed_unsync(),
        )
    });
    let origin = origin.await;
    let limit = "[edge]\nrequest_body = \"128MiB\"";
    let edge = App::edge(&origin.url).config(limit).start().await;
    (origin, edge)
}

/// An edge in front of an origin that answers each request like this.
async fn answering(
    response: fn() -> http::response::Builder,
    content: &'static str,
) -> (Upstream, Running) {
    let answer = move |_| async move { response().body(whole(content)).expect("a valid response") };
    let origin = Upstream::answering(answer).await;
    let edge = App::edge(&origin.url).start().await;
    (origin, edge)
}

/// An edge in front of an origin that answers the first request on each connection with these bytes and closes it.
async fn saying(bytes: &'static str) -> (Upstream, Running) {
    let origin = Upstream::raw(move |mut connection: Connection| async move {
        connection.read_until("\r\n\r\n").await;
        connection.send(bytes).await;
    });
    let origin = origin.await;
    let edge = App::edge(&origin.url).start().await;
    (origin, edge)
}

/// Asserts that a request fails in this way, with this word for it (RFC 9209 §2.3).
async fn check_failure(edge: &Running, status: u16, name: &str, proxy_error: &str) {
    let answer = edge.get("/").await;
    let proxy_status = answer.header("proxy-status").to_owned();
    let logged = edge.logged(EVENT_REQUEST, &answer).await;
    answer.expect_problem(status, name);
    assert_eq!(proxy_status, format!("terrace; error={proxy_error}"));
    assert_eq!(logged[FAILURE], name);
}

#[tokio::test]
async fn the_origin_sees_the_request_as_it_was_and_where_it_came_from() {
    let (origin, edge) = echoing().await;
    let fields = [
        ("host", "example.com"),
        ("connection", "keep-alive, x-private"),
        ("x-private", "1"),
        ("te", "trailers"),
        ("x-forwarded-for", "203.0.113.9"),
        ("x-empty", ""),
        ("terrace-timeout", "1"),
    ];
    let url = edge.url("/a%2Fb//c?d=%20&&e");
    let answer = edge
        .client
        .send(request(Method::PUT, &url, &fields, "content"))
        .await;
    assert_eq!(answer.expect(200).text(), "content");
    let seen = origin.seen().pop().expect("the origin was asked");
    let field = |name: &str| seen.headers.get(name).and_then(|value| value.to_str().ok());
    assert_eq!(
        (seen.method, seen.uri.to_string().as_str()),
        (Method::PUT, "/a%2Fb//c?d=%20&&e")
    );
    assert_eq!(field("host"), Some("example.com"));
    assert_eq!(field("content-length"), Some("7"));
    assert_eq!(field("x-empty"), Some(""));
    assert_eq!(field("via"), Some("1.1 terrace"));
    assert_eq!(
        field("x-forwarded-for"),
        Some("127.0.0.1"),
        "a client is not believed"
    );
    assert_eq!(field("x-forwarded-host"), Some("example.com"));
    // The default of `request_timeout`, and not what the client said.
    let left: u64 = field("terrace-timeout").unwrap().parse().unwrap();
    assert!(
        (3_500_000..=3_600_000).contains(&left),
        "{left} ms are left"
    );
    for name in ["connection", "x-private", "te"] {
        assert_eq!(
            field(name),
            None,
            "{name} concerns the client's connection (RFC 9110 §7.6.1)"
        );
    }
}

#[tokio::test]
async fn unusual_methods_targets_and_values_are_passed_on_as_they_are() {
    let (origin, edge) = echoing().await;
    let odd = b"\xe9\"quoted, \\\" ;=\t~";
    for (method, target) in [
        ("M-SEARCH", "/"),
        ("OPTIONS", "*"),
        ("X", "/?"),
        ("DELETE", "/a;b=c/../d"),
    ] {
        let mut bytes =
            format!("{method} {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Odd: ")
                .into_bytes();
        bytes.extend_from_slice(odd);
        bytes.extend_from_slice(b"\r\n\r\n");
        let text = exchange(&edge.http, bytes).await;
        assert_eq!(statuses(&text), [200], "{text}");
        let seen = origin.seen().pop().expect("the origin was asked");
        assert_eq!(
            (seen.method.as_str(), seen.uri.to_string().as_str()),
            (method, target)
        );
        assert_eq!(seen.headers["x-odd"].as_bytes(), odd);
    }
}

#[tokio::test]
async fn unusual_statuses_and_values_are_passed_on_as_they_are() {
    let odd = || {
        let value =
            HeaderValue::from_bytes(b"\xe9\"a, \\\" ;=\t~").expect("RFC 9110 §5.5 allows it");
        Response::builder()
            .status(599)
            .header("x-odd", value)
            .header("x-twice", "1")
            .header("x-twice", "2")
    };
    let (_origin, edge) = answering(odd, "content").await;
    let answer = edge.get("/").await.expect(599);
    assert_eq!(answer.text(), "content");
    assert_eq!(answer.headers["x-odd"].as_bytes(), b"\xe9\"a, \\\" ;=\t~");
    assert_eq!(answer.headers.get_all("x-twice").iter().count(), 2);
}

#[tokio::test]
async fn what_concerns_the_origins_connection_stays_there() {
    let fields = "HTTP/1.1 200 OK\r\nConnection: close, x-private\r\nX-Private: 1\r\nKeep-Alive: timeout=5\r\nContent-Length: 2\r\n\r\nok";
    let (_origin, edge) = saying(fields).await;
    let answer = edge.get("/").await.expect(200);
    for name in ["connection", "x-private", "keep-alive"] {
        assert_eq!(answer.header(name), "", "{name}");
    }
    assert_eq!(answer.text(), "ok");
}

/// RFC 9110 §6.4.1: these have no content, and the fields that speak of one stay.
#[tokio::test]
async fn responses_without_content_stay_without() {
    let (_origin, edge) = saying("HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n").await;
    let answer = edge.get("/").await.expect(304);
    assert_eq!((answer.header("etag"), answer.body.len()), ("\"a\"", 0));
    let (_origin, edge) = saying("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n").await;
    let answer = edge.call(Method::HEAD, "/", "").await.expect(200);
    assert_eq!(
        (answer.header("content-length"), answer.body.len()),
        ("5", 0)
    );
    let (_origin, edge) = answering(|| Response::builder().status(204), "").await;
    let text = exchange(
        &edge.http,
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    )
    .await;
    assert!(
        statuses(&text) == [204] && text.ends_with("\r\n\r\n"),
        "{text}"
    );
    assert!(
        !text.to_lowercase().contains("content-length"),
        "RFC 9110 §8.6: {text}"
    );
}

/// RFC 9112 §6.3: an HTTP/1.0 origin ends its content by closing.
#[tokio::test]
async fn an_origin_of_http_1_0_is_served() {
    let (_origin, edge) = saying("HTTP/1.0 200 OK\r\n\r\nall of it").await;
    assert_eq!(edge.get("/").await.expect(200).text(), "all of it");
}

#[tokio::test]
async fn a_response_begins_before_its_request_ends() {
    let (_origin, edge) = echoing().await;
    let (request, mut pieces) = streamed(&edge.url("/"));
    let client = edge.client.clone();
    let response = tokio::spawn(async move { client.stream(request).await });
    pieces.send("first".into()).await.expect("the edge reads");
    let response = within("the head", response).await.expect("no panic");
    let mut content = response.into_body();
    let frame = within("the first piece back", content.frame()).await;
    let frame = frame.expect("not ended").expect("not broken");
    assert_eq!(frame.into_data().expect("data"), "first");
    pieces.close_channel();
    let rest = within("the end", content.collect())
        .await
        .expect("not broken");
    assert!(rest.to_bytes().is_empty());
}

#[tokio::test]
async fn large_contents_arrive_whole_both_ways() {
    let (_origin, edge) = echoing().await;
    let content: Vec<u8> = (0..4_u32 << 20).map(|index| (index % 251) as u8).collect();
    let answer = edge
        .call(Method::POST, "/", content.clone())
        .await
        .expect(200);
    assert!(answer.body == content, "the content came back changed");
}

/// The sender must come to a stop while nobody reads what it gets back.
#[tokio::test]
async fn a_client_that_does_not_read_slows_its_own_sending() {
    let (_origin, edge) = echoing().await;
    let (request, mut pieces) = streamed(&edge.url("/"));
    let client = edge.client.clone();
    let response = tokio::spawn(async move { client.stream(request).await });
    let sent = send_until_stopped(&mut pieces).await;
    assert!(sent < MUCH, "{sent} bytes were taken though nobody reads");
    let content = within("the head", response)
        .await
        .expect("no panic")
        .into_body();
    let read = tokio::spawn(content.collect());
    pieces.close_channel();
    let echoed = within("the rest", read)
        .await
        .expect("no panic")
        .expect("not broken");
    let echoed = echoed.to_bytes().len();
    assert!(
        echoed <= sent + PIECE && echoed + PIECE >= sent,
        "{echoed} of {sent}"
    );
}

/// Those about the connection to the origin are not among them: the edge has asked for neither.
#[tokio::test]
async fn interim_responses_reach_the_client() {
    let said = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>; rel=preload\r\n\r\n\
                HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ndone";
    let (_origin, edge) = saying(said).await;
    let request = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let all = exchange(&edge.http, request).await;
    assert_eq!(statuses(&all), [103, 102, 200], "{all}");
    assert!(
        all.starts_with("HTTP/1.1 103 Early Hints\r\nlink: </a>; rel=preload\r\n\r\n"),
        "{all}"
    );
}

#[tokio::test]
async fn trailers_reach_a_client_that_takes_them() {
    let (_origin, edge) = saying(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n2\r\nok\r\n0\r\nx-sum: 1\r\n\r\n",
    )
    .await;
    let head = "GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: close, te\r\n\r\n";
    let text = exchange(&edge.http, head).await;
    assert!(text.ends_with("0\r\nx-sum: 1\r\n\r\n"), "{text}");
}

/// RFC 9110 §15.2: they are not held back until the response is there.
#[tokio::test]
async fn interim_responses_are_passed_on_at_once() {
    let (release, released) = tokio::sync::watch::channel(false);
    let origin = Upstream::raw(move |mut connection: Connection| {
        let mut released = released.clone();
        async move {
            connection.read_until("\r\n\r\n").await;
            let hints = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\nConnection: x-own\r\nX-Own: 1\r\n\r\n";
            connection.send("HTTP/1.1 102 Processing\r\n\r\n").await;
            connection.send(hints).await;
            released
                .wait_for(|released| *released)
                .await
                .expect("the test releases");
            connection
                .send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                .await;
            connection.read_to_end().await;
        }
    });
    let origin = origin.await;
    let edge = App::edge(&origin.url).start().await;
    let mut connection = Connection::open(&edge.http).await;
    connection.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let interim = connection.read_until("</a.css>\r\n\r\n").await;
    assert_eq!(statuses(&interim), [102, 103], "{interim}");
    assert!(!interim.to_lowercase().contains("x-own"), "{interim}");
    release.send(true).expect("the origin waits");
    let text = connection.read_until("ok").await;
    assert_eq!(statuses(&text), [200], "{text}");
    let text = exchange(&edge.http, "GET / HTTP/1.0\r\nHost: a\r\n\r\n").await;
    assert!(
        text.starts_with("HTTP/1.0 200"),
        "HTTP/1.0 knows none: {text}"
    );
}

/// RFC 9110 §10.1.1.
#[tokio::test]
async fn a_client_that_waits_for_100_continue_gets_it() {
    let (origin, edge) = echoing().await;
    let mut connection = Connection::open(&edge.http).await;
    connection
        .send("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
        .await;
    let interim = connection.read_until("\r\n\r\n").await;
    assert!(interim.starts_with("HTTP/1.1 100"), "{interim}");
    connection.send("12345").await;
    // The origin begins its response before it has the content.
    let text = interim + &connection.read_until("12345").await;
    assert_eq!(statuses(&text), [100, 200], "{text}");
    assert!(!origin.seen()[0].headers.contains_key("expect"));
}

#[tokio::test]
async fn a_content_beyond_the_limit_is_refused() {
    let origin = Upstream::answering(async |request: Request<Incoming>| {
        // It has all of the content before it answers, or it does not answer.
        let content = request.into_body().collect().await;
        let length = content.map_or(0, |content| content.to_bytes().len());
        Response::new(whole(length.to_string()))
    });
    let origin = origin.await;
    let edge = App::edge(&origin.url)
        .config("[edge]\nrequest_body = \"10B\"")
        .start()
        .await;
    edge.post("/", "1234567890").await.expect(200);
    edge.post("/", "12345678901")
        .await
        .expect_problem(413, failure::BODY_TOO_LARGE);
    let (request, mut pieces) = streamed(&edge.url("/"));
    let client = edge.client.clone();
    let answer = tokio::spawn(async move { client.try_send(request).await });
    for _ in 0..2 {
        // It may be refused before all of it is sent.
        let _ = pieces.send("1234567".into()).await;
    }
    pieces.close_channel();
    match within("the answer", answer).await.expect("no panic") {
        Ok(answer) => answer.expect_problem(413, failure::BODY_TOO_LARGE),
        Err(broken) => panic!("{broken:?}"),
    }
}

#[tokio::test]
async fn connections_to_the_origin_are_kept() {
    let (connections, mut opened) = mpsc::unbounded();
    let origin = Upstream::raw(move |mut connection: Connection| {
        connections.unbounded_send(()).expect("the test counts");
        async move {
            while connection
                .read_until("\r\n\r\n")
                .await
                .ends_with("\r\n\r\n")
            {
                connection
                    .send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                    .await;
            }
        }
    });
    let origin = origin.await;
    let edge = App::edge(&origin.url)
        .config("[listen]\nworkers = 1")
        .start()
        .await;
    for path in ["/1", "/2", "/3"] {
        assert_eq!(edge.get(path).await.expect(200).text(), "ok");
    }
    drop(origin);
    assert!(
        opened.try_recv().is_ok() && opened.try_recv().is_err(),
        "one connection is enough"
    );
}

#[tokio::test]
async fn a_client_that_leaves_ends_the_exchange_with_the_origin() {
    for begun in ["", "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nonly this"] {
        let (left, mut gone) = mpsc::unbounded();
        let origin = Upstream::raw(move |mut connection: Connection| {
            let left = left.clone();
            async move {
                connection.read_until("\r\n\r\n").await;
                connection.send(begun).await;
                connection.read_to_end().await;
                left.unbounded_send(()).expect("the test waits");
            }
        });
        let origin = origin.await;
        let edge = App::edge(&origin.url).start().await;
        let mut connection = Connection::open(&edge.http).await;
        connection.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        edge.until_metric(metric::IN_FLIGHT, &[], |count| count >= 1.0)
            .await;
        if !begun.is_empty() {
            connection.read_until("only this").await;
        }
        drop(connection);
        within("the origin's connection closes", gone.next()).await;
        let is_gone = |line: &serde_json::Value| line[FAILURE] == failure::CLIENT_DISCONNECTED;
        edge.process.log.event(EVENT_REQUEST, is_gone).await;
    }
}

#[tokio::test]
async fn an_origin_that_is_down_is_no_reason_not_to_start() {
    let reserved = Reserved::take();
    let edge = App::edge(&reserved.url).start().await;
    check_failure(&edge, 502, failure::ORIGIN_REFUSED, "connection_refused").await;
    assert_eq!(
        edge.get("/").await.header("retry-after"),
        "1",
        "nothing has run"
    );
    let _origin = reserved.answering(async |_| Response::new(whole("up")));
    assert_eq!(edge.get("/").await.expect(200).text(), "up");
}

#[tokio::test]
async fn an_origin_that_is_silent_is_given_up() {
    let origin = Upstream::start().await;
    let config = "[edge]\nfirst_byte_timeout = \"100ms\"\nconnect_timeout = \"100ms\"";
    let edge = App::edge(&origin.url).config(config).start().await;
    let answer = edge.get("/never").await;
    assert_eq!(
        answer.header("proxy-status"),
        "terrace; error=http_response_timeout"
    );
    answer.expect_problem(504, failure::ORIGIN_TIMEOUT);
}

#[tokio::test]
async fn an_origin_that_stops_in_the_middle_breaks_the_clients_connection() {
    let origin = Upstream::raw(async |mut connection: Connection| {
        connection.read_until("\r\n\r\n").await;
        connection
            .send("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nonly this")
            .await;
        connection.read_to_end().await;
    });
    let origin = origin.await;
    let config = "[edge]\nbetween_bytes_timeout = \"100ms\"";
    let edge = App::edge(&origin.url).config(config).start().await;
    check_cut(&edge, failure::ORIGIN_TIMEOUT).await;
}

#[tokio::test]
async fn an_origin_that_closes_in_the_middle_breaks_the_clients_connection() {
    for cut in [
        "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nonly this",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nonly this\r\n",
    ] {
        let (_origin, edge) = saying(cut).await;
        check_cut(&edge, failure::ORIGIN_INCOMPLETE).await;
    }
}

/// Asserts that a response breaks off, and that the log says why.
async fn check_cut(edge: &Running, name: &str) {
    let outcome = edge.try_get("/").await;
    assert!(
        matches!(outcome, Err(Broken::InContent(_))),
        "a cut content looked whole: {outcome:?}"
    );
    edge.process
        .log
        .event(EVENT_REQUEST, |line| line[FAILURE] == name)
        .await;
}

#[tokio::test]
async fn an_origin_that_closes_without_an_answer_is_told_as_such() {
    let (_origin, edge) = saying("").await;
    check_failure(
        &edge,
        502,
        failure::ORIGIN_TERMINATED,
        "connection_terminated",
    )
    .await;
}

#[tokio::test]
async fn an_origin_that_speaks_no_http_is_told_as_such() {
    let (_origin, edge) = saying("SSH-2.0-OpenSSH_9.2\r\n\r\n").await;
    check_failure(&edge, 502, failure::ORIGIN_MALFORMED, "http_protocol_error").await;
    let (_origin, edge) =
        saying("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n")
            .await;
    check_failure(&edge, 502, failure::ORIGIN_MALFORMED, "http_protocol_error").await;
}

#[tokio::test]
async fn a_request_under_way_is_answered_after_sigterm() {
    let (answer, answered) = tokio::sync::watch::channel(false);
    let origin = Upstream::answering(move |_| {
        let mut answered = answered.clone();
        async move {
            answered
                .wait_for(|answered| *answered)
                .await
                .expect("the test answers");
            Response::new(whole("answered"))
        }
    });
    let origin = origin.await;
    let edge = App::edge(&origin.url).start().await;
    let mut connection = Connection::open(&edge.http).await;
    connection.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    edge.until_metric(metric::IN_FLIGHT, &[], |count| count >= 1.0)
        .await;
    edge.process.terminate();
    edge.until_unready().await;
    answer.send(true).expect("the origin waits");
    let text = connection.read_to_end().await;
    assert!(
        statuses(&text) == [200] && text.ends_with("answered"),
        "{text}"
    );
    assert_eq!(edge.process.wait().await.code, Some(exit::FINE));
}

#[tokio::test]
async fn requests_to_the_origin_are_logged_and_counted() {
    let (_origin, edge) = answering(|| Response::builder().status(404), "").await;
    let answer: Answer = edge.get("/nowhere").await.expect(404);
    let line = edge.logged(EVENT_REQUEST, &answer).await;
    assert_eq!(
        (&line["component"], &line["path"], &line["status"]),
        (&"origin".into(), &"/nowhere".into(), &404.into())
    );
    let labels = [("component", "origin"), ("status", "4xx")];
    edge.until_metric(metric::REQUESTS, &labels, |count| count == 1.0)
        .await;
}

#[tokio::test]
async fn what_is_wrong_with_an_origin_is_said_with_an_example() {
    for (origin, config, words) in [
        ("127.0.0.1:3000", "", ["scheme", "http://"]),
        ("ftp://127.0.0.1", "", ["ftp", "http://"]),
        ("http://127.0.0.1/path", "", ["path", "http://"]),
        ("", "", ["no origin", "--origin"]),
        (
            "",
            "[edge]\norigins = [\"nonsense:\"]",
            ["origin", "http://"],
        ),
        (
            "",
            "[edge]\norigins = [\"http://a\", \"http://a\"]",
            ["twice", "remove one"],
        ),
        ("", "[edge]\norigns = []", ["origns", "origins"]),
    ] {
        let ended = App::edge(origin).config(config).refuse().await;
        assert_eq!(ended.code, Some(exit::USAGE), "{}", ended.text);
        for word in words {
            assert!(ended.text.contains(word), "no `{word}` in: {}", ended.text);
        }
    }
}

#[tokio::test]
async fn the_origin_may_be_named_in_the_settings() {
    let origin = Upstream::start().await;
    let config = format!("[edge]\norigins = [{:?}]", origin.url);
    let edge = App::edge("").config(&config).start().await;
    assert_eq!(edge.get("/a").await.expect(200).text(), "upstream /a");
}

#[tokio::test]
async fn an_address_that_is_taken_is_named() {
    let taken = Upstream::start().await;
    let address = taken.url.trim_start_matches("http://");
    let folder = tempfile::tempdir().expect("there is room");
    let arguments = [
        "edge",
        "--origin",
        "http://127.0.0.1:9",
        "--listen",
        address,
        "--admin",
        "127.0.0.1:0",
    ];
    let ended = terrace_tests::process::run(folder.path(), &arguments).await;
    assert_eq!(ended.code, Some(exit::FAILED), "{}", ended.text);
    assert!(
        ended.text.contains(address) && ended.text.contains("in use"),
        "{}",
        ended.text
    );
}

/// The fields by which a client could say who it is and what it asks for, all with this value.
const FORGED: [(&str, &str); 16] = [
    ("forwarded", "for=6.6.6.6;host=evil.example;proto=https"),
    ("x-forwarded-host", "evil.example"),
    ("x-forwarded-port", "evil"),
    ("x-forwarded-prefix", "/evil.example"),
    ("x-forwarded-proto", "evil.example"),
    ("x-forwarded-scheme", "evil.example"),
    ("x-forwarded-server", "evil.example"),
    ("x_forwarded_host", "evil.example"),
    ("x-real-ip", "6.6.6.6"),
    ("x-client-ip", "6.6.6.6"),
    ("cf-connecting-ip", "6.6.6.6"),
    ("true-client-ip", "6.6.6.6"),
    ("x-original-url", "/evil.example"),
    ("x-rewrite-url", "/evil.example"),
    ("x-host", "evil.example"),
    ("x-original-host", "evil.example"),
];

/// An edge behind a proxy on this machine, in front of an origin whose cacheable responses say what it saw.
async fn behind_a_proxy(trusted_fields: &str) -> (Upstream, Running) {
    let origin = Upstream::answering(async |request: Request<Incoming>| {
        let seen = format!("{:?} {:?}", request.uri(), request.headers());
        let response = Response::builder().header("cache-control", "max-age=60");
        response.body(whole(seen)).expect("a valid response")
    });
    let origin = origin.await;
    let listen = format!("[listen]\ntrusted_proxies = [\"127.0.0.1\"]\n{trusted_fields}");
    let edge = App::edge(&origin.url).config(&listen).start().await;
    (origin, edge)
}

#[tokio::test]
async fn clients_behind_a_trusted_proxy_choose_nothing_for_each_other() {
    let (origin, edge) = behind_a_proxy("").await;
    for (name, value) in FORGED {
        let path = format!("/{name}");
        let first = [("x-forwarded-for", "6.6.6.6, 203.0.113.1"), (name, value)];
        let first = edge.get_with(&path, &first).await.expect(200);
        let second = [("x-forwarded-for", "203.0.113.2")];
        let second = edge.get_with(&path, &second).await.expect(200);
        for answer in [&first, &second] {
            for forged in ["evil", "6.6.6.6"] {
                assert!(!answer.text().contains(forged), "{name}: {}", answer.text());
            }
        }
        assert!(second.is_hit(), "{name}: {}", second.cache_status());
    }
    assert_eq!(origin.seen().len(), FORGED.len());
}

#[tokio::test]
async fn a_field_is_believed_only_where_the_settings_name_it() {
    let fields = "trusted_fields = [\"X-Forwarded-Host\", \"Forwarded\"]";
    let (origin, edge) = behind_a_proxy(fields).await;
    let shop = [
        ("host", "inner.example"),
        ("x-forwarded-for", "6.6.6.6"),
        ("x-forwarded-host", "shop.example"),
        ("forwarded", "for=6.6.6.6, for=203.0.113.9;proto=https"),
    ];
    let answer = edge.get_with("/", &shop).await.expect(200);
    assert!(!answer.text().contains("6.6.6.6"), "{}", answer.text());
    let seen = origin.seen().pop().expect("the origin was asked");
    for (name, value) in [
        ("host", "shop.example"),
        ("x-forwarded-host", "shop.example"),
        ("x-forwarded-for", "203.0.113.9"),
        ("x-forwarded-proto", "https"),
        (
            "forwarded",
            r#"for=203.0.113.9;proto="https";host="shop.example""#,
        ),
    ] {
        assert_eq!(seen.headers[name], value, "{name}");
    }
    assert!(edge.get_with("/", &shop).await.is_hit());
    let other = [
        ("host", "inner.example"),
        ("x-forwarded-host", "other.example"),
    ];
    let other = edge.get_with("/", &other).await.expect(200);
    assert!(!other.is_hit(), "another host is another resource");
}

/// RFC 9112 §6.3.
#[tokio::test]
async fn transfer_encoding_of_an_origin_overrides_its_content_length() {
    let both = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\nCache-Control: max-age=60\r\n\r\n\
        14\r\nabcdefghijklmnopqrst\r\n0\r\n\r\n";
    let (_origin, edge) = saying(both).await;
    for hit in [false, true] {
        let answer = edge.get("/").await.expect(200);
        assert_eq!(
            (answer.text().as_str(), answer.is_hit()),
            ("abcdefghijklmnopqrst", hit)
        );
    }
}

#[tokio::test]
async fn an_origin_whose_length_can_be_read_in_two_ways_is_not_believed() {
    for bytes in [
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\nContent-Length: 2\r\n\r\nab",
    ] {
        let (_origin, edge) = saying(bytes).await;
        check_failure(&edge, 502, "origin-malformed", "http_protocol_error").await;
    }
    let twice = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nab";
    let (_origin, edge) = saying(twice).await;
    let answer = edge.get("/").await.expect(200);
    assert_eq!(answer.headers.get_all("content-length").iter().count(), 1);
}

/// RFC 9110 §6.2, RFC 9112 §2.3.
#[tokio::test]
async fn an_edge_answers_with_its_own_version() {
    let (_origin, edge) = saying("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
    let mut client = Connection::open(&edge.http).await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let text = client.read_until("ok").await;
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    assert!(!text.contains("connection: close"), "{text}");
}

#[tokio::test]
async fn an_origin_may_send_many_fields_and_is_told_when_they_are_too_many() {
    for (count, expected) in [(200, None), (300, Some("origin-headers-too-large"))] {
        let answer = move |_| async move {
            let fields = (0..count).map(|number| (format!("x-{number}"), "1"));
            let response = fields.fold(Response::builder(), |response, (name, value)| {
                response.header(name, value)
            });
            response.body(whole("ok")).expect("a valid response")
        };
        let origin = Upstream::answering(answer).await;
        let edge = App::edge(&origin.url).start().await;
        match expected {
            None => {
                let get = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
                let text = exchange(&edge.http, get).await;
                assert!(text.contains("x-199: 1") && text.ends_with("ok"), "{text}");
            }
            Some(name) => {
                check_failure(&edge, 502, name, "http_response_header_section_size").await;
            }
        }
    }
}

/// An edge whose exchanges may take a moment, in front of this origin.
async fn hurried(origin: &Upstream) -> Running {
    let config = "[edge]\nrequest_timeout = \"300ms\"";
    App::edge(&origin.url).config(config).start().await
}

#[tokio::test]
async fn an_exchange_has_a_time_for_all_of_it() {
    // The client does not finish.
    let origin = Upstream::answering(async |request: Request<Incoming>| {
        let _ = request.into_body().collect().await;
        Response::new(whole("late"))
    });
    let origin = origin.await;
    let edge = hurried(&origin).await;
    let (request, mut pieces) = streamed(&edge.url("/"));
    let (answer, sent) = futures::join!(edge.client.send(request), pieces.send("a".into()));
    answer.expect_problem(408, "request-timeout");
    sent.expect("the edge reads");
    // The origin trickles.
    let origin = Upstream::raw(|mut connection: Connection| async move {
        connection.read_until("\r\n\r\n").await;
        connection.send("HTTP/1.1 200 OK\r\n\r\n").await;
        loop {
            connection.send("a").await;
            tokio::task::yield_now().await;
        }
    });
    let origin = origin.await;
    let edge = hurried(&origin).await;
    assert!(edge.try_get("/").await.is_err(), "the connection is cut");
    // The origin says nothing.
    let origin = Upstream::start().await;
    let edge = hurried(&origin).await;
    edge.get("/never")
        .await
        .expect_problem(504, "origin-timeout");
}
