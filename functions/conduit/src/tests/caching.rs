//! Responses in shared caches, and their invalidation by writes.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use terrace_sdk::Request;

use super::support::{Api, Reply};

/// Ids are given in the order of creation, from 1.
const ANNA: &str = "user:1";
const BERT: &str = "user:2";
const FIRST: &str = "article:1";
const ANY: &str = "any-article";

/// The strings of a field.
fn names(reply: &Reply, field: &str) -> BTreeSet<String> {
    let names = reply.answer.header(field).split(", ");
    let bare = |name: &str| name.trim_matches('"').to_owned();
    names.filter(|name| !name.is_empty()).map(bare).collect()
}

/// The groups of what anybody may read.
fn groups(api: &Api, path: &str) -> BTreeSet<String> {
    let reply = api.get(path, "");
    assert_eq!(reply.status, 200, "{path}");
    names(&reply, "cache-groups")
}

#[track_caller]
fn check(found: &BTreeSet<String>, expected: &[&str]) {
    let expected: BTreeSet<String> = expected.iter().map(|&name| name.to_owned()).collect();
    assert_eq!(*found, expected);
}

#[track_caller]
fn check_invalidates(reply: &Reply, expected: &[&str]) {
    assert!((200..300).contains(&reply.status), "{}", reply.json);
    check(&names(reply, "cache-group-invalidation"), expected);
    assert_eq!(reply.answer.header("cache-control"), "private, no-store");
}

/// Two users, and an article of the first.
fn start() -> (Api, String, String) {
    let api = Api::new();
    let (anna, bert) = (api.user("anna"), api.user("bert"));
    api.article(&anna, "First", &["a", "b"]);
    (api, anna, bert)
}

const PUBLIC: [&str; 7] = [
    "/articles",
    "/articles?tag=a",
    "/articles?author=anna&offset=1",
    "/articles/first",
    "/articles/first/comments",
    "/profiles/anna",
    "/tags",
];

#[test]
fn what_anybody_reads_is_shared_and_only_by_those_that_forget_on_time() {
    let (api, ..) = start();
    for path in PUBLIC {
        let reply = api.get(path, "");
        let field = |name: &str| reply.answer.header(name).to_owned();
        assert!(
            field("cdn-cache-control").starts_with("max-age=300"),
            "{path}"
        );
        assert_eq!(field("cache-control"), "no-cache", "{path}");
        assert_eq!(field("vary"), "Authorization", "{path}");
        assert_eq!(field("access-control-allow-origin"), "*", "{path}");
        assert!(!field("cache-groups").is_empty(), "{path}");
    }
}

#[track_caller]
fn check_private(reply: &Reply, what: &str) {
    for name in ["cdn-cache-control", "cache-groups"] {
        assert_eq!(reply.answer.header(name), "", "{what}");
    }
    assert_eq!(
        reply.answer.header("cache-control"),
        "private, no-store",
        "{what}"
    );
    assert_eq!(reply.answer.header("vary"), "Authorization", "{what}");
}

#[test]
fn what_one_user_reads_is_nobody_elses() {
    let (api, anna, _) = start();
    for path in PUBLIC.into_iter().chain(["/user", "/articles/feed"]) {
        check_private(&api.get(path, &anna), path);
    }
}

/// It counts as nobody's, but a cache sees that the field is there (RFC 9111 §3.5).
#[test]
fn an_authorization_without_a_token_is_not_shared() {
    let (api, ..) = start();
    for value in ["Token ", "Basic abc"] {
        let request = Request::get("/api/tags").header("authorization", value);
        let reply = api.send(request.body(terrace_sdk::Body::empty()).unwrap());
        assert_eq!(reply.status, 200, "{value}");
        check_private(&reply, value);
    }
}

#[test]
fn failures_are_not_shared() {
    let (api, ..) = start();
    for path in [
        "/articles/none",
        "/articles/none/comments",
        "/profiles/none",
        "/user",
        "/none",
        "/articles?limit=x",
    ] {
        let reply = api.get(path, "");
        assert!(reply.status >= 400, "{path}");
        check_private(&reply, path);
    }
}

#[test]
fn responses_are_made_of_what_they_show() {
    let (api, anna, bert) = start();
    api.comment(&bert, "first", "Well said");
    api.article(&bert, "Second", &["b"]);
    check(
        &groups(&api, "/articles"),
        &["articles", FIRST, "article:2", ANNA, BERT],
    );
    check(
        &groups(&api, "/articles?limit=1"),
        &["articles", "article:2", BERT],
    );
    check(
        &groups(&api, "/articles?tag=a"),
        &["tag:a", "any-tag", FIRST, ANNA],
    );
    check(
        &groups(&api, "/articles?author=bert&tag=b"),
        &["author:bert", "tag:b", "any-tag", "article:2", BERT],
    );
    check(
        &groups(&api, "/articles?favorited=bert"),
        &["favorited:bert", "favorites"],
    );
    check(&groups(&api, "/articles/first"), &[FIRST, ANNA]);
    check(
        &groups(&api, "/articles/first/comments"),
        &["comments:1", BERT],
    );
    check(&groups(&api, "/articles/second/comments"), &["comments:2"]);
    check(&groups(&api, "/profiles/anna"), &[ANNA]);
    check(&groups(&api, "/tags"), &["tags"]);
    assert_eq!(api.get("/articles", &anna).status, 200);
}

#[test]
fn a_new_article_changes_the_lists_that_it_is_in() {
    let (api, anna, _) = start();
    let new =
        json!({"article": {"title": "T", "description": "D", "body": "B", "tagList": ["b", "ü"]}});
    let expected = ["articles", "author:anna", "tag:b", "tag:%C3%BC", "tags"];
    check_invalidates(&api.post("/articles", &anna, &new), &expected);
    let plain = json!({"article": {"title": "T", "description": "D", "body": "B"}});
    check_invalidates(
        &api.post("/articles", &anna, &plain),
        &["articles", "author:anna"],
    );
}

#[test]
fn an_update_changes_the_article_and_what_its_new_slug_and_tags_move() {
    let (api, anna, _) = start();
    let put = |slug: &str, change: Value| {
        api.put(
            &format!("/articles/{slug}"),
            &anna,
            &json!({"article": change}),
        )
    };
    check_invalidates(&put("first", json!({"body": "New"})), &[FIRST, ANY]);
    check_invalidates(&put("first", json!({"title": "First!"})), &[FIRST, ANY]);
    check_invalidates(&put("first", json!({"tagList": ["b", "a"]})), &[FIRST, ANY]);
    check_invalidates(
        &put("first", json!({"tagList": ["b", "c"]})),
        &[FIRST, ANY, "tag:a", "tag:c", "tags"],
    );
    check_invalidates(
        &put("first", json!({"title": "Moved"})),
        &[FIRST, ANY, "comments:1"],
    );
}

#[test]
fn a_deletion_changes_every_list_that_had_the_article() {
    let (api, anna, _) = start();
    let expected = [
        "articles",
        FIRST,
        ANY,
        "comments:1",
        "author:anna",
        "tag:a",
        "tag:b",
        "tags",
        "favorites",
    ];
    check_invalidates(&api.delete("/articles/first", &anna), &expected);
}

#[test]
fn liking_changes_the_count_and_the_users_own_list() {
    let (api, _, bert) = start();
    let expected = [FIRST, ANY, "favorited:bert"];
    check_invalidates(
        &api.post("/articles/first/favorite", &bert, &json!({})),
        &expected,
    );
    check_invalidates(&api.delete("/articles/first/favorite", &bert), &expected);
}

#[test]
fn comments_change_the_comments_of_their_article() {
    let (api, _, bert) = start();
    let comment = json!({"comment": {"body": "Well said"}});
    let reply = api.post("/articles/first/comments", &bert, &comment);
    check_invalidates(&reply, &["comments:1"]);
    let path = format!("/articles/first/comments/{}", reply.json["comment"]["id"]);
    check_invalidates(&api.delete(&path, &bert), &["comments:1"]);
}

#[test]
fn following_changes_nothing_that_others_see() {
    let (api, _, bert) = start();
    check_invalidates(&api.post("/profiles/anna/follow", &bert, &json!({})), &[]);
    check_invalidates(&api.delete("/profiles/anna/follow", &bert), &[]);
}

#[test]
fn a_user_changes_what_others_see_of_it_and_nothing_by_what_they_do_not() {
    let (api, anna, _) = start();
    let put = |change: Value| api.put("/user", &anna, &json!({"user": change}));
    check_invalidates(&put(json!({"email": "other@example.com"})), &[]);
    check_invalidates(&put(json!({"bio": null, "username": "anna"})), &[]);
    check_invalidates(&put(json!({"bio": "Words"})), &[ANNA, "any-user"]);
    check_invalidates(
        &put(json!({"image": "https://example.com/a.png"})),
        &[ANNA, "any-user"],
    );
    let expected = [
        ANNA,
        "any-user",
        "author:anna",
        "author:anne",
        "favorited:anna",
        "favorited:anne",
    ];
    check_invalidates(&put(json!({"username": "anne"})), &expected);
}

#[test]
fn signing_up_and_in_changes_nothing_that_others_see() {
    let api = Api::new();
    let user = json!({"user": {"username": "anna", "email": "anna@example.com", "password": "password123"}});
    check_invalidates(&api.post("/users", "", &user), &[]);
    check_invalidates(&api.post("/users/login", "", &user), &[]);
}

#[test]
fn a_write_that_fails_changes_nothing() {
    let (api, _, bert) = start();
    let reply = api.delete("/articles/first", &bert);
    assert_eq!(reply.status, 403);
    check(&names(&reply, "cache-group-invalidation"), &[]);
}
