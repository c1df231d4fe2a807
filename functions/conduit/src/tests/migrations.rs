//! Databases that an earlier version of this function made.

use serde_json::json;
use terrace_sdk::sql::{Connection, Value};

use super::support::{Api, PASSWORD};
use crate::passwords;

/// The migrations before keys were made ready for several databases.
const EARLIER: [&str; 2] = [
    include_str!("../../migrations/0001_conduit.sql"),
    include_str!("../../migrations/0002_warnings.sql"),
];

/// Two users, three articles, of which the middle one was deleted, and all that belongs to them.
const CONTENT: [&str; 7] = [
    "INSERT INTO articles (id, slug, title, description, body, tags, favorites_count, author_id, created_at, updated_at)
     VALUES (1, 'first', 'First', 'About', 'Body', '[\"b\",\"a\"]', 1, 1, '2026-01-01T00:00:00.000Z', '2026-01-02T00:00:00.000Z'),
            (17, 'third', 'Third', 'About', 'Body', '[]', 0, 2, '2026-01-03T00:00:00.000Z', '2026-01-03T00:00:00.000Z')",
    "INSERT INTO tags (name, articles) VALUES ('a', 1), ('b', 1), ('gone', 0)",
    "INSERT INTO article_tags (tag, article_id) VALUES ('a', 1), ('b', 1)",
    "INSERT INTO favorites (user_id, article_id) VALUES (2, 1)",
    "INSERT INTO follows (follower_id, followed_id) VALUES (2, 1)",
    "INSERT INTO comments (id, article_id, author_id, body, created_at, updated_at)
     VALUES (3, 1, 2, 'Well said', '2026-01-04T00:00:00.000Z', '2026-01-04T00:00:00.000Z'),
            (7, 1, 1, 'Thanks', '2026-01-05T00:00:00.000Z', '2026-01-05T00:00:00.000Z')",
    "UPDATE totals SET amount = 2",
];

const USER: &str = "
    INSERT INTO users (username, email, password_hash, created_at)
    VALUES (?1, ?1 || '@example.com', ?2, '2026-01-01T00:00:00.000Z')";

/// A database of the earlier version, with content.
fn earlier() -> Api {
    let api = Api::new();
    let hash = passwords::hash(PASSWORD).unwrap();
    api.host.run(async {
        let connection = Connection::open("default").await.unwrap();
        connection.migrate(&EARLIER).await.unwrap();
        for name in ["anna", "bert"] {
            let values: Vec<Value> = vec![name.into(), hash.as_str().into()];
            connection.execute(USER, values).await.unwrap();
        }
        for statement in CONTENT {
            connection.execute(statement, Vec::new()).await.unwrap();
        }
    });
    api
}

fn token(api: &Api, name: &str) -> String {
    let email = format!("{name}@example.com");
    let user = json!({"user": {"email": email, "password": PASSWORD}});
    let reply = api.post("/users/login", "", &user);
    reply.json["user"]["token"].as_str().unwrap().to_owned()
}

#[test]
fn what_an_earlier_version_stored_is_shown_as_before() {
    let api = earlier();
    let bert = token(&api, "bert");
    let list = api.get("/articles", &bert).json;
    assert_eq!(list["articlesCount"], 2);
    assert_eq!(list["articles"][0]["slug"], "third");
    let first = api.get("/articles/first", &bert).json["article"].clone();
    assert_eq!(first["tagList"], json!(["b", "a"]));
    assert_eq!(
        (&first["favorited"], &first["favoritesCount"]),
        (&true.into(), &1.into())
    );
    assert_eq!(first["author"]["following"], true);
    assert_eq!(first["updatedAt"], "2026-01-02T00:00:00.000Z");
    let comments = api.get("/articles/first/comments", "").json["comments"].clone();
    assert_eq!(
        (&comments[0]["id"], &comments[1]["id"]),
        (&7.into(), &3.into())
    );
    assert_eq!(
        api.get("/articles?tag=a&favorited=bert", "").json["articlesCount"],
        1
    );
}

#[test]
fn what_an_earlier_version_stored_can_be_changed() {
    let api = earlier();
    let (anna, bert) = (token(&api, "anna"), token(&api, "bert"));
    assert_eq!(api.comment(&bert, "first", "Again"), 8);
    assert_eq!(api.comment(&bert, "third", "First here"), 1);
    // The slug is taken by an article of before, so the new one gets another.
    assert_ne!(api.article(&anna, "First", &["a"]), "first");
    let renamed = json!({"article": {"title": "Renamed"}});
    assert_eq!(api.put("/articles/first", &anna, &renamed).status, 200);
    assert_eq!(api.get("/articles/first", "").status, 404);
    assert_eq!(api.delete("/articles/renamed", &anna).status, 204);
    assert_eq!(api.get("/articles/renamed/comments", "").status, 404);
    assert_eq!(api.get("/articles", "").json["articlesCount"], 2);
    assert_eq!(api.article(&anna, "Renamed", &[]), "renamed");
}

#[test]
fn ids_of_comments_count_up_within_an_article_and_are_not_used_again() {
    let api = Api::new();
    let token = api.user("anna");
    let (one, other) = (
        api.article(&token, "One", &[]),
        api.article(&token, "Other", &[]),
    );
    assert_eq!(api.comment(&token, &one, "First"), 1);
    assert_eq!(api.comment(&token, &one, "Second"), 2);
    assert_eq!(api.comment(&token, &other, "First there"), 1);
    api.delete(&format!("/articles/{one}/comments/2"), &token);
    assert_eq!(api.comment(&token, &one, "Third"), 3);
    let left = api.get(&format!("/articles/{other}/comments"), "").json;
    assert_eq!(left["comments"].as_array().unwrap().len(), 1);
}
