//! The behaviour of all endpoints: methods, unknown routes, CORS, malformed content.

use serde_json::json;
use terrace_sdk::{Body, Request};

use super::support::Api;

fn request(method: &str, path: &str, fields: &[(&str, &str)], content: &'static str) -> Request {
    let request = Request::builder().method(method).uri(path);
    let request = fields.iter().fold(request, |request, (name, value)| {
        request.header(*name, *value)
    });
    request.body(Body::from(content)).unwrap()
}

#[test]
fn an_unknown_path_is_not_found() {
    let api = Api::new();
    for path in ["/api/nothing", "/api/users/1/2", "/other"] {
        let reply = api.send(request("GET", path, &[], ""));
        assert_eq!((reply.status, reply.fault("path")), (404, "not found"));
    }
}

#[test]
fn a_wrong_method_is_told_the_right_ones() {
    let api = Api::new();
    for (method, path, allowed) in [
        ("GET", "/api/users", "POST, OPTIONS"),
        ("DELETE", "/api/user", "GET, HEAD, PUT, OPTIONS"),
        (
            "PATCH",
            "/api/articles/x",
            "GET, HEAD, PUT, DELETE, OPTIONS",
        ),
        ("POST", "/api/tags", "GET, HEAD, OPTIONS"),
        ("HEAD", "/api/users/login", "POST, OPTIONS"),
    ] {
        let reply = api.send(request(method, path, &[], ""));
        assert_eq!(
            (reply.status, reply.answer.header("allow")),
            (405, allowed),
            "{method} {path}"
        );
    }
}

#[test]
fn head_is_answered_like_get() {
    let api = Api::new();
    let reply = api.send(request("HEAD", "/api/articles", &[], ""));
    assert_eq!(
        (reply.status, reply.answer.header("content-type")),
        (200, "application/json; charset=utf-8")
    );
}

#[test]
fn any_origin_may_read_and_send_a_token() {
    let api = Api::new();
    let fields = [
        ("origin", "https://front.example"),
        ("access-control-request-method", "PUT"),
        (
            "access-control-request-headers",
            "authorization,content-type",
        ),
    ];
    let preflight = api.send(request("OPTIONS", "/api/user", &fields, ""));
    assert_eq!(preflight.status, 204);
    assert_eq!(preflight.answer.header("access-control-allow-origin"), "*");
    assert_eq!(
        preflight.answer.header("access-control-allow-headers"),
        "authorization,content-type"
    );
    assert!(
        preflight
            .answer
            .header("access-control-allow-methods")
            .contains("PUT")
    );
    for path in ["/api/tags", "/api/user", "/api/nothing"] {
        assert_eq!(
            api.send(request("GET", path, &[], ""))
                .answer
                .header("access-control-allow-origin"),
            "*",
            "{path}"
        );
    }
}

#[test]
fn content_that_is_not_understood_is_explained() {
    let api = Api::new();
    for content in [
        "",
        "{",
        "[]",
        r#"{"user": 1}"#,
        r#"{"user": {"email": 1, "password": "x"}}"#,
        r#"{"other": {}}"#,
    ] {
        let reply = api.send(request(
            "POST",
            "/api/users/login",
            &[("content-type", "application/json")],
            content,
        ));
        assert_eq!(reply.status, 422, "{content}");
        assert!(
            reply.fault("body").starts_with("is not understood: "),
            "{content}"
        );
    }
}

#[test]
fn content_of_another_type_is_refused() {
    let api = Api::new();
    let send = |media_type: &str| {
        api.send(request(
            "POST",
            "/api/users/login",
            &[("content-type", media_type)],
            "{}",
        ))
        .status
    };
    assert_eq!(
        (
            send("text/plain"),
            send("application/x-www-form-urlencoded"),
            send("multipart/form-data")
        ),
        (415, 415, 415)
    );
    assert_eq!(
        (
            send("Application/JSON; charset=utf-8"),
            send("application/vnd.api+json")
        ),
        (422, 422)
    );
}

#[test]
fn content_that_is_too_long_is_refused() {
    let api = Api::new();
    let request = Request::post("/api/users")
        .body(Body::from(vec![b' '; (1 << 20) + 1]))
        .unwrap();
    assert_eq!(api.send(request).status, 413);
}

#[test]
fn both_schemes_of_authorization_are_understood() {
    let api = Api::new();
    let token = api.user("anna");
    for scheme in ["Token", "Bearer"] {
        let fields = [("authorization", &*format!("{scheme} {token}"))];
        assert_eq!(
            api.send(request("GET", "/api/user", &fields, "")).status,
            200,
            "{scheme}"
        );
    }
}

#[test]
fn a_token_that_is_not_ours_is_refused_even_where_none_is_needed() {
    let api = Api::new();
    assert_eq!(api.get("/articles", "a.b.c").status, 401);
    assert_eq!(api.get("/articles", "").status, 200);
}

#[test]
fn the_development_secret_is_warned_of_and_a_short_one_refused() {
    let host = terrace_sdk::testing::Host::new()
        .variable("jwt_secret", "development-only-00000000000000000");
    host.call(crate::handle, request("GET", "/api/tags", &[], ""));
    assert!(host.logs()[0].starts_with("WARN jwt_secret has its development value"));
    // Each call prepares an instance here; the others stay silent for an hour.
    host.call(crate::handle, request("GET", "/api/tags", &[], ""));
    assert_eq!(host.logs().len(), 1);
    let host = terrace_sdk::testing::Host::new().variable("jwt_secret", "short");
    assert_eq!(
        host.call(crate::handle, request("GET", "/api/tags", &[], ""))
            .status,
        500
    );
    assert!(host.logs()[0].contains("shorter than 32 bytes"));
}

#[test]
fn a_user_that_was_not_asked_for_cannot_be_set() {
    let api = Api::new();
    let token = api.user("anna");
    let content = json!({"article": {"title": "T", "description": "D", "body": "B", "slug": "mine", "favoritesCount": 9, "author": {"username": "x"}}});
    let article = api.post("/articles", &token, &content).json["article"].clone();
    assert_eq!(
        (
            &article["slug"],
            &article["favoritesCount"],
            &article["author"]["username"]
        ),
        (&json!("t"), &json!(0), &json!("anna"))
    );
}
