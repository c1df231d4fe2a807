//! Requests of operators, and the answers of the pages.

use std::num::NonZeroUsize;

use edge_cache::rules::storing::SetCookie;
use http::HeaderValue;

use super::super::SecondLevel;
use super::*;
use crate::limits::MIB;
use crate::server::answers::PageError;
use crate::settings;

fn pages() -> CachePages {
    let settings = settings::Cache {
        memory: Some(MIB),
        max_response: None,
        targeted_fields: [].into(),
        negative: Vec::new(),
        stale_if_unreachable: std::time::Duration::ZERO,
        compression: false,
        set_cookie: SetCookie::default(),
        shared: None,
        disk: None,
        key_rules: settings::KeyRules::default(),
    };
    CachePages::new(EdgeCache::new(
        &settings,
        NonZeroUsize::MIN,
        SecondLevel::None,
    ))
}

fn ask(pages: &CachePages, method: Method, path: &str, content: &'static str) -> Response<Bytes> {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", "application/json")
        .body(Bytes::from(content));
    pages.answer(&request.unwrap())
}

fn error(response: &Response<Bytes>) -> String {
    let error: PageError = serde_json::from_slice(response.body()).unwrap();
    error.error
}

#[test]
fn a_purge_says_how_many_responses_it_met() {
    for content in [
        r#"{"all": true}"#,
        r#"{"tag": "articles", "soft": true}"#,
        r#"{"url": "http://example.com"}"#,
        r#"{"prefix": "http://example.com/a"}"#,
    ] {
        let response = ask(&pages(), Method::POST, PURGE_PATH, content);
        assert_eq!(
            (response.status(), &response.body()[..]),
            (
                StatusCode::OK,
                &b"{\"purged\":0,\"detail\":\"nothing was stored there\"}"[..]
            )
        );
    }
}

#[test]
fn a_purge_that_is_not_understood_is_explained() {
    for (content, words) in [
        ("", "EOF"),
        ("{}", "exactly one"),
        (r#"{"all": true, "tag": "a"}"#, "exactly one"),
        (r#"{"soft": true}"#, "exactly one"),
        (r#"{"tags": "a"}"#, "unknown field"),
        (r#"{"url": "/path"}"#, "not a URL"),
        (
            r#"{"prefix": "http://example.com"}"#,
            "not the beginning of a URL",
        ),
        (r#"{"prefix": "http:///"}"#, "not the beginning of a URL"),
        (
            r#"{"prefix": "ftp://example.com/"}"#,
            "not the beginning of a URL",
        ),
        (
            r#"{"prefix": "http://example.com/#a"}"#,
            "not the beginning of a URL",
        ),
        (r#"{"url": "http://user@example.com/"}"#, "not a URL"),
        (r#"{"prefix": ""}"#, "not the beginning of a URL"),
    ] {
        let response = ask(&pages(), Method::POST, PURGE_PATH, content);
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{content}");
        assert!(
            error(&response).contains(words),
            "{content}: {}",
            error(&response)
        );
    }
}

/// A web page can make a browser send such a request to any address (Fetch §2.2.2).
#[test]
fn a_purge_without_the_type_of_json_is_refused() {
    for content_type in [
        None,
        Some("text/plain"),
        Some("application/x-www-form-urlencoded"),
    ] {
        let mut request = Request::post(PURGE_PATH);
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        let request = request.body(Bytes::from(r#"{"all": true}"#)).unwrap();
        let response = pages().answer(&request);
        assert_eq!(response.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
}

#[test]
fn wrong_methods_are_told_the_right_ones() {
    let response = ask(&pages(), Method::GET, PURGE_PATH, "");
    assert_eq!(
        (response.status(), &response.headers()["allow"]),
        (
            StatusCode::METHOD_NOT_ALLOWED,
            &HeaderValue::from_static("POST")
        )
    );
    let response = ask(&pages(), Method::POST, STATISTICS_PATH, "");
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[test]
fn statistics_of_an_empty_cache_have_no_ratio() {
    let response = ask(&pages(), Method::GET, STATISTICS_PATH, "");
    let statistics: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
    assert_eq!(
        (&statistics["entries"], &statistics["hit_ratio"]),
        (&0.into(), &serde_json::Value::Null)
    );
    assert_eq!(statistics["capacity_bytes"], MIB);
}

#[test]
fn a_server_without_a_cache_says_so() {
    let response = ask(&CachePages::new(None), Method::GET, STATISTICS_PATH, "");
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    assert!(error(&response).contains("off"));
}
