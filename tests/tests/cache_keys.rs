//! Promise: an installation says which query parameters and cookies make no difference. Neither the cache nor the function sees those, and
//! two hosts never share a response.

use http::Method;
use terrace_tests::client::{request, whole};
use terrace_tests::contract::metric;
use terrace_tests::upstream::Upstream;
use terrace_tests::{App, Running};

/// An edge with these settings, in front of an origin that answers with what it was asked for.
async fn edge(cache: &str) -> (Upstream, Running) {
    let origin = Upstream::answering(async |request: http::Request<_>| {
        let cookie = request.headers().get("cookie");
        let cookie = cookie.and_then(|cookie| cookie.to_str().ok());
        let text = format!("{} {}", request.uri(), cookie.unwrap_or("none"));
        let response = http::Response::builder()
            .header("cache-control", "max-age=600")
            .header("vary", "cookie");
        response.body(whole(text)).expect("a valid response")
    });
    let origin = origin.await;
    let edge = App::edge(&origin.url).config(&format!("[cache]\n{cache}"));
    let edge = edge.start().await;
    (origin, edge)
}

#[tokio::test]
async fn ten_thousand_values_of_a_parameter_without_a_meaning_are_one_response() {
    let (origin, edge) = edge("query = { ignore = [\"utm_*\"] }").await;
    for number in 0..10_000 {
        let path = format!("/page?utm_source={number}&a=1");
        assert_eq!(edge.get(&path).await.expect(200).text(), "/page?a=1 none");
    }
    assert_eq!(origin.seen().len(), 1);
    let entries = edge.metrics().await.sum(metric::CACHE_ENTRIES, &[]);
    assert!((entries - 1.0).abs() < f64::EPSILON, "{entries}");
    assert_eq!(edge.get("/page?a=2").await.text(), "/page?a=2 none");
}

#[tokio::test]
async fn parameters_may_be_kept_and_sorted() {
    let (origin, edge) = edge("query = { keep = [\"a\", \"b\"], sort = true }").await;
    for path in ["/?a=1&b=2", "/?b=2&x=3&a=1", "/?b=2&a=1&"] {
        assert_eq!(edge.get(path).await.text(), "/?a=1&b=2 none", "{path}");
    }
    assert_eq!(origin.seen().len(), 1);
}

#[tokio::test]
async fn cookies_without_a_meaning_make_no_variants_and_others_do() {
    let (origin, edge) = edge("cookies = { ignore = [\"_ga*\"] }").await;
    let ask = async |cookie: &str| edge.get_with("/", &[("cookie", cookie)]).await.text();
    for number in 0..5 {
        let cookie = format!("_ga={number}");
        assert_eq!(ask(&cookie).await, "/ none");
        assert_eq!(ask(&format!("{cookie}; user=a")).await, "/ user=a");
        assert_eq!(ask(&format!("user=b; {cookie}")).await, "/ user=b");
    }
    assert_eq!(origin.seen().len(), 3);
}

#[tokio::test]
async fn two_hosts_never_share_a_response() {
    let (origin, edge) = edge("query = { keep = [] }\ncookies = { keep = [] }").await;
    for host in ["one.example", "two.example", "ONE.example:80"] {
        edge.get_with("/?x=1", &[("host", host)]).await.expect(200);
    }
    // The third is the first in other letters.
    assert_eq!(origin.seen().len(), 2);
}

#[tokio::test]
async fn a_write_or_a_purge_with_such_a_parameter_ends_the_one_response() {
    let (origin, edge) = edge("query = { ignore = [\"utm_*\"] }").await;
    let path = "/page?utm_source=1";
    edge.get(path).await.expect(200);
    let written = request(Method::POST, &edge.url(path), &[], "");
    edge.client.send(written).await.expect(200);
    // The function gets a write as it is.
    let seen = origin.seen().pop().expect("it was asked");
    assert_eq!(seen.uri, "/page?utm_source=1");
    assert!(!edge.get("/page").await.is_hit());
    assert!(edge.get("/page").await.is_hit());
    let purged = edge
        .purge(&["--url", &edge.url("/page?utm_medium=2")])
        .await;
    assert_eq!(purged, 1);
    assert!(!edge.get("/page").await.is_hit());
}

#[tokio::test]
async fn a_write_to_the_app_ends_the_one_response_of_each_host() {
    let app = App::of("faults-p3").config("[cache]\nquery = { ignore = [\"utm_*\"] }");
    let app = app.start().await;
    let path = "/with?cache-control=max-age%3D600&utm_x=1";
    for host in ["one.example", "two.example"] {
        app.get_with(path, &[("host", host)]).await.expect(200);
        assert!(app.get_with(path, &[("host", host)]).await.is_hit());
    }
    app.post(path, "").await.expect(200);
    for host in ["one.example", "two.example"] {
        assert!(!app.get_with(path, &[("host", host)]).await.is_hit());
    }
}
