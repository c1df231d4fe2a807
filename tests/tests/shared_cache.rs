//! Promise: the caches of several servers are one. What one has stored is a hit on the others, what is written through one is seen
//! through all, and an outage of Redis is no outage of theirs.

use http::Method;
use serde_json::json;
use terrace_tests::contract::metric;
use terrace_tests::realworld::{Api, User, path_of};
use terrace_tests::wait::until;
use terrace_tests::{Answer, App, Running, client, postgres, redis};

/// Two servers with conduit, on one database and one shared level.
struct Nodes {
    one: Running,
    two: Running,
    redis: redis::Server,
    _postgres: postgres::Server,
}

impl Nodes {
    async fn start() -> Self {
        let (postgres, redis) = (postgres::Server::start(), redis::Server::start());
        let conduit = || {
            App::conduit()
                .config(&format!("[sql.default]\nurl = {:?}", postgres.url()))
                .config(&format!("[cache]\nshared = {:?}", redis.url()))
        };
        // The first makes the tables.
        let one = conduit().start().await;
        let two = conduit().start().await;
        let nodes = Self {
            one,
            two,
            redis,
            _postgres: postgres,
        };
        nodes.wait_until_followed(true).await;
        nodes
    }

    fn apis(&self) -> [Api; 2] {
        [&self.one, &self.two].map(|node| Api::new(&node.url("/api")))
    }

    /// Waits until both servers follow the log, or neither does.
    async fn wait_until_followed(&self, is_followed: bool) {
        let expected = f64::from(u8::from(is_followed));
        until("both servers notice", async || {
            let one = self.one.metrics().await.sum(metric::CACHE_FOLLOWED, &[]);
            let two = self.two.metrics().await.sum(metric::CACHE_FOLLOWED, &[]);
            (one == expected && two == expected).then_some(())
        })
        .await;
    }
}

async fn comment(api: &Api, article: &str, user: &User, text: &str) {
    let comment = json!({"comment": {"body": text}});
    let path = format!("{article}/comments");
    api.post(&path, &user.token, &comment).await.expect(201);
}

/// Whether anybody sees the comment.
async fn shows(api: &Api, article: &str, text: &str) -> bool {
    let path = format!("{article}/comments");
    let read = api.get(&path, "").await.expect(200).json();
    let comments = read["comments"].as_array().expect("a list");
    comments.iter().any(|comment| comment["body"] == text)
}

/// Asks for a path as a client of one name for both servers does.
async fn ask(node: &Running, path: &str) -> Answer {
    let host = [("host", "conduit.test")];
    let request = client::request(Method::GET, &node.url(path), &host, "");
    node.client.send(request).await.expect(200)
}

#[tokio::test]
async fn a_write_through_one_node_is_seen_through_the_other_within_a_second() {
    let nodes = Nodes::start().await;
    let [one, two] = nodes.apis();
    let author = one.register().await;
    let article = path_of(&one.publish(&author, "On two nodes", &[]).await);
    for round in 0..5 {
        let text = format!("comment {round}");
        assert!(!shows(&two, &article, &text).await);
        comment(&one, &article, &author, &text).await;
        let seen = until("the other node forgets", async || {
            shows(&two, &article, &text).await.then_some(())
        });
        let seen = tokio::time::timeout(std::time::Duration::from_secs(1), seen).await;
        assert!(seen.is_ok(), "{text}");
    }
}

#[tokio::test]
async fn a_response_that_one_node_stored_is_a_hit_on_the_other() {
    let nodes = Nodes::start().await;
    let [one, _] = nodes.apis();
    let author = one.register().await;
    let article = path_of(&one.publish(&author, "Stored once", &[]).await);
    let path = format!("/api{article}");
    ask(&nodes.one, &path).await;
    until("it is put there", async || {
        let entries = nodes.redis.ask(&["KEYS", "terrace:cache:*:e:*"]);
        (entries != "0").then_some(())
    })
    .await;
    let answer = ask(&nodes.two, &path).await;
    let status = answer.headers["cache-status"].to_str().expect("text");
    assert!(
        status.contains("; hit") && status.contains("detail=shared-level"),
        "{status}"
    );
    comment(&one, &article, &author, "and changed").await;
    one.poke(&format!("{article}/favorite"), &author.token)
        .await
        .expect(200);
    let count = until("it is forgotten", async || {
        let answer = ask(&nodes.two, &path).await.json();
        (answer["article"]["favoritesCount"] == 1).then_some(())
    });
    count.await;
}

#[tokio::test]
async fn an_outage_of_redis_fails_no_request_and_leaves_nothing_stale() {
    outage(redis::Server::kill, redis::Server::restart).await;
}

#[tokio::test]
async fn a_redis_that_hangs_fails_no_request_and_leaves_nothing_stale() {
    outage(|redis| redis.hang(), |redis| redis.go_on()).await;
}

/// Users write through one node and read through the other while Redis is away.
async fn outage(begin: fn(&mut redis::Server), end: fn(&mut redis::Server)) {
    let mut nodes = Nodes::start().await;
    let [one, two] = nodes.apis();
    let author = one.register().await;
    let article = path_of(&one.publish(&author, "Through an outage", &[]).await);
    comment(&one, &article, &author, "before").await;
    begin(&mut nodes.redis);
    for round in 0..10 {
        comment(&one, &article, &author, &format!("killed {round}")).await;
        shows(&two, &article, "").await;
    }
    nodes.wait_until_followed(false).await;
    for round in 0..10 {
        let text = format!("gone {round}");
        comment(&one, &article, &author, &text).await;
        assert!(shows(&two, &article, &text).await, "{text}");
    }
    end(&mut nodes.redis);
    // Before either trusts its memory again.
    for round in 0..3 {
        let text = format!("back {round}");
        comment(&two, &article, &author, &text).await;
        assert!(shows(&one, &article, &text).await, "{text}");
    }
    nodes.wait_until_followed(true).await;
    for api in [&one, &two] {
        for text in ["before", "killed 9", "gone 9", "back 2"] {
            assert!(shows(api, &article, text).await, "{text}");
        }
    }
    comment(&one, &article, &author, "after").await;
    until("the other node forgets again", async || {
        shows(&two, &article, "after").await.then_some(())
    })
    .await;
}

#[tokio::test]
async fn servers_start_without_redis_and_find_it_later() {
    let mut redis = redis::Server::start();
    let url = redis.url();
    redis.kill();
    let app = App::of("capabilities").config(&format!("[cache]\nshared = {url:?}"));
    let app = app.start().await;
    assert_eq!(app.metrics().await.sum(metric::CACHE_FOLLOWED, &[]), 0.0);
    redis.restart();
    until("it is found", async || {
        (app.metrics().await.sum(metric::CACHE_FOLLOWED, &[]) == 1.0).then_some(())
    })
    .await;
}
