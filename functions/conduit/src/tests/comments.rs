//! Comments under articles.

use serde_json::json;

use super::support::Api;
use crate::limits::MAX_PAGE_COMMENTS;

#[test]
fn comments_are_listed_newest_first() {
    let api = Api::new();
    let token = api.user("anna");
    let slug = api.article(&token, "First", &[]);
    let path = format!("/articles/{slug}/comments");
    assert_eq!(api.get(&path, "").json, json!({"comments": []}));
    let (one, two) = (
        api.comment(&token, &slug, "One"),
        api.comment(&token, &slug, "Two"),
    );
    let comments = api.get(&path, "").json["comments"].clone();
    assert_eq!(
        (&comments[0]["id"], &comments[1]["id"]),
        (&json!(two), &json!(one))
    );
    assert_eq!(comments[0]["body"], "Two");
    assert_eq!(comments[0]["createdAt"], comments[0]["updatedAt"]);
    assert_eq!(
        comments[0]["author"],
        json!({"username": "anna", "bio": null, "image": null, "following": false})
    );
}

/// The API has no pages for comments; ending without a word would hide the oldest ones for ever.
#[test]
fn a_list_of_comments_that_is_too_long_leads_to_the_rest() {
    let api = Api::new();
    let token = api.user("anna");
    let slug = api.article(&token, "First", &[]);
    let path = format!("/articles/{slug}/comments");
    let oldest = api.comment(&token, &slug, "Oldest");
    for _ in 1..MAX_PAGE_COMMENTS {
        api.comment(&token, &slug, "Next");
    }
    let page = api.get(&path, "");
    assert_eq!(
        page.json["comments"].as_array().unwrap().len(),
        MAX_PAGE_COMMENTS
    );
    assert!(!page.answer.headers.contains_key("link"));
    api.comment(&token, &slug, "Newest");
    let page = api.get(&path, "");
    assert_eq!(
        page.json["comments"].as_array().unwrap().len(),
        MAX_PAGE_COMMENTS
    );
    let link = page.answer.headers["link"].to_str().unwrap();
    let next = link.strip_prefix('<').unwrap();
    let next = next.strip_suffix(">; rel=\"next\"").unwrap();
    let rest = api.get(&format!("{path}{next}"), "");
    assert_eq!(rest.json["comments"].as_array().unwrap().len(), 1);
    assert_eq!(rest.json["comments"][0]["id"], oldest);
}

#[test]
fn a_comment_shows_whether_the_viewer_follows_its_author() {
    let api = Api::new();
    let (anna, bert) = (api.user("anna"), api.user("bert"));
    let slug = api.article(&anna, "First", &[]);
    api.comment(&bert, &slug, "One");
    api.post("/profiles/bert/follow", &anna, &json!({}));
    let seen = api.get(&format!("/articles/{slug}/comments"), &anna);
    assert_eq!(seen.json["comments"][0]["author"]["following"], true);
}

#[test]
fn one_s_own_comment_can_be_deleted() {
    let api = Api::new();
    let token = api.user("anna");
    let slug = api.article(&token, "First", &[]);
    let (one, two) = (
        api.comment(&token, &slug, "One"),
        api.comment(&token, &slug, "Two"),
    );
    assert_eq!(
        api.delete(&format!("/articles/{slug}/comments/{one}"), &token)
            .status,
        204
    );
    let left = api.get(&format!("/articles/{slug}/comments"), "");
    assert_eq!(left.json["comments"].as_array().unwrap().len(), 1);
    assert_eq!(left.json["comments"][0]["id"], two);
}

#[test]
fn someone_else_s_comment_cannot_be_deleted() {
    let api = Api::new();
    let (anna, bert) = (api.user("anna"), api.user("bert"));
    let slug = api.article(&anna, "First", &[]);
    let id = api.comment(&anna, &slug, "One");
    let reply = api.delete(&format!("/articles/{slug}/comments/{id}"), &bert);
    assert_eq!((reply.status, reply.fault("comment")), (403, "forbidden"));
    assert_eq!(
        api.get(&format!("/articles/{slug}/comments"), "").json["comments"][0]["id"],
        id
    );
}

#[test]
fn a_blank_comment_is_refused() {
    let api = Api::new();
    let token = api.user("anna");
    let slug = api.article(&token, "First", &[]);
    for comment in [json!({"body": ""}), json!({})] {
        let reply = api.post(
            &format!("/articles/{slug}/comments"),
            &token,
            &json!({"comment": comment}),
        );
        assert_eq!((reply.status, reply.fault("body")), (422, "can't be blank"));
    }
}

#[test]
fn comments_of_an_unknown_article_are_not_found() {
    let api = Api::new();
    let token = api.user("anna");
    for reply in [
        api.get("/articles/none/comments", ""),
        api.post(
            "/articles/none/comments",
            &token,
            &json!({"comment": {"body": "x"}}),
        ),
        api.delete("/articles/none/comments/1", &token),
    ] {
        assert_eq!((reply.status, reply.fault("article")), (404, "not found"));
    }
}

#[test]
fn an_unknown_comment_is_not_found() {
    let api = Api::new();
    let token = api.user("anna");
    let (slug, other) = (
        api.article(&token, "First", &[]),
        api.article(&token, "Other", &[]),
    );
    let elsewhere = api.comment(&token, &other, "One");
    for id in ["99999".to_owned(), "word".to_owned(), elsewhere.to_string()] {
        let reply = api.delete(&format!("/articles/{slug}/comments/{id}"), &token);
        assert_eq!(
            (reply.status, reply.fault("comment")),
            (404, "not found"),
            "{id}"
        );
    }
}

#[test]
fn commenting_needs_a_token() {
    let api = Api::new();
    for reply in [
        api.post(
            "/articles/none/comments",
            "",
            &json!({"comment": {"body": "x"}}),
        ),
        api.delete("/articles/none/comments/1", ""),
    ] {
        assert_eq!((reply.status, reply.fault("token")), (401, "is missing"));
    }
}
