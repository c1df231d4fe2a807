//! The work that no client waits for.

use serde_json::json;
use terrace_sdk::queue::{self, Event};
use terrace_sdk::sql::{Connection, Value};

use super::support::Api;

const MORNING: &str = "2026-11-28T07:00:00Z";

/// Delivers events until none is left, and gives the number of deliveries.
fn settle(api: &Api) -> usize {
    let mut deliveries = 0;
    loop {
        let answers = api.host.deliver("conduit", crate::handle);
        for answer in &answers {
            assert!(answer.status.is_success(), "{}", answer.text());
        }
        deliveries += answers.len();
        if answers.is_empty() {
            return deliveries;
        }
    }
}

fn sql(api: &Api, text: &str) -> Vec<Value> {
    api.host.run(async {
        let connection = Connection::open("default").await.unwrap();
        let rows = connection.execute(text, []).await.unwrap();
        let first = rows.iter().map(|row| Value::Integer(row.get(0).unwrap()));
        first.collect()
    })
}

fn number(api: &Api, text: &str) -> i64 {
    match sql(api, text)[..] {
        [Value::Integer(number)] => number,
        ref other => panic!("{other:?}"),
    }
}

/// The slugs of which a user was told.
fn told(api: &Api, token: &str) -> Vec<String> {
    let content = api.get("/notifications", token).json;
    let told = content["notifications"].as_array().unwrap().iter();
    told.map(|of| of["slug"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn followers_and_nobody_else_are_told_of_a_new_article() {
    let api = Api::with_events();
    let (anna, bert, cleo) = (api.user("anna"), api.user("bert"), api.user("cleo"));
    api.post("/profiles/anna/follow", &bert, &json!({}));
    api.article(&anna, "First", &[]);
    assert_eq!(
        told(&api, &bert),
        Vec::<String>::new(),
        "not before it is delivered"
    );
    assert_eq!(settle(&api), 1);
    api.article(&anna, "Second", &[]);
    settle(&api);
    assert_eq!(told(&api, &bert), ["second", "first"]);
    assert_eq!(told(&api, &cleo), Vec::<String>::new());
    assert_eq!(told(&api, &anna), Vec::<String>::new());
    let first = &api.get("/notifications?limit=1&offset=1", &bert).json["notifications"][0];
    assert_eq!(
        (&first["title"], &first["author"]),
        (&"First".into(), &"anna".into())
    );
    assert_eq!(api.get("/notifications", "").status, 401);
    assert_eq!(api.delete("/articles/second", &anna).status, 204);
    assert_eq!(told(&api, &bert), ["first"]);
}

#[test]
fn an_event_that_comes_twice_tells_nobody_twice() {
    let api = Api::with_events();
    let (anna, bert) = (api.user("anna"), api.user("bert"));
    api.post("/profiles/anna/follow", &bert, &json!({}));
    api.article(&anna, "First", &["a"]);
    settle(&api);
    for (queue, event) in api.host.events() {
        api.host.run(queue::send(&queue, event)).unwrap();
    }
    assert_eq!(settle(&api), 2);
    assert_eq!(told(&api, &bert), ["first"]);
}

#[test]
fn many_followers_are_told_in_parts() {
    let api = Api::with_events();
    let anna = api.user("anna");
    sql(
        &api,
        "INSERT INTO users (username, email, password_hash, created_at)
         WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 2500)
         SELECT 'user' || n, 'user' || n || '@example.com', '', '2026-01-01T00:00:00.000Z' FROM numbers",
    );
    sql(
        &api,
        "INSERT INTO follows (follower_id, followed_id) SELECT id, 1 FROM users WHERE id > 1",
    );
    api.article(&anna, "First", &[]);
    assert_eq!(settle(&api), 3, "a thousand at a time");
    assert_eq!(number(&api, "SELECT count(*) FROM notifications"), 2_500);
    let digest = api.host.fire("digest", MORNING, crate::handle);
    assert_eq!(digest.status, 204);
    assert_eq!(settle(&api), 5, "five hundred at a time, and then none");
    assert_eq!(
        number(&api, "SELECT count(*) FROM digests WHERE articles = 1"),
        2_500
    );
}

#[test]
fn a_digest_counts_what_was_new_since_the_last_one() {
    let api = Api::with_events();
    let (anna, bert) = (api.user("anna"), api.user("bert"));
    api.post("/profiles/anna/follow", &bert, &json!({}));
    for title in ["First", "Second"] {
        api.article(&anna, title, &[]);
    }
    settle(&api);
    let evening = "2026-11-28T19:00:00Z";
    // The second one is a message that comes twice.
    for time in [MORNING, MORNING] {
        assert_eq!(api.host.fire("digest", time, crate::handle).status, 204);
    }
    api.article(&anna, "Third", &[]);
    settle(&api);
    assert_eq!(api.host.fire("digest", evening, crate::handle).status, 204);
    let digests = &api.get("/notifications", &bert).json["digests"];
    let expected = json!([{"madeAt": evening, "articles": 1}, {"madeAt": MORNING, "articles": 2}]);
    assert_eq!(*digests, expected);
}

#[test]
fn the_uses_of_tags_are_counted_anew() {
    let api = Api::with_events();
    let anna = api.user("anna");
    api.article(&anna, "First", &["a", "b"]);
    settle(&api);
    sql(&api, "UPDATE tags SET articles = 99");
    let counts = |tag: &str| {
        number(
            &api,
            &format!("SELECT articles FROM tags WHERE name = '{tag}'"),
        )
    };
    let changed = json!({"article": {"tagList": ["b", "c"]}});
    assert_eq!(api.put("/articles/first", &anna, &changed).status, 200);
    settle(&api);
    assert_eq!((counts("a"), counts("b"), counts("c")), (0, 1, 1));
    sql(&api, "UPDATE tags SET articles = 99");
    assert_eq!(api.delete("/articles/first", &anna).status, 204);
    settle(&api);
    assert_eq!((counts("a"), counts("b"), counts("c")), (99, 0, 0));
}

#[test]
fn what_nobody_knows_is_not_done() {
    let api = Api::with_events();
    let unknown = Event::new("1", "/other", "article.lost");
    api.host.run(queue::send("conduit", unknown)).unwrap();
    let answers = api.host.deliver("conduit", crate::handle);
    assert_eq!(answers[0].status, 500, "so that it becomes a dead letter");
}

#[test]
fn without_somebody_who_delivers_events_there_are_none() {
    let api = Api::new();
    let anna = api.user("anna");
    api.article(&anna, "First", &["a"]);
    assert_eq!(api.delete("/articles/first", &anna).status, 204);
    assert_eq!(number(&api, "SELECT count(*) FROM outbox"), 0);
}
