//! Promise: excess is refused early and says why; what is within its limits is served.

use std::time::{Duration, Instant};

use http::Method;
use terrace_tests::client::request;
use terrace_tests::contract::{EVENT_REQUEST, FAILURE, failure, metric};
use terrace_tests::raw::{Connection, exchange, statuses};
use terrace_tests::{App, Running};

const VERSIONS: [&str; 2] = ["faults-p2", "faults-p3"];

#[tokio::test]
async fn a_request_ends_at_its_timeout_and_not_before() {
    for version in VERSIONS {
        let app = App::of(version).limit("timeout = \"400ms\"").start().await;
        app.get("/sleep/10").await.expect(200);
        let begun = Instant::now();
        app.get("/sleep/30000")
            .await
            .expect_problem(504, failure::DEADLINE);
        let took = begun.elapsed();
        assert!(
            took >= Duration::from_millis(400) && took < Duration::from_secs(10),
            "{took:?}"
        );
    }
}

/// An edge that gives up sooner than the function says so.
#[tokio::test]
async fn the_time_that_a_trusted_proxy_has_left_ends_a_request() {
    let left = async |app: &Running, method: Method| {
        let fields = [("terrace-timeout", "100")];
        let slow = request(method, &app.url("/sleep/300"), &fields, "");
        app.client.send(slow).await
    };
    let trusting = "[listen]\ntrusted_proxies = [\"127.0.0.1\"]";
    let app = App::of("faults-p3").config(trusting).start().await;
    left(&app, Method::POST)
        .await
        .expect_problem(504, failure::DEADLINE);
    // Others may wait for this response too.
    left(&app, Method::GET).await.expect(200);
    let app = App::of("faults-p3").start().await;
    left(&app, Method::POST).await.expect(200);
}

#[tokio::test]
async fn a_busy_loop_ends_at_its_cpu_limit_long_before_its_timeout() {
    for version in VERSIONS {
        let app = App::of(version)
            .limit("timeout = \"50s\"")
            .limit("cpu = \"200ms\"")
            .start()
            .await;
        let begun = Instant::now();
        app.get("/loop").await.expect_problem(504, failure::CPU);
        assert!(
            begun.elapsed() < Duration::from_secs(25),
            "{:?}",
            begun.elapsed()
        );
    }
}

#[tokio::test]
async fn waiting_is_not_cpu_time() {
    for version in VERSIONS {
        let app = App::of(version)
            .limit("timeout = \"30s\"")
            .limit("cpu = \"200ms\"")
            .start()
            .await;
        app.get("/sleep/600").await.expect(200);
    }
}

#[tokio::test]
async fn memory_is_given_up_to_the_limit_and_not_beyond() {
    for version in VERSIONS {
        let app = App::of(version)
            .limit("memory = \"32MiB\"")
            .limit("reuse = \"fresh\"")
            .start()
            .await;
        assert_eq!(
            app.get("/allocate/16").await.expect(200).text(),
            "allocated 16 MiB"
        );
        let refused = app.get("/allocate/64").await;
        assert!(
            [503, 507].contains(&refused.status),
            "{version}: {}",
            refused.status
        );
        app.get("/leak").await.expect_problem(503, failure::MEMORY);
    }
}

/// One request works, one waits, the third is refused at once and told when to come back.
#[tokio::test]
async fn beyond_concurrency_and_queue_a_request_is_refused_at_once() {
    for version in VERSIONS {
        let app = App::of(version)
            .limit("concurrency = 1")
            .limit("queue = 1")
            .limit("timeout = \"20s\"");
        let app = app.start().await;
        let _working = held(&app, metric::IN_FLIGHT).await;
        let _waiting = held(&app, metric::QUEUE_LENGTH).await;
        let begun = Instant::now();
        let refused = app.get("/ok").await;
        assert!(
            begun.elapsed() < Duration::from_secs(5),
            "it was not refused at once"
        );
        assert!(
            refused
                .header("retry-after")
                .parse::<u32>()
                .is_ok_and(|seconds| seconds > 0)
        );
        assert_eq!(
            app.logged(EVENT_REQUEST, &refused).await[FAILURE],
            failure::QUEUE_FULL
        );
        refused.expect_problem(503, failure::QUEUE_FULL);
    }
}

/// A request that hangs, seen in this gauge.
async fn held(app: &Running, gauge: &str) -> Connection {
    let mut connection = Connection::open(&app.http).await;
    connection
        // Requests for the same would wait for each other in front of the function.
        .send(format!("GET /hang?{gauge} HTTP/1.1\r\nHost: a\r\n\r\n"))
        .await;
    app.until_metric(gauge, &[], |count| count >= 1.0).await;
    connection
}

#[tokio::test]
async fn a_waiting_request_is_served_when_its_turn_comes() {
    for version in VERSIONS {
        let app = App::of(version)
            .limit("concurrency = 1")
            .limit("queue = 8")
            .start()
            .await;
        let answers = terrace_tests::load::at_once(8, |_| app.get("/sleep/20")).await;
        assert!(
            answers.iter().all(|answer| answer.status == 200),
            "{answers:?}"
        );
    }
}

#[tokio::test]
async fn a_waiting_client_that_leaves_gives_its_place_to_another() {
    let app = App::of("faults-p3")
        .limit("concurrency = 1")
        .limit("queue = 1")
        .limit("timeout = \"50s\"");
    let app = app.start().await;
    let _working = held(&app, metric::IN_FLIGHT).await;
    let waiting = held(&app, metric::QUEUE_LENGTH).await;
    drop(waiting);
    app.until_metric(metric::QUEUE_LENGTH, &[], |count| count == 0.0)
        .await;
    held(&app, metric::QUEUE_LENGTH).await;
}

#[tokio::test]
async fn a_content_over_the_limit_is_refused_and_one_at_the_limit_is_not() {
    for version in VERSIONS {
        let app = App::of(version)
            .limit("request_body = \"64KiB\"")
            .start()
            .await;
        let limit = 64 << 10;
        assert_eq!(
            app.post("/length", vec![b'x'; limit])
                .await
                .expect(200)
                .text(),
            limit.to_string()
        );
        app.post("/length", vec![b'x'; limit + 1])
            .await
            .expect_problem(413, failure::BODY_TOO_LARGE);
    }
}

/// Without a length in its head, a content is found too long only while it comes.
#[tokio::test]
async fn a_chunked_content_over_the_limit_is_refused() {
    for version in VERSIONS {
        let app = App::of(version)
            .limit("request_body = \"1KiB\"")
            .start()
            .await;
        let mut request =
            "POST /length HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned();
        for _ in 0..4 {
            request.push_str(&format!("200\r\n{}\r\n", "x".repeat(0x200)));
        }
        request.push_str("0\r\n\r\n");
        assert_eq!(statuses(&exchange(&app.http, request).await), [413]);
    }
}

#[tokio::test]
async fn a_header_section_over_the_limit_is_refused_with_431() {
    let app = App::of("faults-p3").start().await;
    let one_large = format!(
        "GET /ok HTTP/1.1\r\nHost: a\r\nConnection: close\r\nx-large: {}\r\n\r\n",
        "x".repeat(256 << 10)
    );
    let many_small = "x-small: 1\r\n".repeat(2_000);
    let many_small =
        format!("GET /ok HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{many_small}\r\n");
    for request in [one_large, many_small] {
        let text = exchange(&app.http, request).await;
        assert_eq!(statuses(&text), [431], "{text}");
    }
    app.get("/ok").await.expect(200);
}

#[tokio::test]
async fn a_target_over_the_limit_is_refused() {
    let app = App::of("faults-p3").start().await;
    let request = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(256 << 10));
    let statuses = statuses(&exchange(&app.http, request).await);
    assert!(statuses == [414] || statuses == [431], "{statuses:?}");
}

#[tokio::test]
async fn ordinary_large_heads_are_served() {
    let app = App::of("faults-p3").start().await;
    let value = "x".repeat(8 << 10);
    let headers = app
        .get_with("/headers", &[("x-large", &value)])
        .await
        .expect(200)
        .json();
    assert_eq!(headers["x-large"][0], value);
}

/// A limit of one component is none of the other's.
#[tokio::test]
async fn each_component_has_its_own_limits() {
    let app = App::of("faults-p3").limit("timeout = \"300ms\"");
    let app = app
        .component("patient", terrace_tests::guest("faults-p3"))
        .route("/patient/...")
        .start()
        .await;
    app.get("/sleep/30000")
        .await
        .expect_problem(504, failure::DEADLINE);
    app.get("/patient/sleep/600").await.expect(200);
}

#[tokio::test]
async fn overload_refuses_some_and_serves_the_rest() {
    let app = App::of("faults-p3")
        .limit("concurrency = 4")
        .limit("queue = 4")
        .start()
        .await;
    let answers = terrace_tests::load::at_once(64, |_| app.get("/sleep/100")).await;
    let served = answers.iter().filter(|answer| answer.status == 200).count();
    let refused = answers.iter().filter(|answer| answer.status == 503).count();
    assert_eq!(
        served + refused,
        64,
        "every request has one of the two outcomes"
    );
    assert!(
        served >= 8 && refused > 0,
        "{served} served, {refused} refused"
    );
    assert!(
        answers
            .iter()
            .all(|answer| answer.status == 200 || !answer.header("retry-after").is_empty())
    );
}

#[tokio::test]
async fn methods_of_proxies_are_refused() {
    let app = App::of("faults-p3").start().await;
    for method in [
        Method::TRACE,
        Method::from_bytes(b"TRACK").expect("a token"),
    ] {
        let answer = app.call(method.clone(), "/ok", "").await;
        let refused = [400, 405, 501].contains(&answer.status);
        assert!(
            refused || method != Method::TRACE,
            "{method} gave {}",
            answer.status
        );
    }
    let connect = exchange(
        &app.http,
        "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nConnection: close\r\n\r\n",
    )
    .await;
    assert!(
        statuses(&connect)
            .iter()
            .all(|status| (400..600).contains(status)),
        "{connect}"
    );
}
