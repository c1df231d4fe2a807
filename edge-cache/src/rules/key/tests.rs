//! Which targets share a key, and what references mean.

use std::collections::HashSet;

use http::Request;

use super::*;

fn key(target: &str, host: &str) -> Option<String> {
    let request = Request::get(target).header("host", host).body(()).unwrap();
    let key = CacheKey::of_request(&request)?;
    Some(key.as_str().to_owned())
}

fn base() -> CacheKey {
    CacheKey::new(&"http://a:81/b/c/d?q".parse().unwrap()).unwrap()
}

#[test]
fn hosts_are_compared_without_case_and_default_port_rfc_9110_4_2_3() {
    let expected = Some("http://example.org/A?b=C".to_owned());
    for host in [
        "example.org",
        "EXAMPLE.org",
        "example.org:80",
        "example.org:",
    ] {
        assert_eq!(key("/A?b=C", host), expected, "{host}");
    }
    assert_eq!(key("http://example.org/A?b=C", "example.org"), expected);
    assert_ne!(key("/A?b=C", "example.org:8080"), expected);
    assert_ne!(key("/A?b=C", "example.org:443"), expected);
    assert_ne!(key("https://example.org/A?b=C", "example.org"), expected);
    assert_eq!(
        key("https://a:443/", "a:443"),
        Some("https://a/".to_owned())
    );
    assert_eq!(key("/", "[::1]:80"), Some("http://[::1]/".to_owned()));
}

#[test]
fn paths_and_queries_that_differ_are_different_resources() {
    let all = [
        "/a", "/A", "/a?", "/a?x", "/%61", "/a/", "//a", "/a?x&y", "/a?y&x", "/b/../a",
    ];
    let keys: HashSet<_> = all.iter().map(|path| key(path, "h")).collect();
    assert_eq!(keys.len(), all.len());
}

#[test]
fn a_host_that_is_missing_or_contradicts_itself_has_no_key_rfc_9112_3_3() {
    assert_eq!(key("http://a/", "b"), None);
    for host in [
        "user@a", "a/b", "", ":80", "a b", "a:x", "a:80:80", "[::1", "[]", "[::1]x", "a?b", "a#b",
        "a\\b",
    ] {
        assert_eq!(key("/", host), None, "{host}");
    }
    let two = Request::get("/")
        .header("host", "a")
        .header("host", "a")
        .body(())
        .unwrap();
    assert_eq!(CacheKey::of_request(&two), None);
    let none = Request::get("/").body(()).unwrap();
    assert_eq!(CacheKey::of_request(&none), None);
}

#[test]
fn a_key_is_bounded() {
    let path = |length: usize| format!("/{}", "a".repeat(length));
    let longest = MAX_KEY_BYTES - "http://h/".len();
    assert_eq!(key(&path(longest), "h").unwrap().len(), MAX_KEY_BYTES);
    assert_eq!(key(&path(longest + 1), "h"), None);
    for length in [
        0,
        1,
        SHORT_KEY_BYTES - 10,
        SHORT_KEY_BYTES - 9,
        SHORT_KEY_BYTES - 8,
    ] {
        assert_eq!(
            key(&path(length), "h").unwrap(),
            format!("http://h{}", path(length))
        );
    }
}

#[test]
fn a_target_without_a_path_is_the_root() {
    assert_eq!(key("http://a", "a"), Some("http://a/".to_owned()));
    assert_eq!(key("http://a?b", "a"), Some("http://a/?b".to_owned()));
}

#[test]
fn the_origin_is_scheme_and_authority_rfc_9110_4_3_1() {
    assert_eq!(base().origin(), "http://a:81");
}

#[test]
fn references_are_resolved_rfc_3986_5_4() {
    for (reference, expected) in [
        ("", "http://a:81/b/c/d?q"),
        ("?y", "http://a:81/b/c/d?y"),
        ("#s", "http://a:81/b/c/d?q"),
        ("g", "http://a:81/b/c/g"),
        ("g?y#s", "http://a:81/b/c/g?y"),
        ("./g", "http://a:81/b/c/g"),
        ("g/", "http://a:81/b/c/g/"),
        ("/g", "http://a:81/g"),
        (".", "http://a:81/b/c/"),
        ("..", "http://a:81/b/"),
        ("../../../g", "http://a:81/g"),
        ("g;x=1/../y", "http://a:81/b/c/y"),
        ("/a//b/.", "http://a:81/a//b/"),
        ("//G", "http://g/"),
        ("HTTPS://G:443/./x?y", "https://g/x?y"),
        ("http://g?y", "http://g/?y"),
    ] {
        let resolved = base().resolve(reference);
        assert_eq!(
            resolved.as_ref().map(CacheKey::as_str),
            Some(expected),
            "{reference}"
        );
    }
    for reference in [
        "mailto:a@b",
        "http:g",
        "http://u@g/",
        "ftp://a/",
        "a b",
        "ä",
        "http://",
    ] {
        assert_eq!(base().resolve(reference), None, "{reference}");
    }
}
