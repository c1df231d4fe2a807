//! Promise: behind a CDN, with the settings of docs/deploy.md, the client is the one that the CDN names, and the CDN gets the fields
//! by which it caches and purges.

use std::fs;

use http::{Request, Response};
use hyper::body::Incoming;
use terrace_tests::App;
use terrace_tests::client::whole;
use terrace_tests::process::workspace;
use terrace_tests::upstream::Upstream;

/// The example of the page, with this machine in the place of Cloudflare.
fn settings() -> String {
    let page = fs::read_to_string(workspace().join("docs/deploy.md")).expect("the page is there");
    let mut examples = page.split("```").skip(1).step_by(2);
    let example = examples.find(|example| example.contains("CF-Connecting-IP"));
    let example = example.and_then(|example| example.strip_prefix("toml\n"));
    let networks = |line: &str| line.starts_with("trusted_proxies = [\"");
    let lines: Vec<_> = example.expect("it is TOML").lines().collect();
    assert!(lines.iter().any(|line| networks(line)), "{lines:?}");
    let lines = lines.into_iter().map(|line| match networks(line) {
        true => "trusted_proxies = [\"127.0.0.1\"]",
        false => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// A request as Cloudflare sends it on, with what a client may have written into it.
const REQUEST: [(&str, &str); 7] = [
    ("host", "shop.example"),
    ("cf-connecting-ip", "203.0.113.7"),
    ("x-forwarded-for", "6.6.6.6, 203.0.113.7"),
    ("x-forwarded-proto", "https"),
    ("x-forwarded-host", "evil.example"),
    ("true-client-ip", "6.6.6.6"),
    ("cdn-loop", "cloudflare; loops=1"),
];

#[tokio::test]
async fn the_client_is_the_one_that_the_cdn_names() {
    let origin = Upstream::start().await;
    let edge = App::edge(&origin.url).config(&settings()).start().await;
    edge.get_with("/", &REQUEST).await.expect(200);
    let seen = origin.seen().pop().expect("the origin was asked");
    for (name, value) in [
        ("host", "shop.example"),
        ("x-forwarded-for", "203.0.113.7"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "shop.example"),
    ] {
        assert_eq!(seen.headers[name], value, "{name}");
    }
    let all = format!("{:?}", seen.headers);
    assert!(!all.contains("6.6.6.6") && !all.contains("evil"), "{all}");
    let mut passed = seen.headers.get_all("cdn-loop").iter();
    assert!(passed.any(|value| value == "cloudflare; loops=1"), "{all}");
}

#[tokio::test]
async fn who_does_not_come_through_the_cdn_names_nobody() {
    let origin = Upstream::start().await;
    let elsewhere = settings().replace("127.0.0.1", "192.0.2.1");
    let edge = App::edge(&origin.url).config(&elsewhere).start().await;
    edge.get_with("/", &REQUEST).await.expect(200);
    let seen = origin.seen().pop().expect("the origin was asked");
    assert_eq!(seen.headers["x-forwarded-for"], "127.0.0.1");
    assert_eq!(seen.headers["x-forwarded-proto"], "http");
}

/// What an origin says to browsers, to every CDN, and to Cloudflare alone.
const FIELDS: [(&str, &str); 4] = [
    ("cache-control", "max-age=0"),
    ("cdn-cache-control", "max-age=60"),
    ("cloudflare-cdn-cache-control", "max-age=3600"),
    ("cache-tag", "article-7"),
];

#[tokio::test]
async fn a_cdn_gets_its_fields_and_tags_from_the_cache_too_until_they_are_purged() {
    let origin = Upstream::answering(async |_: Request<Incoming>| {
        let response = FIELDS.iter().fold(Response::builder(), |response, field| {
            response.header(field.0, field.1)
        });
        response.body(whole("article")).expect("a valid response")
    });
    let origin = origin.await;
    let edge = App::edge(&origin.url).config(&settings()).start().await;
    for hit in [false, true] {
        let answer = edge.get("/").await.expect(200);
        assert_eq!(answer.is_hit(), hit, "{}", answer.cache_status());
        for (name, value) in FIELDS {
            assert_eq!(answer.header(name), value, "hit: {hit}");
        }
    }
    let purged = edge.cache(&["purge", "--tag", "article-7"]).await;
    assert!(purged.text.contains("purged 1 response"), "{}", purged.text);
    assert!(!edge.get("/").await.is_hit());
    assert_eq!(origin.seen().len(), 2);
}
