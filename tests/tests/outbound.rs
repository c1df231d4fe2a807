//! Promise: a function calls the hosts and components that it is granted, and no others.

use terrace_tests::upstream::Upstream;
use terrace_tests::{App, guest};

const FAULTS: [&str; 2] = ["faults-p2", "faults-p3"];

#[tokio::test]
async fn outbound_requests_need_a_grant_for_their_host() {
    let upstream = Upstream::start().await;
    for name in FAULTS {
        let url = format!("{}/reached", upstream.url);
        let denied = App::of(name).start().await;
        let answer = denied.get(&format!("/chain?url={url}")).await.expect(502);
        assert!(
            answer.text().contains("HttpRequestDenied"),
            "{}",
            answer.text()
        );
        let before = upstream.seen().len();
        let allowed = App::of(name)
            .grant(&format!("allowed_outbound_hosts = [{:?}]", upstream.url))
            .start()
            .await;
        assert_eq!(
            allowed
                .get(&format!("/chain?url={url}"))
                .await
                .expect(200)
                .text(),
            "upstream /reached"
        );
        assert_eq!(upstream.seen().len(), before + 1, "{name}");
    }
}

#[tokio::test]
async fn an_upstream_that_never_answers_ends_with_the_request() {
    let upstream = Upstream::start().await;
    for name in FAULTS {
        let app = App::of(name).limit("timeout = \"1s\"");
        let app = app
            .grant(&format!("allowed_outbound_hosts = [{:?}]", upstream.url))
            .start()
            .await;
        let answer = app.get(&format!("/chain?url={}/never", upstream.url)).await;
        assert!(
            [502, 504].contains(&answer.status),
            "{name}: {}",
            answer.status
        );
    }
}

#[tokio::test]
async fn an_upstream_that_is_not_there_is_an_error_of_the_interface() {
    let upstream = Upstream::start().await;
    let url = upstream.url.clone();
    drop(upstream);
    for name in FAULTS {
        let app = App::of(name)
            .grant("allowed_outbound_hosts = [\"http://127.0.0.1:*\"]")
            .start()
            .await;
        let answer = app.get(&format!("/chain?url={url}/")).await.expect(502);
        assert!(answer.text().contains("Connection"), "{}", answer.text());
    }
}

#[tokio::test]
async fn a_component_calls_another_only_with_a_grant() {
    for name in FAULTS {
        let app = App::new()
            .component("caller", guest(name))
            .route("/caller/...");
        let app = app.grant("allowed_outbound_hosts = [\"http://called.spin.internal\"]");
        let app = app
            .component("called", guest("faults-p3"))
            .trigger("route = { private = true }");
        let app = app
            .component("stranger", guest(name))
            .route("/stranger/...")
            .start()
            .await;
        let call = "chain?url=http://called.spin.internal/status/207";
        assert_eq!(
            app.get(&format!("/caller/{call}")).await.status,
            207,
            "{name}"
        );
        assert_eq!(
            app.get(&format!("/stranger/{call}")).await.status,
            502,
            "{name}"
        );
    }
}

#[tokio::test]
async fn components_that_call_each_other_in_a_circle_end() {
    let app =
        App::of("faults-p3").grant("allowed_outbound_hosts = [\"http://faults-p3.spin.internal\"]");
    let app = app
        .limit("timeout = \"2s\"")
        .limit("concurrency = 4")
        .limit("queue = 4")
        .start()
        .await;
    let call = |url: &str| format!("http://faults-p3.spin.internal/chain?url={}", encode(url));
    let mut url = "http://faults-p3.spin.internal/ok".to_owned();
    for _ in 0..12 {
        url = call(&url);
    }
    let answer = app.get(&format!("/chain?url={}", encode(&url))).await;
    assert!(
        [200, 500, 502, 503, 504, 508].contains(&answer.status),
        "{}",
        answer.status
    );
    app.get("/ok").await.expect(200);
}

fn encode(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// RFC 9110 §8.6: a server may refuse content that comes without a length.
#[tokio::test]
async fn content_of_known_length_is_sent_with_its_length() {
    let upstream = Upstream::start().await;
    let app = App::of("portable")
        .grant(&format!("allowed_outbound_hosts = [{:?}]", upstream.url))
        .start()
        .await;
    let url = format!("{}/orders", upstream.url);
    app.call(http::Method::POST, "/post", url.clone())
        .await
        .expect(200);
    let seen = upstream.seen();
    let length = url.len().to_string();
    assert_eq!(seen[0].headers["content-length"], length.as_str());
    assert!(!seen[0].headers.contains_key("transfer-encoding"));
}

/// Spellings of an address at which a server on this machine answers.
const HERE: [&str; 10] = [
    "127.0.0.1",
    "localhost",
    "LocalHost",
    "[::1]",
    "0.0.0.0",
    "[::]",
    "[::ffff:127.0.0.1]",
    "127.1",
    "2130706433",
    "0x7f000001",
];

#[tokio::test]
async fn a_guest_does_not_reach_the_hosts_own_listeners_by_any_name() {
    let upstream = Upstream::start().await;
    for name in FAULTS {
        let any = App::of(name).grant("allowed_outbound_hosts = [\"*://*:*\"]");
        let app = any.start().await;
        for listener in [&app.admin, &app.http] {
            let (_, port) = listener.rsplit_once(':').expect("an address has a port");
            for host in HERE {
                let url = format!("http://{host}:{port}/livez");
                let answer = app.get(&format!("/chain?url={url}")).await.expect(502);
                assert!(
                    !answer.text().contains("HttpRequestDenied"),
                    "{}",
                    answer.text()
                );
            }
            let url = format!("http://127.0.0.1:{port}/livez");
            let answer = app.get(&format!("/chain?url={url}")).await;
            assert!(answer.text().contains("Prohibited"), "{}", answer.text());
        }
        let elsewhere = format!("/chain?url={}/reached", upstream.url);
        assert_eq!(
            app.get(&elsewhere).await.expect(200).text(),
            "upstream /reached"
        );
    }
}

#[tokio::test]
async fn a_listener_of_the_host_is_reached_where_the_manifest_names_its_address() {
    let grant = "allowed_outbound_hosts = [\"http://127.0.0.1:*\"]";
    let app = App::of("faults-p3").grant(grant).start().await;
    app.get(&format!("/chain?url={}/livez", app.admin))
        .await
        .expect(200);
}

#[tokio::test]
async fn networks_judge_the_address_of_a_name_as_well() {
    let upstream = Upstream::start().await;
    let (_, port) = upstream
        .url
        .rsplit_once(':')
        .expect("an address has a port");
    let by_name = format!("/chain?url=http://localhost:{port}/reached");
    let network = "allowed_outbound_hosts = [\"http://127.0.0.0/8:*\"]";
    let granted = App::of("faults-p3").grant(network).start().await;
    granted.get(&by_name).await.expect(200);
    let another = "allowed_outbound_hosts = [\"http://10.0.0.0/8:*\"]";
    let denied = App::of("faults-p3").grant(another).start().await;
    let answer = denied.get(&by_name).await.expect(502);
    assert!(
        answer.text().contains("HttpRequestDenied"),
        "{}",
        answer.text()
    );
}

#[tokio::test]
async fn blocked_networks_are_reached_by_nobody() {
    let upstream = Upstream::start().await;
    for name in FAULTS {
        let app =
            App::of(name).grant("allowed_outbound_hosts = [\"*://*:*\", \"http://127.0.0.1:*\"]");
        let app = app
            .config("[outbound_networking]\nblock_networks = [\"private\"]")
            .start()
            .await;
        let answer = app
            .get(&format!("/chain?url={}/reached", upstream.url))
            .await
            .expect(502);
        assert!(answer.text().contains("Prohibited"), "{}", answer.text());
    }
    assert!(upstream.seen().is_empty());
}

/// `wasi:http` has no target without a host, so the SDK names the app itself.
#[tokio::test]
async fn a_function_calls_its_own_app_by_a_path() {
    let app = App::of("portable").grant("allowed_outbound_hosts = [\"http://self\"]");
    let app = app.start().await;
    for url in ["/cookies", "http://self.alt/cookies", "http://self/cookies"] {
        let answer = app.post("/fetch", url).await.expect(200);
        assert_eq!(
            answer.headers.get_all("set-cookie").iter().count(),
            2,
            "{url}"
        );
    }
}
