//! Articles: made, read, changed, deleted.

use serde_json::{Value, json};

use super::support::Api;

#[test]
fn a_published_article_can_be_read_by_anyone() {
    let api = Api::new();
    let token = api.user("anna");
    let slug = api.article(&token, "How to train your dragon", &["dragons", "training"]);
    assert_eq!(slug, "how-to-train-your-dragon");
    let article = &api.get(&format!("/articles/{slug}"), "").json["article"];
    assert_eq!(article["title"], "How to train your dragon");
    assert_eq!(article["description"], "About it");
    assert_eq!(article["body"], "All of it");
    assert_eq!(article["tagList"], json!(["dragons", "training"]));
    assert_eq!(
        (&article["favorited"], &article["favoritesCount"]),
        (&json!(false), &json!(0))
    );
    assert_eq!(article["author"]["username"], "anna");
    assert_eq!(article["createdAt"], article["updatedAt"]);
    assert!(article["createdAt"].as_str().unwrap().ends_with('Z'));
}

#[test]
fn equal_titles_get_different_slugs() {
    let api = Api::new();
    let token = api.user("anna");
    let first = api.article(&token, "Same", &["tag"]);
    let second = api.article(&token, "Same", &["tag"]);
    assert_eq!(first, "same");
    assert!(second.starts_with("same-"));
    assert_eq!(api.get("/articles?tag=tag", "").json["articlesCount"], 2);
}

#[test]
fn an_article_called_feed_can_be_reached() {
    let api = Api::new();
    let token = api.user("anna");
    let slug = api.article(&token, "Feed", &[]);
    assert_eq!(api.get(&format!("/articles/{slug}"), "").status, 200);
}

#[test]
fn slugs_keep_letters_of_all_scripts() {
    let api = Api::new();
    let token = api.user("anna");
    assert_eq!(api.article(&token, "Größe & 日本", &[]), "größe-日本");
    assert_eq!(
        api.get("/articles/gr%C3%B6%C3%9Fe-%E6%97%A5%E6%9C%AC", "")
            .status,
        200
    );
}

#[test]
fn blank_fields_of_an_article_are_named() {
    let api = Api::new();
    let token = api.user("anna");
    let reply = api.post(
        "/articles",
        &token,
        &json!({"article": {"title": "", "description": "", "body": ""}}),
    );
    assert_eq!(reply.status, 422);
    for field in ["title", "description", "body"] {
        assert_eq!(reply.fault(field), "can't be blank");
    }
    let many: Vec<String> = (0..33).map(|number| number.to_string()).collect();
    let reply = api.post(
        "/articles",
        &token,
        &json!({"article": {"title": "T", "description": "D", "body": "B", "tagList": many}}),
    );
    assert_eq!(
        (reply.status, reply.fault("tagList")),
        (422, "has too many tags (maximum is 32)")
    );
}

#[test]
fn repeated_and_blank_tags_count_once_or_not() {
    let api = Api::new();
    let token = api.user("anna");
    let slug = api.article(&token, "Tags", &["b", " b ", "", "a"]);
    assert_eq!(
        api.get(&format!("/articles/{slug}"), "").json["article"]["tagList"],
        json!(["a", "b"])
    );
}

#[test]
fn an_update_changes_only_what_it_names() {
    let api = Api::new();
    let token = api.user("anna");
    let slug = api.article(&token, "First", &["a", "b"]);
    let reply = api.put(
        &format!("/articles/{slug}"),
        &token,
        &json!({"article": {"body": "New"}}),
    );
    assert_eq!(reply.status, 200);
    let article = &reply.json["article"];
    assert_eq!(
        (&article["body"], &article["title"], &article["slug"]),
        (&json!("New"), &json!("First"), &json!("first"))
    );
    assert_eq!(article["tagList"], json!(["a", "b"]));
}

#[test]
fn the_slug_follows_the_title() {
    let api = Api::new();
    let token = api.user("anna");
    api.article(&token, "Taken", &[]);
    let slug = api.article(&token, "First", &[]);
    let put = |slug: &str, title: &str| {
        api.put(
            &format!("/articles/{slug}"),
            &token,
            &json!({"article": {"title": title}}),
        )
        .json["article"]["slug"]
            .clone()
    };
    assert_eq!(put(&slug, "First"), "first");
    assert_eq!(put(&slug, "First!"), "first");
    assert_eq!(put(&slug, "Second"), "second");
    assert_eq!(api.get("/articles/first", "").status, 404);
    assert!(
        put("second", "Taken")
            .as_str()
            .unwrap()
            .starts_with("taken-")
    );
}

/// RealWorld's collection compares the list as it is.
#[test]
fn tags_are_sorted() {
    let api = Api::new();
    let token = api.user("anna");
    let slug = api.article(&token, "First", &["training", "dragons"]);
    let article = &api.get(&format!("/articles/{slug}"), "").json["article"];
    assert_eq!(article["tagList"], json!(["dragons", "training"]));
}

#[test]
fn tags_are_replaced_by_a_list_and_null_is_refused() {
    let api = Api::new();
    let token = api.user("anna");
    let slug = api.article(&token, "First", &["a", "b"]);
    let put = |tags: Value| {
        api.put(
            &format!("/articles/{slug}"),
            &token,
            &json!({"article": {"tagList": tags}}),
        )
    };
    assert_eq!(
        put(json!(["b", "c"])).json["article"]["tagList"],
        json!(["b", "c"])
    );
    assert_eq!(api.get("/tags", "").json["tags"], json!(["c", "b"]));
    assert_eq!(put(json!([])).json["article"]["tagList"], json!([]));
    assert_eq!(api.get("/tags", "").json["tags"], json!([]));
    assert_eq!(put(json!(null)).status, 422);
    assert_eq!(put(json!("text")).status, 422);
}

#[test]
fn a_deleted_article_is_gone_with_all_that_belonged_to_it() {
    let api = Api::new();
    let token = api.user("anna");
    let slug = api.article(&token, "First", &["a"]);
    api.comment(&token, &slug, "Well said");
    api.post(&format!("/articles/{slug}/favorite"), &token, &json!({}));
    let reply = api.delete(&format!("/articles/{slug}"), &token);
    assert_eq!((reply.status, reply.answer.content.len()), (204, 0));
    assert_eq!(
        api.get(&format!("/articles/{slug}"), "").fault("article"),
        "not found"
    );
    for path in [
        "/articles",
        "/articles?tag=a",
        "/articles?favorited=anna",
        "/articles?author=anna",
    ] {
        assert_eq!(
            api.get(path, "").json,
            json!({"articles": [], "articlesCount": 0}),
            "{path}"
        );
    }
    assert_eq!(api.get("/tags", "").json["tags"], json!([]));
}

#[test]
fn someone_else_s_article_cannot_be_changed() {
    let api = Api::new();
    let (anna, bert) = (api.user("anna"), api.user("bert"));
    let path = format!("/articles/{}", api.article(&anna, "First", &[]));
    for reply in [
        api.delete(&path, &bert),
        api.put(&path, &bert, &json!({"article": {"body": "x"}})),
    ] {
        assert_eq!((reply.status, reply.fault("article")), (403, "forbidden"));
    }
    assert_eq!(api.get(&path, "").json["article"]["body"], "All of it");
}

#[test]
fn an_unknown_article_is_not_found_and_strangers_learn_nothing() {
    let api = Api::new();
    let token = api.user("anna");
    let change = json!({"article": {"body": "x"}});
    for reply in [
        api.get("/articles/none", ""),
        api.put("/articles/none", &token, &change),
        api.delete("/articles/none", &token),
    ] {
        assert_eq!((reply.status, reply.fault("article")), (404, "not found"));
    }
    let article = json!({"article": {"title": "T", "description": "D", "body": "B"}});
    for reply in [
        api.post("/articles", "", &article),
        api.put("/articles/none", "", &change),
        api.delete("/articles/none", ""),
    ] {
        assert_eq!((reply.status, reply.fault("token")), (401, "is missing"));
    }
}
