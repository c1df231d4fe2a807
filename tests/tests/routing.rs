//! Promise: requests go where the manifest says, with fields that the guest can trust.

use serde_json::{Value, json};
use terrace_tests::contract::failure;
use terrace_tests::raw::{exchange, statuses};
use terrace_tests::{App, Running, guest};

/// One component on each of these routes, named by its index.
async fn routes(routes: &[&str]) -> Running {
    let mut app = App::new();
    for (index, route) in routes.iter().enumerate() {
        app = app
            .component(&format!("c{index}"), guest("faults-p3"))
            .route(route);
        app = app.grant(&format!("environment = {{ ROUTE = {route:?} }}"));
    }
    app.start().await
}

async fn headers(app: &Running, path: &str) -> Value {
    app.get(path).await.expect(200).json()
}

/// The route whose component answers at `path`.
async fn answering(app: &Running, path: &str) -> Value {
    app.get(&format!("{path}?as=/env")).await.expect(200).json()["ROUTE"].clone()
}

#[tokio::test]
async fn options_of_the_server_are_its_methods() {
    let app = routes(&["/..."]).await;
    let bytes = "OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let text = exchange(&app.http, bytes).await;
    assert_eq!(statuses(&text), [204], "{text}");
    assert!(text.contains("allow: GET, HEAD, POST"), "{text}");
}

#[tokio::test]
async fn an_exact_route_beats_a_wildcard_and_the_longest_prefix_wins() {
    let app = routes(&["/...", "/a/...", "/a/b/...", "/a/b/c", "/:name/x"]).await;
    let expected = [
        ("/", "/..."),
        ("/z", "/..."),
        ("/a/z", "/a/..."),
        ("/a/b/z", "/a/b/..."),
        ("/a/b/c", "/a/b/c"),
        ("/z/x", "/:name/x"),
    ];
    for (path, route) in expected {
        assert_eq!(answering(&app, path).await, route, "{path}");
    }
}

#[tokio::test]
async fn the_guest_learns_how_it_was_reached() {
    let app = routes(&["/base/:user/..."]).await;
    let seen = headers(&app, "/base/joe/headers?q=1").await;
    let host = app.http.trim_start_matches("http://");
    assert_eq!(
        seen["spin-full-url"],
        json!([format!("http://{host}/base/joe/headers?q=1")])
    );
    assert_eq!(seen["spin-path-info"], json!(["/headers"]));
    assert_eq!(seen["spin-matched-route"], json!(["/base/:user/..."]));
    assert_eq!(seen["spin-raw-component-route"], json!(["/base/:user/..."]));
    assert_eq!(seen["spin-component-route"], json!(["/base/:user"]));
    assert_eq!(seen["spin-base-path"], json!(["/"]));
    assert_eq!(seen["spin-path-match-user"], json!(["joe"]));
    let client = seen["spin-client-addr"][0].as_str().unwrap_or_default();
    assert!(client.starts_with("127.0.0.1:"), "{client}");
}

#[tokio::test]
async fn spin_fields_from_outside_are_replaced_or_removed() {
    for name in ["faults-p2", "faults-p3"] {
        let app = App::of(name).start().await;
        let forged = [
            ("spin-full-url", "http://forged/"),
            ("Spin-Path-Info", "/forged"),
            ("spin-client-addr", "6.6.6.6:6"),
            ("spin-path-match-user", "forged"),
            ("spin-invented", "forged"),
        ];
        let seen = app.get_with("/headers", &forged).await.expect(200).json();
        assert!(
            !seen.to_string().contains("forged") && !seen.to_string().contains("6.6.6.6"),
            "{name}: {seen}"
        );
        let fields = seen.as_object().expect("an object");
        for (field, values) in fields
            .iter()
            .filter(|(field, _)| field.starts_with("spin-"))
        {
            assert_eq!(
                values.as_array().map(Vec::len),
                Some(1),
                "{name}: {field} is there more than once"
            );
        }
        assert_eq!(seen["spin-path-info"], json!(["/headers"]), "{name}");
    }
}

#[tokio::test]
async fn forwarding_fields_from_outside_are_not_believed() {
    let app = App::of("faults-p3").start().await;
    let forged = [
        ("forwarded", "for=6.6.6.6"),
        ("x-forwarded-for", "6.6.6.6"),
        ("x-forwarded-host", "6.6.6.6"),
        ("x-forwarded-proto", "6.6.6.6"),
        ("x-real-ip", "6.6.6.6"),
    ];
    let seen = app
        .get_with("/headers", &forged)
        .await
        .expect(200)
        .json()
        .to_string();
    assert!(!seen.contains("6.6.6.6"), "{seen}");
}

#[tokio::test]
async fn a_trusted_proxy_names_the_client() {
    let app = App::of("faults-p3")
        .config("[listen]\ntrusted_proxies = [\"127.0.0.0/8\"]")
        .start()
        .await;
    let seen = app
        .get_with("/headers", &[("x-forwarded-for", "6.6.6.6, 203.0.113.9")])
        .await
        .expect(200)
        .json();
    let client = seen["spin-client-addr"][0].as_str().unwrap_or_default();
    assert!(
        client.starts_with("203.0.113.9"),
        "the nearest address that is no proxy counts, not {client}"
    );
}

/// What the proxy appended is believed; the left part is its client's.
#[tokio::test]
async fn a_function_sees_no_forwarding_field_that_a_client_wrote() {
    let config = "[listen]\ntrusted_proxies = [\"127.0.0.0/8\"]";
    let app = App::of("faults-p3").config(config).start().await;
    let fields = [
        ("x-forwarded-for", "6.6.6.6, 203.0.113.9"),
        ("x-forwarded-host", "6.6.6.6"),
        ("x-forwarded-proto", "https"),
        ("x-original-url", "/6.6.6.6"),
        ("forwarded", "for=6.6.6.6"),
        ("x-real-ip", "6.6.6.6"),
    ];
    let seen = app.get_with("/headers", &fields).await.expect(200).json();
    assert!(!seen.to_string().contains("6.6.6.6"), "{seen}");
    assert_eq!(seen["x-forwarded-for"][0], "203.0.113.9");
    let url = seen["spin-full-url"][0].as_str().unwrap_or_default();
    assert!(url.starts_with("https://"), "the scheme is settled: {url}");
}

#[tokio::test]
async fn hop_by_hop_fields_do_not_reach_the_guest() {
    let app = App::of("faults-p3").start().await;
    let request = "GET /headers HTTP/1.1\r\nHost: a\r\nConnection: close, x-hop\r\nx-hop: 1\r\nKeep-Alive: 5\r\nx-end: 1\r\n\r\n";
    let text = exchange(&app.http, request).await;
    assert_eq!(statuses(&text), [200], "{text}");
    let (_, content) = text.split_once("\r\n\r\n").expect("a head and a content");
    assert!(content.contains("x-end"), "{content}");
    assert!(
        !content.contains("x-hop") && !content.contains("keep-alive"),
        "{content}"
    );
}

#[tokio::test]
async fn a_wildcard_matches_its_bare_prefix_too() {
    let app = routes(&["/a/..."]).await;
    app.get("/a").await.expect(200);
    app.get("/a/").await.expect(200);
    app.get("/ab").await.expect_problem(404, failure::NO_ROUTE);
}

#[tokio::test]
async fn a_parameter_matches_one_segment() {
    let app = routes(&["/users/:id"]).await;
    app.get("/users/7").await.expect(200);
    app.get("/users").await.expect(404);
    app.get("/users/7/more").await.expect(404);
}

#[tokio::test]
async fn a_private_component_is_not_reached_from_outside() {
    let app = App::new()
        .component("hidden", guest("faults-p3"))
        .trigger("route = { private = true }");
    let app = app
        .component("open", guest("faults-p3"))
        .route("/open/...")
        .start()
        .await;
    for path in ["/hidden", "/ok", "/"] {
        app.get(path).await.expect(404);
    }
    let request = "GET /ok HTTP/1.1\r\nHost: hidden.spin.internal\r\nConnection: close\r\n\r\n";
    assert_ne!(statuses(&exchange(&app.http, request).await), [200]);
}

#[tokio::test]
async fn a_static_response_needs_no_component() {
    let route = "[[trigger.http]]\nroute = \"/moved\"\n[trigger.http.static_response]\nstatus_code = 301\n\
                 headers = { location = \"/new\" }\nbody = \"gone there\"";
    let app = App::of("faults-p3").section(route).start().await;
    let answer = app.get("/moved").await.expect(301);
    assert_eq!(answer.header("location"), "/new");
    assert_eq!(answer.text(), "gone there");
}

#[tokio::test]
async fn the_reserved_prefix_answers_for_the_platform() {
    let app = App::of("faults-p3").start().await;
    assert_eq!(
        app.get("/.well-known/spin/health").await.expect(200).text(),
        "OK"
    );
    assert!(
        app.get("/.well-known/spin/info")
            .await
            .expect(200)
            .json()
            .is_object()
    );
    app.get("/.well-known/spin/ok").await.expect(404);
}

/// No spelling of a path reaches a component that its plain spelling would not.
#[tokio::test]
async fn spellings_of_a_path_do_not_change_its_route() {
    let app = routes(&["/open/...", "/closed/..."]).await;
    for path in [
        "/open/../closed",
        "/open/%2e%2e/closed",
        "//closed",
        "/open/..%2fclosed",
    ] {
        let text = exchange(
            &app.http,
            format!("GET {path}?as=/env HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
        )
        .await;
        assert!(
            !text.contains("\"/closed/...\""),
            "{path} reached the other component: {text}"
        );
    }
}

#[tokio::test]
async fn only_the_named_components_are_served_with_only() {
    let app = App::new()
        .component("a", guest("faults-p3"))
        .route("/a/...");
    let app = app
        .component("b", guest("faults-p3"))
        .route("/b/...")
        .arguments(&["--only", "a"])
        .start()
        .await;
    app.get("/a/ok").await.expect(200);
    app.get("/b/ok").await.expect(404);
}
