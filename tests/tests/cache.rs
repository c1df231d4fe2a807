//! Promise: what may be kept is answered from the cache, and forgotten when it changes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use http::{Method, Request, Response};
use hyper::body::Incoming;
use serde_json::Value;
use terrace_tests::client::{Answer, request, whole};
use terrace_tests::contract::{CACHE, EVENT_REQUEST, exit, failure, metric};
use terrace_tests::raw::{Connection, statuses};
use terrace_tests::upstream::Upstream;
use terrace_tests::{App, Running};

/// A path whose answers count, and have these fields.
fn with(fields: &[(&str, &str)]) -> String {
    let encode = |text: &str| {
        percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
    };
    let fields = fields
        .iter()
        .map(|(name, value)| format!("{name}={}", encode(value)));
    format!("/with?{}", fields.collect::<Vec<_>>().join("&"))
}

const FRESH: (&str, &str) = ("cache-control", "max-age=60");

async fn app() -> Running {
    App::of("faults-p3").start().await
}

/// An edge in front of an origin that counts in its answers and gives them these fields.
async fn edge(fields: &'static [(&'static str, &'static str)]) -> (Upstream, Running) {
    let count = AtomicU32::new(0);
    let origin = Upstream::answering(move |_| {
        let count = count.fetch_add(1, Ordering::Relaxed) + 1;
        let response = fields
            .iter()
            .fold(Response::builder(), |response, (name, value)| {
                response.header(*name, *value)
            });
        let response = response
            .body(whole(count.to_string()))
            .expect("a valid response");
        async { response }
    });
    let origin = origin.await;
    let edge = App::edge(&origin.url).start().await;
    (origin, edge)
}

/// Asserts that a path is asked for anew.
#[track_caller]
fn missed(answer: &Answer) {
    assert!(!answer.is_hit(), "{answer:?}");
}

#[tokio::test]
async fn a_hit_touches_no_function() {
    let app = app().await;
    let path = with(&[FRESH]);
    let first = app.get(&path).await.expect(200);
    let status = first.cache_status();
    assert!(
        status.starts_with("fwd=uri-miss") && status.contains("; stored"),
        "{status}"
    );
    let second = app.get(&path).await.expect(200);
    assert!(second.is_hit(), "{second:?}");
    assert_eq!((second.text(), second.header("age")), (first.text(), "0"));
    assert_eq!(app.logged(EVENT_REQUEST, &first).await[CACHE], "miss");
    let line = app.logged(EVENT_REQUEST, &second).await;
    assert_eq!(
        (&line[CACHE], &line["component"]),
        (&"hit".into(), &"cache".into())
    );
    let metrics = app.metrics().await;
    assert_eq!(
        metrics.sum(metric::REQUESTS, &[("component", "faults-p3")]) as u32,
        1
    );
    for result in ["hit", "miss"] {
        assert_eq!(
            metrics.sum(metric::CACHE_REQUESTS, &[("result", result)]) as u32,
            1,
            "{result}"
        );
    }
    assert_eq!(metrics.sum(metric::CACHE_ENTRIES, &[]) as u32, 1);
    assert!(metrics.sum(metric::CACHE_STORED_BYTES, &[]) > 100.0);
}

#[tokio::test]
async fn a_response_that_says_nothing_is_not_kept() {
    let app = app().await;
    for count in ["1", "2"] {
        assert_eq!(app.get(&with(&[])).await.expect(200).text(), count);
    }
}

/// RFC 9211 §2.
#[tokio::test]
async fn each_response_says_how_the_cache_took_part() {
    let app = app().await;
    for (method, path, status, expected) in [
        (Method::GET, with(&[]), 200, "fwd=uri-miss"),
        (Method::POST, with(&[]), 200, "fwd=method"),
        (Method::OPTIONS, with(&[]), 200, "fwd=method"),
        (Method::GET, "/status/404".to_owned(), 404, "fwd=uri-miss"),
        (Method::GET, "/trap".to_owned(), 500, "fwd=miss"),
    ] {
        let answer = app.call(method, &path, "").await.expect(status);
        let status = answer.cache_status();
        assert!(status.starts_with(expected), "{path}: {status}");
    }
}

#[tokio::test]
async fn a_request_with_content_is_not_answered_from_the_cache() {
    let app = app().await;
    let path = with(&[FRESH]);
    app.get(&path).await.expect(200);
    let answer = app.call(Method::GET, &path, "content").await.expect(200);
    assert_eq!(answer.text(), "2");
    let status = answer.cache_status();
    assert!(status.starts_with("fwd=bypass"), "{status}");
    let head = format!(
        "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"
    );
    let text = terrace_tests::raw::exchange(&app.http, head).await;
    assert!(text.contains("fwd=bypass"), "{text}");
}

#[tokio::test]
async fn a_component_can_be_kept_out() {
    let app = App::of("faults-p3").limit("cache = false").start().await;
    for count in ["1", "2"] {
        assert_eq!(app.get(&with(&[FRESH])).await.expect(200).text(), count);
    }
}

#[tokio::test]
async fn the_cache_can_be_off() {
    let app = App::of("faults-p3")
        .config("[cache]\nmemory = \"off\"")
        .start()
        .await;
    for count in ["1", "2"] {
        let answer = app.get(&with(&[FRESH])).await.expect(200);
        assert_eq!((answer.text().as_str(), answer.cache_status()), (count, ""));
    }
    let ended = app.cache(&["stats"]).await;
    assert_eq!(ended.code, Some(exit::FAILED), "{}", ended.text);
    assert!(ended.text.contains("no cache"), "{}", ended.text);
}

#[tokio::test]
async fn settings_that_make_no_sense_are_shown_with_what_to_do() {
    for (settings, words) in [
        ("memory = \"1KiB\"", ["too little", "1MiB"]),
        ("max_response = \"1GiB\"", ["push out", "at most"]),
        ("targeted_fields = [\"a b\"]", ["a b", "CDN-Cache-Control"]),
        ("negative = { 200 = \"1s\" }", ["200", "404"]),
        ("set_cookie = \"yes\"", ["yes", "if-public"]),
        ("shared = \"http://localhost\"", ["scheme", "Redis"]),
        ("memroy = \"1MiB\"", ["memroy", "memory"]),
    ] {
        let ended = App::of("faults-p3")
            .config(&format!("[cache]\n{settings}"))
            .refuse()
            .await;
        assert_eq!(ended.code, Some(exit::USAGE), "{}", ended.text);
        for word in words {
            assert!(ended.text.contains(word), "no `{word}` in: {}", ended.text);
        }
    }
}

#[tokio::test]
async fn failures_are_kept_as_long_as_the_settings_say() {
    let app = App::of("faults-p3")
        .config("[cache]\nnegative = { 404 = \"60s\" }")
        .start()
        .await;
    missed(&app.get("/status/404").await.expect(404));
    assert!(app.get("/status/404").await.expect(404).is_hit());
    for _ in 0..2 {
        missed(&app.get("/status/410").await.expect(410));
    }
}

#[tokio::test]
async fn the_settings_choose_which_fields_are_obeyed() {
    let app = App::of("faults-p3")
        .config("[cache]\ntargeted_fields = [\"X-Own-Control\"]")
        .start()
        .await;
    let own = with(&[
        ("cache-control", "no-store"),
        ("x-own-control", "max-age=60"),
    ]);
    let cdn = with(&[
        ("cache-control", "no-store"),
        ("cdn-cache-control", "max-age=60"),
    ]);
    for path in [&own, &cdn] {
        app.get(path).await.expect(200);
    }
    assert!(app.get(&own).await.is_hit());
    missed(&app.get(&cdn).await);
}

/// RFC 9111 §7.3 allows to store it; an installation may choose so.
#[tokio::test]
async fn the_session_cookie_of_one_client_reaches_no_other() {
    let app = app().await;
    let path = with(&[FRESH, ("set-cookie", "session=user1")]);
    for count in ["1", "2", "3"] {
        let answer = app.get(&path).await.expect(200);
        assert_eq!(answer.text(), count);
        assert_eq!(answer.header("set-cookie"), "session=user1");
    }
    for control in [
        ("cache-control", "public, max-age=60"),
        ("cdn-cache-control", "max-age=60"),
    ] {
        let for_all = with(&[control, ("set-cookie", "theme=dark")]);
        app.get(&for_all).await.expect(200);
        assert!(app.get(&for_all).await.is_hit(), "{control:?}");
    }
    let letter = App::of("faults-p3").config("[cache]\nset_cookie = \"store\"");
    let letter = letter.start().await;
    letter.get(&path).await.expect(200);
    assert!(letter.get(&path).await.is_hit());
}

/// A proxy that sets `X-Forwarded-For` itself may pass on the other fields as its client wrote them.
#[tokio::test]
async fn a_forwarding_field_of_one_client_is_not_served_to_the_next() {
    for name in [
        "x-forwarded-host",
        "x-forwarded-port",
        "x-forwarded-prefix",
        "x-forwarded-server",
        "x-host",
    ] {
        let origin = Upstream::answering(move |request: Request<Incoming>| {
            let field = request.headers().get(name);
            let text = field.map_or(String::new(), |value| format!("{value:?}"));
            let response = Response::builder().header(FRESH.0, FRESH.1);
            let response = response.body(whole(text)).expect("a valid response");
            async { response }
        });
        let origin = origin.await;
        let edge = App::edge(&origin.url).config("[listen]\ntrusted_proxies = [\"127.0.0.0/8\"]");
        let edge = edge.start().await;
        edge.get_with("/", &[(name, "evil.example")])
            .await
            .expect(200);
        let next = edge.get("/").await.expect(200);
        assert!(!next.text().contains("evil"), "{name}: {next:?}");
    }
}

/// RFC 9875 §3: what a write names is forgotten before the write is answered, on each host name of the app.
#[tokio::test]
async fn a_write_forgets_the_groups_that_it_names() {
    let app = app().await;
    let (a, b) = (
        with(&[FRESH, ("cache-groups", "\"a\"")]),
        with(&[FRESH, ("cache-groups", "\"b\"")]),
    );
    let other_host = [("host", "other.example")];
    for path in [&a, &b] {
        app.get(path).await.expect(200);
        app.get_with(path, &other_host).await.expect(200);
    }
    app.post(&with(&[("cache-group-invalidation", "\"a\"")]), "")
        .await
        .expect(200);
    missed(&app.get(&a).await);
    missed(&app.get_with(&a, &other_host).await);
    assert!(app.get(&b).await.is_hit());
    assert!(app.get_with(&b, &other_host).await.is_hit());
}

/// All host names of an app are names of the same thing, by http and by https.
#[tokio::test]
async fn a_write_forgets_its_path_on_each_host_name_of_the_app() {
    let app = App::of("faults-p3")
        .config("[listen]\ntrusted_proxies = [\"127.0.0.0/8\"]")
        .start()
        .await;
    let path = with(&[FRESH]);
    let (other_host, https) = (("host", "other.example"), ("x-forwarded-proto", "https"));
    let clients: [&[(&str, &str)]; 3] = [&[], &[other_host], &[other_host, https]];
    for client in clients {
        missed(&app.get_with(&path, client).await.expect(200));
        assert!(app.get_with(&path, client).await.is_hit());
    }
    let kept = with(&[FRESH]);
    app.get_with(&kept, &[other_host]).await.expect(200);
    app.post(&path, "").await.expect(200);
    for client in clients {
        missed(&app.get_with(&path, client).await);
    }
    assert!(app.get_with(&kept, &[other_host]).await.is_hit());
    // What a response refers to is invalidated likewise.
    app.get_with(&path, &[other_host]).await.expect(200);
    app.post(&with(&[("content-location", &path)]), "")
        .await
        .expect(200);
    missed(&app.get_with(&path, &[other_host]).await);
    // The same holds for a write whose URL is too long for the cache.
    app.get_with(&path, &[other_host]).await.expect(200);
    let long = with(&[("content-location", &path), ("x-long", &"x".repeat(9_000))]);
    app.post(&long, "").await.expect(200);
    missed(&app.get_with(&path, &[other_host]).await);
}

/// Groups of different origins are different ones (RFC 9875 §2), and an edge may stand in front of several.
#[tokio::test]
async fn behind_an_edge_a_write_forgets_groups_of_its_own_host() {
    let (_origin, edge) = edge(&[
        FRESH,
        ("cache-groups", "\"a\""),
        ("cache-group-invalidation", "\"a\""),
    ])
    .await;
    let other_host = [("host", "other.example")];
    edge.get("/").await.expect(200);
    edge.get_with("/", &other_host).await.expect(200);
    edge.post("/write", "").await.expect(200);
    missed(&edge.get("/").await);
    assert!(edge.get_with("/", &other_host).await.is_hit());
}

#[tokio::test]
async fn purges_forget_what_they_name_and_nothing_else() {
    let app = app().await;
    let tagged = |tag: &str| with(&[FRESH, ("cache-tag", tag)]);
    let paths = [tagged("a"), tagged("b"), tagged("a,b")];
    let prime = async || {
        for path in &paths {
            app.get(path).await.expect(200);
            assert!(app.get(path).await.is_hit(), "{path}");
        }
    };
    let hits = async || {
        let mut hits = Vec::new();
        for path in &paths {
            hits.push(app.get(path).await.is_hit());
        }
        hits
    };
    for (what, purged, left) in [
        (["--tag", "b"], 2, [true, false, false]),
        (["--url", &app.url(&paths[0])], 1, [false, true, true]),
        (
            ["--prefix", &app.url(&paths[2][..20])],
            3,
            [false, false, false],
        ),
        (["--prefix", &app.url("/without")], 0, [true, true, true]),
    ] {
        prime().await;
        assert_eq!(app.purge(&what).await, purged, "{what:?}");
        assert_eq!(hits().await, left, "{what:?}");
    }
    prime().await;
    assert_eq!(app.purge(&["--all"]).await, 3);
    assert_eq!(hits().await, [false; 3]);
    let metrics = app.metrics().await;
    assert_eq!(metrics.sum(metric::CACHE_PURGED, &[]) as u32, 2 + 1 + 3 + 3);
}

/// What is only marked stale is still there when what it came from fails.
#[tokio::test]
async fn a_soft_purge_keeps_what_the_origin_can_no_longer_give() {
    let (origin, edge) = edge(&[FRESH, ("etag", "\"a\"")]).await;
    edge.get("/").await.expect(200);
    assert!(edge.get("/").await.is_hit());
    assert_eq!(edge.purge(&["--all", "--soft"]).await, 1);
    let asked = edge.get("/").await.expect(200);
    assert!(asked.cache_status().starts_with("fwd=stale"), "{asked:?}");
    edge.purge(&["--all", "--soft"]).await;
    drop(origin);
    let stale = edge.get("/").await.expect(200);
    assert!(stale.cache_status().starts_with("fwd=stale"), "{stale:?}");
    assert_eq!(edge.logged(EVENT_REQUEST, &stale).await[CACHE], "stale");
    edge.purge(&["--all"]).await;
    edge.get("/")
        .await
        .expect_problem(502, failure::ORIGIN_REFUSED);
}

/// The host in upper case and the port of the scheme mean the same URLs.
#[tokio::test]
async fn a_purge_finds_what_clients_asked_for_however_its_url_is_written() {
    let app = app().await;
    let path = with(&[FRESH]);
    let host = [("host", "shop.example")];
    for (what, url) in [
        ("--prefix", "http://SHOP.example:80/".to_owned()),
        ("--prefix", "HTTP://shop.example/a/../with".to_owned()),
        ("--url", format!("http://Shop.example:80/./a/..{path}#here")),
    ] {
        app.get_with(&path, &host).await.expect(200);
        assert!(app.get_with(&path, &host).await.is_hit());
        assert_eq!(app.purge(&[what, &url]).await, 1, "{url}");
        missed(&app.get_with(&path, &host).await);
        app.purge(&["--all"]).await;
    }
}

#[tokio::test]
async fn a_purge_that_finds_nothing_says_so() {
    let app = app().await;
    for what in [
        &["--prefix", "http://shop.example/"] as &[&str],
        &["--url", "http://shop.example/"],
        &["--tag", "a"],
        &["--all"],
    ] {
        let said = app.cache(&[&["purge"], what].concat()).await;
        assert_eq!(said.code, Some(exit::FINE), "{}", said.text);
        assert!(
            said.text.contains("nothing was stored there"),
            "{}",
            said.text
        );
        let said = app.cache(&[&["purge", "--json"], what].concat()).await;
        let said: Value = serde_json::from_str(&said.text).expect("it prints one object");
        assert_eq!(
            (&said["purged"], &said["detail"]),
            (&0.into(), &"nothing was stored there".into())
        );
    }
}

#[tokio::test]
async fn purges_that_make_no_sense_are_explained() {
    let app = app().await;
    for (arguments, words) in [
        (&["purge"] as &[&str], ["--tag", "required"]),
        (
            &["purge", "--all", "--tag", "a"],
            ["--all", "cannot be used"],
        ),
        (&["purge", "--url", "/path"], ["/path", "http://"]),
        (
            &["purge", "--prefix", "http://example.com"],
            ["beginning", "http://"],
        ),
        (
            &["purge", "--prefix", "http://me@example.com/"],
            ["beginning", "http://"],
        ),
    ] {
        let ended = app.cache(arguments).await;
        assert_eq!(ended.code, Some(exit::USAGE), "{}", ended.text);
        for word in words {
            assert!(ended.text.contains(word), "no `{word}` in: {}", ended.text);
        }
    }
}

#[tokio::test]
async fn the_cache_command_says_when_there_is_no_server_to_ask() {
    let folder = tempfile::tempdir().expect("there is room");
    let nobody = terrace_tests::upstream::Reserved::take();
    let somebody = Upstream::start().await;
    for (address, words) in [
        (&nobody.url, "refused"),
        (&somebody.url, "not an admin listener"),
    ] {
        let address = address.trim_start_matches("http://");
        let ended =
            terrace_tests::process::run(folder.path(), &["cache", "stats", "--admin", address])
                .await;
        assert_eq!(ended.code, Some(exit::FAILED), "{}", ended.text);
        assert!(
            ended.text.contains(words) && ended.text.contains("--admin"),
            "{}",
            ended.text
        );
    }
}

#[tokio::test]
async fn statistics_are_for_people_and_for_programs() {
    let app = app().await;
    let path = with(&[FRESH]);
    for _ in 0..4 {
        app.get(&path).await.expect(200);
    }
    let said = app.cache(&["stats"]).await;
    assert_eq!(said.code, Some(exit::FINE), "{}", said.text);
    assert!(said.text.contains("hit ratio   75.0 %"), "{}", said.text);
    let said = app.cache(&["stats", "--json"]).await;
    let statistics: Value = serde_json::from_str(&said.text).expect("it prints one object");
    assert_eq!(
        (
            &statistics["hits"],
            &statistics["misses"],
            &statistics["entries"]
        ),
        (&3.into(), &1.into(), &1.into())
    );
}

#[tokio::test]
async fn the_pages_of_the_cache_are_on_the_admin_listener_only() {
    let app = App::of("faults-p3").start().await;
    app.admin("/cache/stats").await.expect(200);
    for path in ["/cache/stats", "/cache/purge"] {
        let answer = app.post(path, "{\"all\": true}").await.expect(404);
        assert_eq!(answer.text(), "this guest knows no such behaviour");
    }
}

#[tokio::test]
async fn a_hit_does_not_reach_the_origin() {
    let (origin, edge) = edge(&[FRESH]).await;
    for _ in 0..3 {
        assert_eq!(edge.get("/").await.expect(200).text(), "1");
    }
    assert_eq!(origin.seen().len(), 1);
}

/// RFC 9111 §4.2.4 and RFC 5861 §4.
#[tokio::test]
async fn what_is_stored_stands_in_for_an_origin_that_died() {
    let (origin, edge) = edge(&[
        ("cache-control", "max-age=0, stale-if-error=60"),
        ("etag", "\"a\""),
    ])
    .await;
    edge.get("/").await.expect(200);
    drop(origin);
    let answer = edge.get("/").await.expect(200);
    assert_eq!(answer.text(), "1");
    assert!(answer.cache_status().starts_with("fwd=stale"), "{answer:?}");
    edge.get("/other")
        .await
        .expect_problem(502, failure::ORIGIN_REFUSED);
}

/// All of them have the beginning of the response before the origin sends its end, so one response serves them all.
#[tokio::test]
async fn many_who_ask_for_the_same_ask_the_origin_once() {
    let asked = Arc::new(AtomicU32::new(0));
    let (release, released) = tokio::sync::watch::channel(false);
    let count = Arc::clone(&asked);
    let origin = Upstream::raw(move |mut connection: Connection| {
        let (mut released, count) = (released.clone(), Arc::clone(&count));
        async move {
            connection.read_until("\r\n\r\n").await;
            count.fetch_add(1, Ordering::SeqCst);
            let head = "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 9\r\n\r\n";
            connection.send(format!("{head}begin")).await;
            let released = released.wait_for(|released| *released).await;
            released.expect("the test releases");
            connection.send(" end").await;
        }
    });
    let origin = origin.await;
    let edge = App::edge(&origin.url).start().await;
    let mut clients = Vec::new();
    for _ in 0..50 {
        clients.push(Connection::open(&edge.http).await);
    }
    for client in &mut clients {
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    }
    for client in &mut clients {
        let text = client.read_until("begin").await;
        assert_eq!(statuses(&text), [200], "{text}");
    }
    release.send(true).expect("the origin waits");
    for client in &mut clients {
        assert_eq!(client.read_until("end").await, " end");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn requests_at_once_for_something_slow_and_uncacheable_all_succeed() {
    let app = App::of("faults-p3").limit("timeout = \"2s\"").start().await;
    for _ in 0..2 {
        let answers = terrace_tests::load::at_once(3, |_| app.get("/sleep/1500?at-once")).await;
        for answer in answers {
            assert_eq!(answer.expect(200).text(), "slept");
        }
    }
}

#[tokio::test]
async fn a_follower_never_fails_for_its_leaders_deadline() {
    let (begin, mut begun) = tokio::sync::watch::channel(0_u32);
    let origin = Upstream::answering(move |_| {
        begin.send_modify(|count| *count += 1);
        let is_first = *begin.borrow() == 1;
        async move {
            if is_first {
                std::future::pending::<()>().await;
            }
            let response = Response::builder().header("cache-control", "max-age=60");
            response.body(whole("in time")).expect("a valid response")
        }
    });
    let origin = origin.await;
    let edge = App::edge(&origin.url)
        .config("[edge]\nfirst_byte_timeout = \"1s\"")
        .start()
        .await;
    let follower = async {
        begun
            .wait_for(|count| *count == 1)
            .await
            .expect("the origin counts");
        edge.get("/").await
    };
    let (leader, follower) = tokio::join!(edge.get("/"), follower);
    leader.expect(504);
    assert_eq!(follower.expect(200).text(), "in time");
}

#[tokio::test]
async fn nobody_waits_on_a_route_that_has_shown_itself_uncacheable() {
    let app = App::of("faults-p3").start().await;
    app.get("/sleep/1").await.expect(200);
    let begin = std::time::Instant::now();
    let answers = terrace_tests::load::at_once(3, |_| app.get("/sleep/900?first")).await;
    assert!(
        answers.iter().all(|answer| answer.status == 200),
        "{answers:?}"
    );
    // Whoever waits for another takes twice as long.
    assert!(begin.elapsed() < std::time::Duration::from_millis(1_700));
}

/// RFC 9111 §4.3.
#[tokio::test]
async fn a_stale_response_is_validated() {
    let origin = Upstream::answering(async |request: Request<Incoming>| {
        let is_known = request
            .headers()
            .get("if-none-match")
            .is_some_and(|tag| tag == "\"a\"");
        let response = Response::builder()
            .header("etag", "\"a\"")
            .header("cache-control", "max-age=0");
        let response = response.status(if is_known { 304 } else { 200 });
        response
            .body(whole(if is_known { "" } else { "content" }))
            .expect("a valid response")
    });
    let origin = origin.await;
    let edge = App::edge(&origin.url).start().await;
    for _ in 0..3 {
        assert_eq!(edge.get("/").await.expect(200).text(), "content");
    }
    let metrics = edge.metrics().await;
    assert_eq!(
        metrics.sum(metric::CACHE_REQUESTS, &[("result", "validated")]) as u32,
        2
    );
}

#[tokio::test]
async fn text_is_compressed_for_those_who_accept_it() {
    let text: &'static str = "all work and no play makes jack a dull boy\n"
        .repeat(200)
        .leak();
    let origin = Upstream::answering(move |_| async move {
        let response = Response::builder()
            .header("cache-control", "max-age=60")
            .header("content-type", "text/plain");
        response.body(whole(text)).expect("a valid response")
    });
    let origin = origin.await;
    let edge = App::edge(&origin.url).start().await;
    assert_eq!(edge.get("/").await.expect(200).text(), text);
    let answer = edge
        .get_with("/", &[("accept-encoding", "gzip")])
        .await
        .expect(200);
    assert_eq!(answer.header("content-encoding"), "gzip");
    assert!(answer.body.len() < text.len() / 4, "{}", answer.body.len());
    assert!(
        answer
            .header("vary")
            .to_lowercase()
            .contains("accept-encoding"),
        "{answer:?}"
    );
    assert_eq!(edge.get("/").await.expect(200).text(), text);
}

/// What a write has changed is told by its response, so it is waited for also when its client is gone.
#[tokio::test]
async fn a_write_whose_client_left_is_seen_through() {
    let (begin, begun) = tokio::sync::watch::channel(0_u32);
    let begin = Arc::new(begin);
    let (release, released) = tokio::sync::watch::channel(false);
    let origin = Upstream::answering(move |request: Request<Incoming>| {
        let (begin, mut released) = (Arc::clone(&begin), released.clone());
        async move {
            let response = Response::builder()
                .header("cache-control", "max-age=60")
                .header("cache-groups", "\"a\"");
            if request.method() == Method::POST {
                begin.send_modify(|count| *count += 1);
                released
                    .wait_for(|released| *released)
                    .await
                    .expect("the test releases");
            }
            let response = response.header("cache-group-invalidation", "\"a\"");
            response.body(whole("content")).expect("a valid response")
        }
    });
    let origin = origin.await;
    let edge = App::edge(&origin.url).start().await;
    edge.get("/").await.expect(200);
    assert!(edge.get("/").await.is_hit());
    let mut connection = terrace_tests::raw::Connection::open(&edge.http).await;
    let host = edge.http.trim_start_matches("http://");
    connection
        .send(format!(
            "POST /write HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n"
        ))
        .await;
    let mut begun = begun;
    begun
        .wait_for(|count| *count == 1)
        .await
        .expect("the origin counts");
    drop(connection);
    let is_gone = |line: &Value| line["failure"] == failure::CLIENT_DISCONNECTED;
    edge.process.log.event(EVENT_REQUEST, is_gone).await;
    release.send(true).expect("the origin waits");
    edge.until_metric(metric::CACHE_PURGED, &[], |count| count >= 1.0)
        .await;
    missed(&edge.get("/").await);
}

#[tokio::test]
async fn a_request_of_no_other_kind_than_get_and_head_is_answered_from_the_cache() {
    let (origin, edge) = edge(&[FRESH]).await;
    edge.get("/").await.expect(200);
    let head = edge.call(Method::HEAD, "/", "").await.expect(200);
    assert!(
        head.is_hit() && head.body.is_empty() && head.header("content-length") == "1",
        "{head:?}"
    );
    for method in [Method::OPTIONS, Method::PUT, Method::DELETE] {
        let url = edge.url("/");
        missed(&edge.client.send(request(method, &url, &[], "")).await);
    }
    assert_eq!(origin.seen().len(), 4);
}
