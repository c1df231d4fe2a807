//! Lists of articles: order, filters, paging, the feed.

use serde_json::{Value, json};

use super::support::{Api, Reply};

fn titles(reply: &Reply) -> Vec<&str> {
    reply.json["articles"]
        .as_array()
        .unwrap()
        .iter()
        .map(|article| article["title"].as_str().unwrap())
        .collect()
}

fn count(reply: &Reply) -> &Value {
    &reply.json["articlesCount"]
}

/// Anna writes One (x), Two (x, y); Bert writes Three (y), which Anna likes.
fn library() -> (Api, String, String) {
    let api = Api::new();
    let (anna, bert) = (api.user("anna"), api.user("bert"));
    api.article(&anna, "One", &["x"]);
    api.article(&anna, "Two", &["x", "y"]);
    api.article(&bert, "Three", &["y"]);
    api.post("/articles/three/favorite", &anna, &json!({}));
    (api, anna, bert)
}

#[test]
fn the_newest_article_comes_first_and_none_has_its_body() {
    let (api, ..) = library();
    let reply = api.get("/articles", "");
    assert_eq!(titles(&reply), ["Three", "Two", "One"]);
    assert_eq!(count(&reply), 3);
    let first = &reply.json["articles"][0];
    assert_eq!(first.get("body"), None);
    assert_eq!(
        (&first["favoritesCount"], &first["favorited"]),
        (&json!(1), &json!(false))
    );
    assert_eq!(first["author"]["username"], "bert");
}

#[test]
fn a_list_shows_what_the_viewer_likes_and_whom_it_follows() {
    let (api, anna, _) = library();
    api.post("/profiles/bert/follow", &anna, &json!({}));
    let reply = api.get("/articles", &anna);
    let seen = |index: usize| {
        (
            reply.json["articles"][index]["favorited"].clone(),
            reply.json["articles"][index]["author"]["following"].clone(),
        )
    };
    assert_eq!(seen(0), (json!(true), json!(true)));
    assert_eq!(seen(1), (json!(false), json!(false)));
}

#[test]
fn filters_narrow_and_combine() {
    let (api, ..) = library();
    for (query, expected) in [
        ("tag=x", &["Two", "One"][..]),
        ("tag=y", &["Three", "Two"]),
        ("author=anna", &["Two", "One"]),
        ("author=bert&tag=y", &["Three"]),
        ("favorited=anna", &["Three"]),
        ("favorited=anna&tag=y&author=bert", &["Three"]),
        ("favorited=bert", &[]),
        ("author=nobody", &[]),
        ("tag=none", &[]),
        ("tag=&author=", &["Three", "Two", "One"]),
    ] {
        let reply = api.get(&format!("/articles?{query}"), "");
        assert_eq!(titles(&reply), expected, "{query}");
        assert_eq!(count(&reply), expected.len(), "{query}");
    }
}

#[test]
fn a_filter_is_decoded_and_is_never_sql() {
    let (api, anna, _) = library();
    api.article(&anna, "Odd", &["a b'; DROP TABLE articles; --"]);
    let reply = api.get("/articles?tag=a+b%27%3B%20DROP+TABLE+articles%3B+--", "");
    assert_eq!(titles(&reply), ["Odd"]);
}

#[test]
fn a_page_is_cut_out_of_the_whole() {
    let (api, ..) = library();
    for (query, expected) in [
        ("limit=1", &["Three"][..]),
        ("limit=1&offset=1", &["Two"]),
        ("limit=5&offset=2", &["One"]),
        ("offset=9", &[]),
    ] {
        let reply = api.get(&format!("/articles?{query}"), "");
        assert_eq!(titles(&reply), expected, "{query}");
        assert_eq!(count(&reply), 3, "{query}");
    }
    assert_eq!(count(&api.get("/articles?tag=x&offset=9", "")), 2);
}

#[test]
fn twenty_articles_are_a_page_and_a_hundred_the_most() {
    let api = Api::new();
    let token = api.user("anna");
    for number in 0..101 {
        api.article(&token, &format!("Title {number}"), &[]);
    }
    assert_eq!(titles(&api.get("/articles", "")).len(), 20);
    assert_eq!(titles(&api.get("/articles?limit=100000", "")).len(), 100);
}

#[test]
fn a_page_that_is_no_number_is_refused() {
    let api = Api::new();
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=x", "limit"),
        ("limit=-1", "limit"),
        ("offset=-1", "offset"),
    ] {
        let reply = api.get(&format!("/articles?{query}"), "");
        assert_eq!(reply.status, 422, "{query}");
        assert!(
            reply.fault(field).starts_with("must be a whole number"),
            "{query}"
        );
    }
}

#[test]
fn the_feed_has_the_articles_of_those_one_follows() {
    let (api, anna, bert) = library();
    let empty = api.get("/articles/feed", &anna);
    assert_eq!(
        (empty.status, empty.json),
        (200, json!({"articles": [], "articlesCount": 0}))
    );
    api.post("/profiles/anna/follow", &bert, &json!({}));
    let feed = api.get("/articles/feed?limit=1", &bert);
    assert_eq!((titles(&feed), count(&feed)), (vec!["Two"], &json!(2)));
    assert_eq!(feed.json["articles"][0]["author"]["following"], true);
    assert_eq!(feed.json["articles"][0].get("body"), None);
    let second = api.get("/articles/feed?limit=1&offset=1", &bert);
    assert_eq!((titles(&second), count(&second)), (vec!["One"], &json!(2)));
    assert_eq!(count(&api.get("/articles/feed?offset=7", &bert)), 2);
    let stranger = api.get("/articles/feed", "");
    assert_eq!(
        (stranger.status, stranger.fault("token")),
        (401, "is missing")
    );
}
