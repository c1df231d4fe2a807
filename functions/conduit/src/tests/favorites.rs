//! Favouring articles.

use serde_json::json;

use super::support::Api;

#[test]
fn an_article_is_liked_once_by_each_user() {
    let api = Api::new();
    let (anna, bert) = (api.user("anna"), api.user("bert"));
    let path = format!("/articles/{}", api.article(&anna, "First", &[]));
    let like = |token: &str| {
        api.post(&format!("{path}/favorite"), token, &json!({}))
            .json["article"]
            .clone()
    };
    assert_eq!(
        (
            &like(&anna)["favoritesCount"],
            &like(&anna)["favoritesCount"]
        ),
        (&json!(1), &json!(1))
    );
    let seen = like(&bert);
    assert_eq!(
        (&seen["favoritesCount"], &seen["favorited"], &seen["body"]),
        (&json!(2), &json!(true), &json!("All of it"))
    );
    let unlike =
        |token: &str| api.delete(&format!("{path}/favorite"), token).json["article"].clone();
    assert_eq!(
        (
            &unlike(&bert)["favoritesCount"],
            &unlike(&bert)["favorited"]
        ),
        (&json!(1), &json!(false))
    );
    assert_eq!(api.get(&path, &anna).json["article"]["favorited"], true);
}

#[test]
fn an_unknown_article_cannot_be_liked() {
    let api = Api::new();
    let token = api.user("anna");
    for reply in [
        api.post("/articles/none/favorite", &token, &json!({})),
        api.delete("/articles/none/favorite", &token),
    ] {
        assert_eq!((reply.status, reply.fault("article")), (404, "not found"));
    }
    for reply in [
        api.post("/articles/none/favorite", "", &json!({})),
        api.delete("/articles/none/favorite", ""),
    ] {
        assert_eq!((reply.status, reply.fault("token")), (401, "is missing"));
    }
}

#[test]
fn the_most_used_tag_comes_first() {
    let api = Api::new();
    let token = api.user("anna");
    assert_eq!(api.get("/tags", "").json, json!({"tags": []}));
    api.article(&token, "First", &["rare", "common"]);
    api.article(&token, "Second", &["common"]);
    assert_eq!(
        api.get("/tags", "").json,
        json!({"tags": ["common", "rare"]})
    );
}
