//! Promise: an edge balances load over several origins, and an origin that is out fails no request that may be sent again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures::future::{FutureExt, join_all};
use futures::stream::{self, StreamExt};
use http::{Method, Request, Response, Version};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use terrace_tests::authority::Authority;
use terrace_tests::client::{Answer, Broken, request, whole};
use terrace_tests::contract::{exit, failure, metric};
use terrace_tests::load;
use terrace_tests::raw::Connection;
use terrace_tests::upstream::{Reserved, Upstream};
use terrace_tests::wait::until;
use terrace_tests::{App, Running};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What became of a call.
type Outcome = Result<Answer, Broken>;

/// An origin that answers with its name.
async fn named(name: &'static str) -> Upstream {
    Upstream::answering(move |_| async move { Response::new(whole(name)) }).await
}

/// An origin that answers the first request on each connection with these bytes and closes it.
async fn saying(bytes: &'static str) -> Upstream {
    Upstream::raw(move |mut connection: Connection| async move {
        connection.read_until("\r\n\r\n").await;
        connection.send(bytes).await;
    })
    .await
}

/// An origin that answers at once only what asks for `/`. All else waits for the gate, at `/half` in the middle of the content.
async fn gated(gate: &watch::Receiver<bool>) -> Upstream {
    let gate = gate.clone();
    Upstream::answering(move |request: Request<Incoming>| {
        let mut gate = gate.clone();
        let opened = async move { gate.wait_for(|is_open| *is_open).await.map(|_| ()) };
        async move {
            let piece = |text: &'static str| Ok(Frame::data(Bytes::from_static(text.as_bytes())));
            match request.uri().path() {
                "/" => {}
                "/half" => {
                    let rest = stream::once(opened.map(move |_| piece(" and the rest")));
                    let content = stream::once(async move { piece("a half") }).chain(rest);
                    return Response::new(StreamBody::new(content).boxed_unsync());
                }
                _ => opened.await.expect("the test opens it"),
            }
            Response::new(whole("answered"))
        }
    })
    .await
}

/// How many requests with this method and path an origin has.
fn count(origin: &Upstream, method: &Method, path: &str) -> usize {
    let seen = origin.seen().into_iter();
    seen.filter(|seen| seen.method == *method && seen.uri.path() == path)
        .count()
}

/// An edge in front of these origins, which forwards each request.
async fn balancer(origins: &[&str], config: &str) -> Running {
    let config = format!("[cache]\nmemory = \"off\"\n{config}");
    App::balancer(origins).config(&config).start().await
}

fn origin_label(url: &str) -> &str {
    url.trim_start_matches("http://")
}

/// Waits until an origin is ejected.
async fn until_out(edge: &Running, origin: &str) {
    let labels = [("origin", origin_label(origin)), ("state", "healthy")];
    edge.until_metric(metric::ORIGIN_STATE, &labels, |is_in| is_in == 0.0)
        .await;
}

#[tokio::test]
async fn requests_go_to_all_origins() {
    let (one, other) = (named("one").await, named("other").await);
    let edge = balancer(&[&one.url, &other.url], "").await;
    let gets = |origin: &Upstream| {
        let seen = origin.seen().into_iter();
        seen.filter(|seen| seen.method == Method::GET).count()
    };
    until("both are asked", async || {
        load::at_once(8, |_| edge.get("/")).await;
        [&one, &other]
            .into_iter()
            .all(|origin| gets(origin) >= 20)
            .then_some(())
    })
    .await;
    let page = edge.admin("/cluster").await.expect(200).json();
    let listed = page["origins"].as_array().expect("a list");
    for (origin, listed) in [&one, &other].into_iter().zip(listed) {
        assert_eq!(listed["origin"], origin_label(&origin.url));
        assert_eq!(listed["state"], "healthy");
        let counted = listed["requests"].as_u64().expect("a number");
        let seen = origin
            .seen()
            .iter()
            .filter(|seen| seen.method == Method::GET)
            .count();
        assert_eq!(usize::try_from(counted), Ok(seen));
    }
    assert_eq!(page["retries"], 0);
}

/// Nothing of a request has reached an origin that refuses connections.
#[tokio::test]
async fn an_origin_that_refuses_connections_fails_no_request() {
    let (down, up) = (Reserved::take(), named("up").await);
    let quick = "[edge.health]\ninterval = \"50ms\"";
    let edge = balancer(&[&down.url, &up.url], quick).await;
    for method in [Method::GET, Method::POST, Method::PUT] {
        for _ in 0..20 {
            let answer = edge.call(method.clone(), "/", "content").await;
            assert_eq!(answer.expect(200).text(), "up");
        }
    }
    until_out(&edge, &down.url).await;
    let _origin = down.answering(async |_| Response::new(whole("back")));
    let is_back = async || (edge.get("/").await.text() == "back").then_some(());
    until("the origin is back", is_back).await;
}

#[tokio::test]
async fn an_origin_without_usable_answers_fails_no_idempotent_request() {
    for bad in [
        "",
        "SSH-2.0-OpenSSH_9.2\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Le",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
    ] {
        let (bad, good) = (saying(bad).await, named("good").await);
        let edge = balancer(&[&bad.url, &good.url], "").await;
        for index in 0..20 {
            let method = [Method::GET, Method::PUT, Method::DELETE][index % 3].clone();
            let content = ["", "some content"][index % 2];
            let answer = edge.call(method, "/", content).await;
            assert_eq!(answer.expect(200).text(), "good");
        }
        assert!(edge.metrics().await.sum(metric::RETRIES, &[]) >= 1.0);
    }
}

#[tokio::test]
async fn the_content_of_a_request_that_is_sent_again_is_whole() {
    let closing = saying("").await;
    let echoing = Upstream::answering(async |request: Request<Incoming>| {
        let content = request.into_body().map_err(std::io::Error::other);
        Response::new(content.boxed_unsync())
    });
    let echoing = echoing.await;
    let edge = balancer(&[&closing.url, &echoing.url], "").await;
    for length in [0, 1, 1_000, 64 * 1024] {
        let content: Vec<u8> = (0..length).map(|index| (index % 251) as u8).collect();
        let answer = edge.call(Method::PUT, "/", content.clone()).await;
        assert!(answer.expect(200).body == content, "{length} bytes changed");
    }
}

/// RFC 9110 §9.2.2: nobody knows whether it had an effect.
#[tokio::test]
async fn a_request_that_may_have_had_an_effect_is_sent_once() {
    let count = Arc::new(AtomicUsize::new(0));
    let closing = async || {
        let count = Arc::clone(&count);
        Upstream::raw(move |mut connection: Connection| {
            let count = Arc::clone(&count);
            async move {
                let head = connection.read_until("\r\n\r\n").await;
                count.fetch_add(usize::from(head.starts_with("POST")), Ordering::SeqCst);
            }
        })
        .await
    };
    let (one, other) = (closing().await, closing().await);
    let edge = balancer(&[&one.url, &other.url], "").await;
    for _ in 0..10 {
        let answer = edge.post("/", "content").await;
        answer.expect_problem(502, failure::ORIGIN_TERMINATED);
    }
    assert_eq!(count.load(Ordering::SeqCst), 10);
}

#[tokio::test]
async fn an_origin_that_hangs_fails_no_idempotent_request() {
    let silent = Upstream::raw(async |connection: Connection| {
        connection.read_to_end().await;
    });
    let (silent, good) = (silent.await, named("good").await);
    for protocol in ["http/1.1", "http/2"] {
        let quick = format!(
            "[edge]\nsilence_timeout = \"100ms\"\norigin_protocol = \"{protocol}\"\n[edge.health]\ntimeout = \"100ms\""
        );
        let edge = balancer(&[&silent.url, &good.url], &quick).await;
        for _ in 0..20 {
            assert_eq!(edge.get("/").await.expect(200).text(), "good");
        }
        until_out(&edge, &silent.url).await;
    }
}

/// An origin that answers a check, or other requests, does not hang.
#[tokio::test]
async fn an_origin_that_is_slow_with_one_request_is_given_its_time() {
    let slow = async || {
        let (checks, checked) = tokio::sync::watch::channel(0);
        Upstream::answering(move |request: Request<Incoming>| {
            let mut checked = checked.clone();
            checks
                .send_modify(|checks| *checks += usize::from(request.method() == Method::OPTIONS));
            async move {
                if request.method() == Method::GET {
                    let begun = *checked.borrow_and_update();
                    let later = checked.wait_for(|checks| *checks >= begun + 3);
                    later.await.expect("the edge checks");
                }
                Response::new(whole("late"))
            }
        })
        .await
    };
    for checks in ["", "[edge.health]\ninterval = \"off\""] {
        let (one, other) = (slow().await, slow().await);
        let config = format!("[edge]\nsilence_timeout = \"50ms\"\n{checks}");
        let edge = balancer(&[&one.url, &other.url], &config).await;
        for _ in 0..3 {
            assert_eq!(edge.get("/").await.expect(200).text(), "late");
        }
        let metrics = edge.metrics().await;
        assert_eq!(metrics.sum(metric::RETRIES, &[]), 0.0);
        assert_eq!(metrics.sum("terrace_origin_ejections_total", &[]), 0.0);
    }
}

#[tokio::test]
async fn a_response_that_broke_off_is_not_begun_again() {
    let half = "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nonly this";
    let (one, other) = (saying(half).await, saying(half).await);
    let edge = balancer(&[&one.url, &other.url], "").await;
    let outcome = edge.try_get("/").await;
    assert!(matches!(outcome, Err(Broken::InContent(_))), "{outcome:?}");
}

/// An origin that answers all methods but GET.
async fn slow_with_get() -> Upstream {
    Upstream::answering(|request| async move {
        if request.method() == Method::GET {
            std::future::pending::<()>().await;
        }
        Response::new(whole("slow"))
    })
    .await
}

#[tokio::test]
async fn a_slow_response_is_overtaken_by_a_second_origin() {
    let (slow, fast) = (slow_with_get().await, named("fast").await);
    let config = "[edge]\nhedge_after = \"20ms\"\nsilence_timeout = \"1h\"";
    let edge = balancer(&[&slow.url, &fast.url], config).await;
    let gets = || {
        let seen = slow.seen().into_iter();
        seen.filter(|seen| seen.method == Method::GET).count()
    };
    until("the slow origin is asked", async || {
        edge.get("/").await.expect(200);
        (gets() >= 2).then_some(())
    })
    .await;
    let hedges = edge.metrics().await.sum(metric::HEDGES, &[]);
    assert!(hedges >= 2.0);
    // What may change something goes to one origin.
    for _ in 0..20 {
        edge.post("/", "content").await.expect(200);
    }
    let posts = [&slow, &fast].map(|origin| {
        let seen = origin.seen().into_iter();
        seen.filter(|seen| seen.method == Method::POST).count()
    });
    assert_eq!(posts.iter().sum::<usize>(), 20);
}

/// A second attempt adds to the load that may be the reason for the first one's slowness.
#[tokio::test]
async fn hedging_has_the_budget_of_retries() {
    let (slow, other) = (slow_with_get().await, slow_with_get().await);
    let config =
        "[edge]\nhedge_after = \"1ms\"\nsilence_timeout = \"1h\"\nfirst_byte_timeout = \"1s\"";
    let edge = balancer(&[&slow.url, &other.url], config).await;
    load::at_once(100, |_| edge.get("/")).await;
    let metrics = edge.metrics().await;
    let again = metrics.sum(metric::HEDGES, &[]) + metrics.sum(metric::RETRIES, &[]);
    // A fifth of the requests, and 10 a second for at most 3 seconds.
    assert!((20.0..=50.0).contains(&again), "{again} of 100");
}

#[tokio::test]
async fn origins_are_spoken_to_in_http_2_where_the_settings_say_so() {
    let origin = Upstream::start().await;
    let node = App::of("hello")
        .config("[listen]\nh2c = true")
        .start()
        .await;
    let http2 = "[edge]\norigin_protocol = \"http/2\"";
    let edge = balancer(&[&origin.url], http2).await;
    let headers = [("host", "shop.example")];
    load::at_once(50, |_| edge.get_with("/path", &headers)).await;
    let content = "content that is sent on";
    let answer = edge.call(Method::PUT, "/put", content).await;
    assert_eq!(answer.expect(200).text(), "upstream /put");
    for seen in origin.seen() {
        assert_eq!(seen.version, Version::HTTP_2);
        assert!(!seen.headers.contains_key("host"), "told of two hosts");
    }
    let first = &origin.seen()[0];
    assert_eq!(first.uri.to_string(), "http://shop.example/path");
    let of_node = balancer(&[&node.http, &origin.url], http2).await;
    until("the node answers", async || {
        let answer = of_node.get("/").await.expect(200);
        (answer.text() == "Hello from Terrace\n").then_some(())
    })
    .await;
    // A switch of protocols is one of HTTP/1.1.
    let mut connection = Connection::open(&edge.http).await;
    let switch = "GET /socket HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
                  Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    connection.send(switch).await;
    let asked = async || {
        let mut seen = origin.seen().into_iter();
        seen.find(|seen| seen.uri.path() == "/socket")
    };
    let seen = until("the origin is asked to switch", asked).await;
    assert_eq!(seen.version, Version::HTTP_11);
}

/// A connection of HTTP/2 that breaks has many requests on it.
#[tokio::test]
async fn an_origin_that_is_killed_over_http_2_fails_only_what_nobody_may_repeat() {
    let (open, gate) = watch::channel(false);
    let (killed, good) = (gated(&gate).await, gated(&gate).await);
    let http2 = "[edge]\norigin_protocol = \"http/2\"\nsilence_timeout = \"1h\"";
    let edge = Arc::new(balancer(&[&killed.url, &good.url], http2).await);
    let begin = |method: &Method, path: &str| {
        let request = request(method.clone(), &edge.url(path), &[], "content");
        let client = edge.client.clone();
        tokio::spawn(async move { client.try_send(request).await })
    };
    let calls = [Method::PUT, Method::POST].map(|method| {
        let calls = (0..20).map(|_| begin(&method, "/waits"));
        calls.collect::<Vec<_>>()
    });
    let at = |origin: &Upstream| {
        let waits = |method| count(origin, &method, "/waits");
        let halves = count(origin, &Method::GET, "/half");
        [waits(Method::PUT), waits(Method::POST), halves]
    };
    // A response of which the client has nothing yet may be asked for again.
    let halves = load::at_once(20, async |_| {
        let half = request(Method::GET, &edge.url("/half"), &[], "");
        edge.client.stream(half).await
    })
    .await;
    let lost = until("all are under way", async || {
        let all = at(&killed).iter().sum::<usize>() + at(&good).iter().sum::<usize>();
        (all == 60).then(|| at(&killed))
    })
    .await;
    assert!(lost.iter().all(|lost| *lost > 0), "{lost:?}");
    drop(killed);
    open.send(true).expect("the origins wait");
    let [puts, posts] = calls;
    assert!(lost_of(puts, "answered").await.is_empty());
    let posts = lost_of(posts, "answered").await;
    assert_eq!(posts.len(), lost[1]);
    for outcome in posts {
        let answer = outcome.expect("an answer");
        answer.expect_problem(502, failure::ORIGIN_TERMINATED);
    }
    let halves = join_all(halves.into_iter().map(|half| half.into_body().collect())).await;
    let (whole, broken): (Vec<_>, Vec<_>) = halves.into_iter().partition(Result::is_ok);
    assert_eq!(broken.len(), lost[2]);
    for content in whole.into_iter().flatten() {
        assert_eq!(content.to_bytes(), "a half and the rest");
    }
    assert_eq!(at(&good)[1], 20 - lost[1], "a POST was sent again");
}

/// The outcomes of calls that did not end with this answer.
async fn lost_of(calls: Vec<JoinHandle<Outcome>>, answer: &str) -> Vec<Outcome> {
    let outcomes = join_all(calls).await.into_iter();
    let outcomes = outcomes.map(|outcome| outcome.expect("no panic"));
    let is_whole = |outcome: &Outcome| {
        let whole = outcome.as_ref().ok().filter(|whole| whole.status == 200);
        whole.is_some_and(|whole| whole.text() == answer)
    };
    outcomes.filter(|outcome| !is_whole(outcome)).collect()
}

/// An operator finds the reason in the log, such as a node without `h2c`.
#[tokio::test]
async fn the_log_says_why_an_origin_gets_no_requests() {
    let node = App::of("hello").start().await;
    let down = Reserved::take();
    let http2 = "[edge]\norigin_protocol = \"http/2\"\n[edge.health]\ninterval = \"20ms\"";
    let edge = balancer(&[&node.http, &down.url], http2).await;
    let said = async |origin: &str, reason: &str| {
        let is_it = |line: &str| {
            let is_it = line.contains("gets no requests") && line.contains(origin_label(origin));
            is_it.then(|| assert!(line.contains(reason), "{line}"))
        };
        edge.process.log.find("a reason", is_it).await;
    };
    said(&node.http, "does not speak the version of HTTP").await;
    said(&down.url, "refused the connection").await;
    let answer = edge.post("/", "content").await;
    assert_eq!(answer.status, 502);
}

#[tokio::test]
async fn origins_are_trusted_by_the_authorities_of_the_settings() {
    let authority = Authority::new();
    let https =
        "[listen]\nhttps = \"127.0.0.1:0\"\n[tls]\ncertificate = \"a.pem\"\nkey = \"a.key\"";
    let node = App::of("hello").config(https);
    authority
        .sign(&["localhost"], "2")
        .write(node.folder(), "a");
    let node = node.start().await;
    let origin = node.https().replace("127.0.0.1", "localhost");
    let trusting = format!("[edge]\norigin_ca = {:?}\n", authority.file());
    for protocol in ["http/1.1", "http/2"] {
        let config = format!("{trusting}origin_protocol = \"{protocol}\"");
        let edge = balancer(&[&origin], &config).await;
        edge.get("/").await.expect(200);
        edge.get("/").await.expect(200);
    }
    let edge = balancer(&[&origin], "").await;
    edge.get("/")
        .await
        .expect_problem(502, "origin-certificate");
    let ended = App::edge("http://a")
        .config("[edge]\norigin_ca = \"missing.pem\"")
        .refuse()
        .await;
    assert!(
        ended.text.contains("missing.pem cannot be read"),
        "{}",
        ended.text
    );
}

/// Otherwise the failures of overloaded origins would double their load.
#[tokio::test]
async fn retries_have_a_budget() {
    let (one, other) = (saying("").await, saying("").await);
    let edge = balancer(&[&one.url, &other.url], "").await;
    let begun = std::time::Instant::now();
    for _ in 0..300 {
        let answer = edge.get("/").await;
        answer.expect_problem(502, failure::ORIGIN_TERMINATED);
    }
    let metrics = edge.metrics().await;
    let floor = 10.0 * (begun.elapsed().as_secs_f64() + 1.0);
    let retries = metrics.sum(metric::RETRIES, &[]);
    assert!(retries >= 60.0 && retries <= 60.0 + floor, "{retries}");
    let refused = metrics.sum(metric::RETRIES_REFUSED, &[]);
    // While one of them is ejected and the other is not, there is nothing to send to.
    assert!(refused + retries >= 280.0, "{refused}");
}

/// The failure that the client gets is that of the last origin.
#[tokio::test]
async fn while_no_origin_is_reachable_clients_get_a_problem_and_then_answers() {
    let (one, other) = (Reserved::take(), Reserved::take());
    let edge = balancer(&[&one.url, &other.url], "").await;
    for _ in 0..10 {
        let answer = edge.get("/").await;
        answer.expect_problem(502, failure::ORIGIN_REFUSED);
    }
    let _origin = one.answering(async |_| Response::new(whole("up")));
    let is_up = async || (edge.get("/").await.status == 200).then_some(());
    until("the origin is back", is_up).await;
}

/// A check with a path is of what the origin says, and not only of whether it answers.
#[tokio::test]
async fn an_origin_whose_check_fails_gets_no_requests() {
    let sick = Upstream::answering(async |request: Request<Incoming>| {
        let is_check = request.uri().path() == "/healthy";
        let response = Response::builder().status(if is_check { 503 } else { 200 });
        response.body(whole("sick")).expect("a valid response")
    });
    let (sick, well) = (sick.await, named("well").await);
    let config = "[edge.health]\npath = \"/healthy\"\ninterval = \"20ms\"";
    let edge = balancer(&[&sick.url, &well.url], config).await;
    until_out(&edge, &sick.url).await;
    for _ in 0..20 {
        assert_eq!(edge.get("/").await.expect(200).text(), "well");
    }
}

/// `localhost` may have a second address, where nobody listens.
#[tokio::test]
async fn each_address_of_a_name_is_an_origin() {
    let origin = named("found").await;
    let port = origin.url.rsplit(':').next().expect("a port");
    let edge = balancer(&[&format!("dns+http://localhost:{port}")], "").await;
    for _ in 0..20 {
        assert_eq!(edge.get("/").await.expect(200).text(), "found");
    }
    let page = edge.admin("/cluster").await.expect(200).json();
    let found = origin_label(&origin.url);
    let origins = page["origins"].as_array().expect("a list");
    assert!(origins.iter().any(|one| one["origin"] == found), "{page}");
}

/// A response that nobody asked for is not the answer to the next request.
#[tokio::test]
async fn an_origin_that_answers_out_of_turn_is_not_believed() {
    let origin = Upstream::raw(async |mut connection: Connection| {
        let answer =
            |content: &str| format!("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{content}");
        let mut asked = connection.read_until("\r\n\r\n").await;
        while asked.ends_with("\r\n\r\n") {
            let content = if asked.contains("/first") {
                "first"
            } else {
                "other"
            };
            connection.send(answer(content) + &answer("wrong")).await;
            asked = connection.read_until("\r\n\r\n").await;
        }
    });
    let origin = origin.await;
    let edge = App::edge(&origin.url).start().await;
    for (path, expected) in [("/first", "first"), ("/a", "other"), ("/b", "other")] {
        assert_eq!(edge.get(path).await.expect(200).text(), expected);
    }
}

#[tokio::test]
async fn what_is_wrong_with_several_origins_is_said_at_once() {
    let refused = async |config: &str, words: &[&str]| {
        let ended = App::edge("").config(config).refuse().await;
        assert_eq!(ended.code, Some(exit::USAGE), "{}", ended.text);
        for word in words {
            assert!(ended.text.contains(word), "no `{word}` in: {}", ended.text);
        }
    };
    let list = "[edge]\norigins = [\"http://a\", \"ftp://b\", \"http://a:80/\", \"clusters\", \"dns+http://10.0.0.1\"]";
    refused(list, &["ftp", "twice", "no scheme", "is an address"]).await;
    let arguments = ["--origin", "ftp://a", "--origin", "dns+ftp://b"];
    let ended = App::edge("").arguments(&arguments).refuse().await;
    assert_eq!(ended.text.matches("not `ftp`").count(), 2, "{}", ended.text);
}

#[tokio::test]
async fn a_client_that_leaves_frees_its_place_at_the_origin() {
    let silent = Upstream::start().await;
    let other = Upstream::start().await;
    let edge = balancer(&[&silent.url, &other.url], "").await;
    let mut connection = Connection::open(&edge.http).await;
    connection
        .send("GET /never HTTP/1.1\r\nHost: a\r\n\r\n")
        .await;
    edge.until_metric("terrace_origin_in_flight", &[], |count| count == 1.0)
        .await;
    drop(connection);
    edge.until_metric("terrace_origin_in_flight", &[], |count| count == 0.0)
        .await;
    let answer = request(Method::GET, &edge.url("/after"), &[], "");
    edge.client.send(answer).await.expect(200);
}

#[tokio::test]
async fn an_origin_has_no_more_connections_than_it_may_have() {
    let origin = Upstream::start().await;
    let config = "[edge]\nconnections = 2\nconnect_timeout = \"100ms\"";
    let edge = balancer(&[&origin.url], config).await;
    let mut waiting = Vec::new();
    for _ in 0..2 {
        let mut connection = Connection::open(&edge.http).await;
        connection
            .send("GET /never HTTP/1.1\r\nHost: a\r\n\r\n")
            .await;
        waiting.push(connection);
    }
    edge.until_metric("terrace_origin_in_flight", &[], |count| count == 2.0)
        .await;
    edge.get("/").await.expect_problem(503, "origin-busy");
    waiting.pop();
    edge.until_metric("terrace_origin_in_flight", &[], |count| count == 1.0)
        .await;
    edge.get("/").await.expect(200);
}

/// RFC 8586: a server in between that leads back to the edge passes on `CDN-Loop`.
#[tokio::test]
async fn a_request_that_comes_back_to_its_edge_is_refused() {
    let (tell, edge_url) = tokio::sync::watch::channel(String::new());
    let origin = Upstream::answering(move |request: Request<Incoming>| {
        let url = format!("{}/back", *edge_url.borrow());
        async move {
            let name = request.headers()["cdn-loop"].to_str().expect("it is text");
            let request =
                terrace_tests::client::request(Method::GET, &url, &[("cdn-loop", name)], "");
            let answer = terrace_tests::Client::default().send(request).await;
            let response = Response::builder().status(answer.status);
            response.body(whole(answer.body)).expect("a valid response")
        }
    });
    let origin = origin.await;
    let edge = balancer(&[&origin.url], "").await;
    tell.send(edge.http.clone()).expect("the origin listens");
    let answer = edge.get("/").await.expect(508);
    let problem = answer.json();
    assert_eq!(
        problem["type"], "urn:terrace:problem:loop-detected",
        "{problem}"
    );
    assert_eq!(origin.seen().len(), 1);
}
