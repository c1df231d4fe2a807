//! Promise: of each article that was published, each follower is told once, whatever dies in between; digests are made by the clock.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Instant;

use rusqlite::Connection;
use serde_json::{Value, json};
use terrace_tests::client::request;
use terrace_tests::postgres::Server;
use terrace_tests::realworld::{Api, User, unique};
use terrace_tests::target::not_run;
use terrace_tests::target::wrangler::{WRANGLER_REMEDY, Worker};
use terrace_tests::wait::until;
use terrace_tests::{App, Client, Running};

/// Followers of whom there is no more than a row.
const MANY: u32 = 100_000;

const MIB: u64 = 1 << 20;

/// An author and somebody who follows.
async fn pair(api: &Api) -> (User, User) {
    let (author, follower) = (api.register().await, api.register().await);
    let path = format!("/profiles/{}/follow", author.username);
    api.poke(&path, &follower.token).await.expect(200);
    (author, follower)
}

async fn publish(api: &Api, author: &User) -> String {
    let article = api.publish(author, &unique("News "), &["news"]).await;
    article["slug"].as_str().expect("it has a slug").to_owned()
}

/// The articles of which a user was told, which are at most a hundred, and the digests.
async fn told(api: &Api, user: &User) -> (Vec<String>, Value) {
    let content = api.get("/notifications?limit=100", &user.token).await;
    let content = content.expect(200).json();
    let slugs = content["notifications"].as_array().expect("a list").iter();
    let slugs = slugs.map(|of| of["slug"].as_str().expect("a slug").to_owned());
    (slugs.collect(), content["digests"].clone())
}

async fn until_told(api: &Api, user: &User, slugs: &BTreeSet<String>) {
    let all = until("the follower is told of each article", async || {
        let (told, _) = told(api, user).await;
        (told.len() >= slugs.len()).then_some(told)
    })
    .await;
    assert_eq!(all.len(), slugs.len(), "of none twice");
    assert_eq!(all.into_iter().collect::<BTreeSet<_>>(), *slugs);
}

#[tokio::test]
async fn a_follower_is_told_once_of_each_article_whatever_is_killed() {
    let mut app = App::conduit_with_events().start().await;
    let api = Api::new(&app.url("/api"));
    let (author, follower) = pair(&api).await;
    let mut published = BTreeSet::new();
    for _ in 0..3 {
        let api = Api::new(&app.url("/api"));
        let slugs = terrace_tests::load::at_once(10, async |_| publish(&api, &author).await);
        published.extend(slugs.await);
        // Events are in the outbox, in the queue and in work.
        app = app.kill_and_restart().await;
    }
    until_told(&Api::new(&app.url("/api")), &follower, &published).await;
}

#[tokio::test]
async fn digests_are_made_by_the_clock() {
    let app = App::conduit_with_events().start().await;
    let api = Api::new(&app.url("/api"));
    let (author, follower) = pair(&api).await;
    for _ in 0..3 {
        publish(&api, &author).await;
    }
    until("each article is in one digest", async || {
        let (_, digests) = told(&api, &follower).await;
        let digests = digests.as_array().expect("a list").iter();
        let articles = digests.map(|digest| digest["articles"].as_u64().expect("a number"));
        let articles: u64 = articles.sum();
        assert!(articles <= 3);
        (articles == 3).then_some(())
    })
    .await;
}

#[tokio::test]
async fn followers_are_told_on_postgres_too() {
    let server = Server::start();
    let url = server.url();
    let app = App::conduit_with_events().config(&format!("[sql.default]\nurl = {url:?}"));
    let app = app.start().await;
    let api = Api::new(&app.url("/api"));
    let (author, follower) = pair(&api).await;
    let published = [publish(&api, &author).await, publish(&api, &author).await];
    until_told(&api, &follower, &published.into()).await;
    let tag = json!({"article": {"tagList": ["other"]}});
    let path = format!("/articles/{}", first(&api).await);
    let changed = api.put(&path, &author.token, &tag);
    changed.await.expect(200);
    until("all messages are done, and a digest is made", async || {
        let (_, digests) = told(&api, &follower).await;
        let queue = [("queue", "conduit")];
        let left = app.metrics().await.sum("terrace_queue_messages", &queue);
        (left == 0.0 && digests[0]["articles"].is_u64()).then_some(())
    })
    .await;
    assert_no_failure(&app).await;
}

async fn first(api: &Api) -> String {
    let list = api.get("/articles", "").await.expect(200).json();
    let slug = list["articles"][0]["slug"].as_str();
    slug.expect("there is one").to_owned()
}

async fn assert_no_failure(app: &Running) {
    let metrics = app.metrics().await;
    for result in ["failed", "dead", "lost"] {
        let labels = [("result", result)];
        let ended = metrics.sum("terrace_message_deliveries_total", &labels);
        assert_eq!(ended, 0.0, "{result}: {}", app.process.log.text());
    }
}

/// Inserts so many users who follow the first one.
fn insert_followers(file: &Path) {
    let database = Connection::open(file).expect("it is a database");
    database
        .execute_batch(&format!(
            "BEGIN;
             INSERT INTO users (username, email, password_hash, created_at)
             WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {MANY})
             SELECT 'f' || n, 'f' || n || '@example.com', '', '2026-01-01T00:00:00.000Z' FROM numbers;
             INSERT INTO follows (follower_id, followed_id) SELECT id, 1 FROM users WHERE id > 1;
             COMMIT;"
        ))
        .expect("there is room");
}

fn count(file: &Path, text: &str) -> u32 {
    let database = Connection::open(file).expect("it is a database");
    let count = database.query_row(text, [], |row| row.get(0));
    count.expect("it is counted")
}

#[tokio::test]
async fn a_hundred_thousand_followers_are_told_within_the_limits() {
    // A sign-in needs 19 MiB; the rest is little for so many followers.
    let app = App::conduit_with_events()
        .limit("memory = \"24MiB\"")
        .start()
        .await;
    let file = app.app().state().join("default.db");
    let api = Api::new(&app.url("/api"));
    let author = api.register().await;
    insert_followers(&file);
    publish(&api, &author).await;
    let begun = Instant::now();
    let most = Cell::new(0);
    until("all followers are told, and have a digest", async || {
        most.set(app.process.memory().max(most.get()));
        let digests = count(&file, "SELECT count(*) FROM digests WHERE articles = 1");
        (digests == MANY).then_some(())
    })
    .await;
    let seconds = begun.elapsed().as_secs_f64();
    let metrics = app.metrics().await;
    let delivered = metrics.sum("terrace_message_deliveries_total", &[]);
    println!(
        "{MANY} followers were told and had their digest after {seconds:.1} s, by {delivered} deliveries; the process had {} MiB at most",
        most.get() / MIB
    );
    assert_eq!(count(&file, "SELECT count(*) FROM notifications"), MANY);
    assert_no_failure(&app).await;
    assert!(most.get() < 400 * MIB);
}

#[tokio::test]
async fn followers_are_told_on_cloudflare_too() {
    let Some(worker) = Worker::conduit() else {
        return not_run(
            "conduit's notifications on Cloudflare's runtime",
            WRANGLER_REMEDY,
        );
    };
    // With files, `wrangler dev` gives the event to its server of files, which does not know it (workers-sdk issue 9882).
    let worker = worker.change(|config| {
        let config = config.as_object_mut().expect("a table");
        config.remove("assets");
    });
    let migrated = worker.migrate().await;
    assert_eq!(migrated.code, Some(0), "{}", migrated.text);
    let served = worker.start().await;
    let api = Api::new(&format!("{}/api", served.http));
    let (author, follower) = pair(&api).await;
    let published = [publish(&api, &author).await];
    let pull = async |cron: &str| {
        let url = format!("{}/cdn-cgi/handler/scheduled?cron={cron}", served.http);
        let pulled = request(http::Method::GET, &url, &[], "");
        let answer = Client::default().send(pulled).await;
        assert_eq!(answer.status, 200, "{}", served.process.log.text());
    };
    pull("*+*+*+*+*").await;
    until_told(&api, &follower, &published.into()).await;
    pull("0+7+*+*+*").await;
    let (_, digests) = told(&api, &follower).await;
    assert_eq!(digests[0]["articles"], 1);
}
