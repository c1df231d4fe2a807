//! Promise: a client gets as many requests as its rate limits allow, whatever others send, and one that sends more is told when to
//! come back. Several nodes allow together what one would.

use terrace_tests::contract::{failure, metric};
use terrace_tests::load;
use terrace_tests::raw::Connection;
use terrace_tests::redis::Server;
use terrace_tests::{Answer, App, Running};

const STATE: &str = "ratelimit";
const POLICY: &str = "ratelimit-policy";

/// A server that trusts the clients of the tests, which choose their addresses by `X-Forwarded-For`.
fn hello(rates: &str) -> App {
    let app = App::of("hello").config("[listen]\ntrusted_proxies = [\"127.0.0.1\"]");
    app.config(&format!("[limits.rate]\n{rates}"))
}

/// A request of the client with that address.
async fn of(client: &str, server: &Running, path: &str) -> Answer {
    server.get_with(path, &[("x-forwarded-for", client)]).await
}

/// Requests at a time: so few that a server on a busy machine has no overload, whose refusals would be others.
const AT_ONCE: usize = 12;

/// Sends so many requests of a client, several at a time, and counts those that are answered with 200.
async fn allowed(client: &str, server: &Running, path: &str, count: usize) -> usize {
    let answers = load::calls(count, AT_ONCE, |_| of(client, server, path)).await;
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        assert_eq!(answer.status, 429, "{answer:?}");
    }
    answers.iter().filter(|answer| answer.status == 200).count()
}

#[tokio::test]
async fn a_client_that_sends_too_much_is_told_when_to_come_back() {
    let server = hello("client = \"3/h\"").start().await;
    for left in ["2", "1", "0"] {
        let answer = of("192.0.2.1", &server, "/").await.expect(200);
        assert_eq!(answer.header(POLICY), "\"client\";q=3;w=3600");
        let state = answer.header(STATE).to_owned();
        assert!(
            state.starts_with(&format!("\"client\";r={left};t=")),
            "{state}"
        );
    }
    let refused = of("192.0.2.1", &server, "/").await;
    let wait: u64 = refused.header("retry-after").parse().expect("a number");
    assert!((1_100..=1_200).contains(&wait), "{wait}");
    assert_eq!(refused.header(STATE), format!("\"client\";r=0;t={wait}"));
    let logged = server.logged("request", &refused).await;
    assert_eq!(logged["failure"], failure::RATE_LIMITED);
    assert_eq!(logged["blame"], "client");
    refused.expect_problem(429, failure::RATE_LIMITED);
    let metrics = server.metrics().await;
    assert_eq!(
        metrics.sum(metric::RATE_LIMITED, &[("limit", "client")]),
        1.0
    );
    assert_eq!(metrics.sum(metric::RATE_LIMITED, &[]), 1.0);
}

#[tokio::test]
async fn two_clients_have_limits_of_their_own() {
    let server = hello("client = \"20/h\"").start().await;
    let (one, two) = tokio::join!(
        allowed("192.0.2.1", &server, "/", 100),
        allowed("192.0.2.2", &server, "/", 10),
    );
    assert_eq!((one, two), (20, 10));
    assert_eq!(allowed("192.0.2.2", &server, "/", 100).await, 10);
    // HTTP/1.1 goes on after a refusal.
    assert_eq!(allowed("192.0.2.3", &server, "/", 1).await, 1);
}

#[tokio::test]
async fn clients_behind_a_trusted_proxy_are_told_apart() {
    let rates = "[limits]\nrate = \"2/h\"";
    let behind = App::of("hello").config("[listen]\ntrusted_proxies = [\"127.0.0.1\"]");
    let behind = behind.config(rates).start().await;
    assert_eq!(allowed("192.0.2.1", &behind, "/", 5).await, 2);
    assert_eq!(allowed("192.0.2.2", &behind, "/", 5).await, 2);
    // A client that names others has not become them.
    assert_eq!(allowed("192.0.2.3, 192.0.2.1", &behind, "/", 5).await, 0);
    let alone = App::of("hello").config(rates).start().await;
    let mut count = 0;
    for client in ["192.0.2.1", "192.0.2.2", "192.0.2.3"] {
        count += allowed(client, &alone, "/", 1).await;
    }
    assert_eq!(count, 2, "nobody trusts this field here");
}

#[tokio::test]
async fn routes_and_components_have_limits() {
    let app = App::new()
        .component("one", terrace_tests::guest("hello"))
        .route("/one/...")
        .component("other", terrace_tests::guest("hello"))
        .route("/other/...");
    let app = app.config("[listen]\ntrusted_proxies = [\"127.0.0.1\"]");
    let rates = "routes = { \"/one/login\" = \"1/h\" }\ncomponents = { other = \"3/h\" }";
    let server = app.config(&format!("[limits.rate]\n{rates}")).start().await;
    let client = "192.0.2.1";
    assert_eq!(allowed(client, &server, "/one/login", 5).await, 1);
    assert_eq!(allowed(client, &server, "/one/more", 5).await, 5);
    assert_eq!(allowed(client, &server, "/other/a", 5).await, 3);
    assert_eq!(allowed(client, &server, "/other/b", 5).await, 0);
    assert_eq!(allowed("192.0.2.2", &server, "/other/b", 5).await, 3);
    let unlimited = of(client, &server, "/one/more").await;
    assert_eq!(unlimited.header(POLICY), "");
}

#[tokio::test]
async fn health_and_admin_have_no_limit() {
    let server = App::of("hello").config("[limits]\nrate = \"1/h\"");
    let server = server.start().await;
    server.get("/").await.expect(200);
    assert_eq!(server.get("/").await.status, 429);
    for _ in 0..5 {
        server.get("/.well-known/spin/health").await.expect(200);
        server.admin("/livez").await.expect(200);
        server.admin("/readyz").await.expect(200);
        server.admin("/metrics").await.expect(200);
        let mut connection = Connection::open(&server.http).await;
        connection
            .send("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n")
            .await;
        let head = connection.read_until("\r\n\r\n").await;
        assert!(head.starts_with("HTTP/1.1 204"), "{head}");
    }
}

#[tokio::test]
async fn nodes_count_together_and_by_themselves_without_redis() {
    let mut redis = Server::start();
    let url = redis.url();
    let node = || {
        let app = hello("client = \"200/h\"").config("[cache]\nmemory = \"off\"");
        app.config(&format!("[cluster]\nurl = {url:?}")).start()
    };
    let (one, two, three) = tokio::join!(node(), node(), node());
    let nodes = [&one, &two, &three];
    let through_all = async |client: &'static str| {
        let answers = load::calls(450, AT_ONCE, |index| of(client, nodes[index % 3], "/")).await;
        answers.iter().filter(|answer| answer.status == 200).count()
    };
    let count = through_all("192.0.2.1").await;
    assert!((190..=210).contains(&count), "{count} of 200");
    let page = one.admin("/cluster").await.expect(200).json();
    assert_eq!(page["rates"]["shared_out"], false);
    assert!(
        page["rates"]["refused"]["client"].as_u64() > Some(0),
        "{page}"
    );
    assert_eq!(through_all("192.0.2.1").await, 0);
    redis.kill();
    assert_eq!(allowed("192.0.2.2", &one, "/", 250).await, 200);
    let out = one.metrics().await.sum(metric::RATE_SHARED_OUT, &[]);
    assert_eq!(out, 1.0);
    redis.restart();
    let back = "requests count together again";
    terrace_tests::wait::until(back, async || {
        of("192.0.2.3", &one, "/").await;
        let out = one.metrics().await.sum(metric::RATE_SHARED_OUT, &[]);
        (out == 0.0).then_some(())
    })
    .await;
    let count = through_all("192.0.2.4").await;
    assert!(count <= 400, "each node may have noticed late: {count}");
}

/// Ten thousand clients, and one that sends too much among them.
#[tokio::test]
async fn a_redis_that_hangs_holds_up_no_request() {
    let redis = Server::start();
    let app = hello("client = \"200/h\"").config("[cache]\nmemory = \"off\"");
    let url = redis.url();
    let app = app
        .config(&format!("[cluster]\nurl = {url:?}"))
        .start()
        .await;
    assert_eq!(allowed("192.0.2.1", &app, "/", 1).await, 1);
    redis.hang();
    assert_eq!(allowed("192.0.2.2", &app, "/", 250).await, 200);
    let out = app.metrics().await.sum(metric::RATE_SHARED_OUT, &[]);
    assert_eq!(out, 1.0);
    redis.go_on();
}

#[tokio::test]
async fn ten_thousand_clients_are_served_beside_one_that_sends_too_much() {
    let server = hello("client = \"2/h\"").start().await;
    let address = |index: usize| format!("10.{}.{}.{}", index >> 16, index >> 8 & 255, index & 255);
    let answers = load::calls(10_000, AT_ONCE, async |index| {
        let greedy = of("192.0.2.1", &server, "/");
        match index % 10 {
            0 => (true, greedy.await.status),
            _ => (false, of(&address(index), &server, "/").await.status),
        }
    });
    let answers = answers.await;
    let allowed = |is_greedy: bool| {
        let of_these = answers.iter().filter(|(greedy, _)| *greedy == is_greedy);
        of_these.filter(|(_, status)| *status == 200).count()
    };
    assert_eq!((allowed(true), allowed(false)), (2, 9_000));
    let buckets = server.metrics().await.sum(metric::RATE_BUCKETS, &[]);
    assert_eq!(buckets, 9_001.0);
}
