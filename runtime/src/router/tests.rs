//! Which route answers which path, and what the function is told.

use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;

use super::*;

fn router(routes: &[&str]) -> Router {
    let patterns = routes
        .iter()
        .map(|route| RoutePattern::parse(route).unwrap());
    let patterns: Vec<_> = patterns.collect();
    Router::new(patterns.iter().enumerate())
}

/// Which of `routes` answers `path`.
fn check(routes: &[&str], path: &str, expected: Option<&str>) {
    let router = router(routes);
    let found = router.find(path).map(|found| found.raw_route());
    assert_eq!(found, expected, "{path} among {routes:?}");
}

/// The fields that a function on `route` is told about `path`.
fn fields(route: &str, path: &str) -> Vec<(String, String)> {
    let mut headers = HeaderMap::new();
    router(&[route])
        .find(path)
        .unwrap()
        .insert_headers(&mut headers);
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let mut fields: Vec<_> = headers
        .iter()
        .map(|(name, value)| (name.to_string(), text(value)))
        .collect();
    fields.sort();
    fields
}

#[test]
fn the_most_exact_route_answers() {
    let routes = [
        "/a", "/...", "/a/...", "/a/b/...", "/:x", "/:x/b", "/a/:y/c",
    ];
    for (path, expected) in [
        ("/", "/..."),
        ("/a", "/a"),
        ("/a/", "/a"),
        ("/z", "/:x"),
        ("/z/b", "/:x/b"),
        ("/z/c", "/..."),
        ("/a/z", "/a/..."),
        ("/a/b", "/a/b/..."),
        ("/a/b/c", "/a/b/..."),
        ("/a/z/c", "/a/:y/c"),
        ("/a/z/d", "/a/..."),
    ] {
        check(&routes, path, Some(expected));
    }
}

#[test]
fn the_order_of_routes_does_not_matter() {
    check(&["/a/b/...", "/a/..."], "/a/b/c", Some("/a/b/..."));
    check(&["/a/...", "/a/b/..."], "/a/b/c", Some("/a/b/..."));
}

#[test]
fn a_wildcard_matches_its_bare_prefix() {
    for path in ["/a", "/a/", "/a/b", "/a//b", "/a/b/"] {
        check(&["/a/..."], path, Some("/a/..."));
        check(&["/a/*"], path, Some("/a/*"));
    }
    for path in ["/", "/ab", "/b/a"] {
        check(&["/a/..."], path, None);
    }
}

#[test]
fn a_parameter_is_exactly_one_segment_that_is_not_empty() {
    check(&["/a/:id"], "/a/1", Some("/a/:id"));
    for path in ["/a", "/a/", "/a/1/2", "/a//"] {
        check(&["/a/:id"], path, None);
    }
}

#[test]
fn different_paths_are_different_resources() {
    let routes = ["/", "/a/b", "/a%2Fc"];
    for path in [
        "//", "//a/b", "/a//b", "/a/./b", "/A/b", "/a/b//", "/%61/b", "/a/c", "*", "", "a/b",
    ] {
        check(&routes, path, None);
    }
    check(&routes, "/a%2Fc", Some("/a%2Fc"));
}

#[test]
fn a_missing_slash_in_front_of_a_route_is_added() {
    check(&["a/b"], "/a/b", Some("a/b"));
}

#[test]
fn the_trigger_is_told_by_its_place_among_all() {
    assert_eq!(router(&["/a", "/b"]).find("/b").unwrap().trigger(), 1);
}

#[test]
fn path_info_keeps_its_slashes() {
    for (route, path, expected) in [
        ("/...", "/", "/"),
        ("/...", "/a/b/", "/a/b/"),
        ("/test/...", "/test", ""),
        ("/test/...", "/test/", "/"),
        ("/test/...", "/test/hello", "/hello"),
        ("/test/...", "/test/hello/", "/hello/"),
        ("/test/...", "/test//x", "//x"),
        ("/:a/b/...", "/1/b/2/3", "/2/3"),
        ("/test", "/test/", ""),
    ] {
        let router = router(&[route]);
        assert_eq!(
            router.find(path).unwrap().path_info(),
            expected,
            "{route} {path}"
        );
    }
}

#[test]
fn a_function_is_told_its_route_and_its_parameters() {
    let expected = [
        ("spin-base-path", "/"),
        ("spin-component-route", "/users/:user_id"),
        ("spin-matched-route", "/users/:user_id/..."),
        ("spin-path-info", "/posts"),
        ("spin-path-match-user-id", "4%32"),
        ("spin-raw-component-route", "/users/:user_id/..."),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(fields("/users/:user_id/...", "/users/4%32/posts"), expected);
}

#[test]
fn the_matched_route_is_a_path() {
    for (route, path, expected) in [("/", "/", "/"), ("a", "/a", "/a"), ("/a/", "/a", "/a")] {
        let fields = fields(route, path);
        assert!(
            fields.contains(&("spin-matched-route".into(), expected.into())),
            "{fields:?}"
        );
    }
}

#[test]
fn a_call_within_the_app_is_told_the_whole_path() {
    let mut headers = HeaderMap::new();
    insert_internal_headers("/a/b", &mut headers);
    assert_eq!(headers["spin-path-info"], "/a/b");
    assert_eq!(headers["spin-component-route"], "");
}

#[test]
fn fields_of_the_runtime_are_never_taken_from_outside() {
    let mut headers = HeaderMap::new();
    for name in [
        "spin-path-info",
        "spin-client-addr",
        "spin-anything",
        "spinning",
        "accept",
    ] {
        headers.append(name, HeaderValue::from_static("forged"));
        headers.append(name, HeaderValue::from_static("twice"));
    }
    strip_reserved_headers(&mut headers);
    let mut names: Vec<_> = headers.keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["accept", "spinning"]);
}

proptest! {
    #[test]
    fn any_path_gets_an_answer(path in "(/?([ab:.*%\u{7f}é]|//){0,4}){0,6}") {
        let router = router(&["/", "/a", "/:a/b", "/a/:b/...", "/:a/:b/:c", "/b/..."]);
        if let Some(found) = router.find(&path) {
            found.insert_headers(&mut HeaderMap::new());
            prop_assert!(path.ends_with(found.path_info()));
        }
    }

    #[test]
    fn any_route_is_read_or_refused(route in "(?s).*") {
        if let Ok(pattern) = RoutePattern::parse(&route) {
            prop_assert!(pattern.clashes_with(&pattern));
        }
    }
}
