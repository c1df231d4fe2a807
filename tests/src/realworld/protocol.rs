//! What holds for every endpoint: paths, methods, contents, origins and times.

use http::Method;
use serde_json::json;

use super::{Api, refused, unique};

/// A path that no endpoint has is not found, in the shape of the API.
pub async fn unknown_paths_are_not_found(api: &Api) {
    for path in ["/nowhere", "/users/login/more", "/articles/a/b/c", "/"] {
        refused(&api.get(path, "").await, &[404]);
    }
}

/// A method that an endpoint does not have is refused, with those that it has (RFC 9110 §15.5.6).
pub async fn unknown_methods_are_refused(api: &Api) {
    for path in ["/users", "/tags", "/articles", "/user"] {
        let answer = api.call(Method::PATCH, path, "", None).await;
        refused(&answer, &[405]);
        assert!(!answer.header("allow").is_empty(), "{path}: no Allow");
    }
}

/// What is no JSON, or JSON of another shape, is the client's mistake.
pub async fn malformed_json_is_refused(api: &Api) {
    let headers = [("content-type", "application/json")];
    for malformed in [
        "",
        "{",
        "nonsense",
        "[]",
        "null",
        "{\"user\": 1}",
        "{\"user\": {\"email\": 1}}",
        "\u{0}",
    ] {
        refused(
            &api.plain(Method::POST, "/users", &headers, malformed).await,
            &[400, 422],
        );
        refused(
            &api.plain(Method::POST, "/users/login", &headers, malformed)
                .await,
            &[400, 401, 422],
        );
    }
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    refused(
        &api.plain(Method::POST, "/users", &headers, &deep).await,
        &[400, 422],
    );
}

/// Text of any language comes back as it was written.
pub async fn content_of_any_language_comes_back(api: &Api) {
    let author = api.register().await;
    let text =
        "Zwölf Boxkämpfer, 日本語, العربية, 🦀, \"quotes\", \\, <b>, \u{200b}, \n, ' OR 1=1 --";
    let tag = "日本語 العربية 🦀 <b> ' OR 1=1";
    let title = unique("Languages ");
    let article =
        json!({"article": {"title": title, "description": text, "body": text, "tagList": [tag]}});
    let answer = api
        .post("/articles", &author.token, &article)
        .await
        .expect(201)
        .json()["article"]
        .clone();
    assert_eq!(answer["body"], text);
    assert_eq!(answer["description"], text);
    assert_eq!(answer["tagList"], json!([tag]));
}

/// A front end of another origin may call (Fetch §3.2), also with a token.
pub async fn front_ends_of_other_origins_may_call(api: &Api) {
    let origin = ("origin", "https://front.example");
    let preflight = [
        origin,
        ("access-control-request-method", "PUT"),
        (
            "access-control-request-headers",
            "authorization,content-type",
        ),
    ];
    let answer = api.plain(Method::OPTIONS, "/user", &preflight, "").await;
    assert!([200, 204].contains(&answer.status), "{}", answer.status);
    let allows = |name: &str, value: &str| {
        let given = answer.header(name).to_lowercase();
        given == "*" || given.contains(value)
    };
    assert!(allows(
        "access-control-allow-origin",
        "https://front.example"
    ));
    assert!(allows("access-control-allow-methods", "put"));
    let headers = answer.header("access-control-allow-headers").to_lowercase();
    assert!(
        headers.contains("authorization"),
        "`*` does not cover Authorization (Fetch §4.9): {headers}"
    );
    assert!(
        !api.plain(Method::GET, "/tags", &[origin], "")
            .await
            .header("access-control-allow-origin")
            .is_empty()
    );
    assert!(
        !api.plain(Method::GET, "/user", &[origin], "")
            .await
            .header("access-control-allow-origin")
            .is_empty()
    );
}

/// Times are ISO 8601 in UTC, with milliseconds, as the API's front ends parse them.
pub async fn times_are_in_the_format_of_the_api(api: &Api) {
    let author = api.register().await;
    let article = api.publish(&author, &unique("Timed "), &[]).await;
    for field in ["createdAt", "updatedAt"] {
        let time = article[field].as_str().expect("a time is a string");
        let shape: String = time
            .chars()
            .map(|letter| if letter.is_ascii_digit() { '0' } else { letter })
            .collect();
        assert_eq!(shape, "0000-00-00T00:00:00.000Z", "{time}");
    }
}
