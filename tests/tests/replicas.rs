//! Promise: reads run on replicas of the database, a function sees nothing of it, and its clients read what they wrote.

use std::time::Duration;

use http::Method;
use serde_json::json;
use terrace_tests::client::{Answer, Client, request};
use terrace_tests::contract::{exit, metric};
use terrace_tests::postgres::Server;
use terrace_tests::postgres::replica::FOLLOWED;
use terrace_tests::realworld::{Api, User, path_of, unique};
use terrace_tests::wait::until;
use terrace_tests::{App, Running};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// The field with a bookmark.
const FIELD: &str = "terrace-bookmark";

/// The lag that replicas are forced to have.
const LAG: &str = "recovery_min_apply_delay=200ms";

const WITHOUT_CACHE: &str = "[cache]\nmemory = \"off\"";

const CLIENTS: usize = 20;

/// The reads of a client after each of its writes, and its writes.
const READS: usize = 100;
const WRITES: usize = 5;

fn conduit(primary: &Server, replicas: &[&Server]) -> App {
    let replicas: Vec<_> = replicas.iter().map(|server| server.url()).collect();
    let url = primary.url();
    let app = App::conduit();
    app.config(&format!(
        "[sql.default]\nurl = {url:?}\nreplicas = {replicas:?}"
    ))
}

/// The reads on replicas, and all of them.
async fn reads(app: &Running) -> (f64, f64) {
    let metrics = app.metrics().await;
    let all = metrics.sum(metric::SQL_READS, &[]);
    (metrics.sum(metric::SQL_REPLICA_READS, &[]), all)
}

async fn until_state(app: &Running, server: &Server, state: &str) {
    let place = server.socket().display().to_string();
    let place = format!("postgres://{place}/postgres");
    let labels = [("server", place.as_str()), ("state", state)];
    app.until_metric(metric::SQL_SERVER_STATE, &labels, |is| is == 1.0)
        .await;
}

/// A client with an article of its own, which alone changes it.
struct Author {
    url: String,
    user: User,
    client: Client,
    bookmark: String,
}

impl Author {
    async fn of(app: &Running) -> Self {
        let api = Api::new(&app.url("/api"));
        let user = api.register().await;
        let article = path_of(&api.publish(&user, &unique("Of "), &[]).await);
        Self {
            url: format!("{}/api{article}", app.http),
            user,
            client: Client::default(),
            bookmark: String::new(),
        }
    }

    async fn send(&self, method: Method, content: String) -> Answer {
        let token = format!("Token {}", self.user.token);
        let mut fields = vec![("authorization", token.as_str())];
        if method == Method::PUT {
            fields.push(("content-type", "application/json"));
        }
        if !self.bookmark.is_empty() {
            fields.push((FIELD, &self.bookmark));
        }
        let request = request(method, &self.url, &fields, content);
        self.client.send(request).await
    }

    async fn write(&mut self, value: usize) {
        let change = json!({"article": {"description": value.to_string()}});
        let written = self.send(Method::PUT, change.to_string()).await.expect(200);
        written.header(FIELD).clone_into(&mut self.bookmark);
    }

    async fn read(&self) -> usize {
        let read = self.send(Method::GET, String::new()).await.expect(200);
        let description = read.json()["article"]["description"].clone();
        let value = description.as_str().and_then(|text| text.parse().ok());
        value.expect("a number")
    }
}

#[tokio::test]
async fn ten_thousand_reads_after_writes_are_not_stale_and_most_run_on_replicas() {
    let primary = Server::with(&[FOLLOWED]);
    let (one, two) = (primary.replica(&[LAG]), primary.replica(&[LAG]));
    // Each read reaches the database.
    let app = conduit(&primary, &[&one, &two]).config(WITHOUT_CACHE);
    let app = app.start().await;
    let mut authors = Vec::new();
    for _ in 0..CLIENTS {
        authors.push(Author::of(&app).await);
    }
    let begun = Instant::now();
    let (before, all_before) = reads(&app).await;
    let mut running = JoinSet::new();
    for mut author in authors {
        running.spawn(async move {
            let mut stale = 0;
            for value in 0..WRITES {
                author.write(value).await;
                for _ in 0..READS {
                    stale += usize::from(author.read().await != value);
                }
            }
            stale
        });
    }
    let stale: usize = running.join_all().await.into_iter().sum();
    let (after, all_after) = reads(&app).await;
    let (on_replicas, all) = (after - before, all_after - all_before);
    let count = CLIENTS * WRITES * READS;
    println!(
        "{count} reads of clients after their writes in {:?}: {stale} stale; {on_replicas} of {all} statements that read on replicas",
        begun.elapsed()
    );
    assert_eq!((count, stale), (10_000, 0));
    assert!(on_replicas / all >= 0.8, "{on_replicas} of {all}");
    for server in [&one, &two] {
        until_state(&app, server, "replica").await;
    }
    let lag = app.metrics().await.sum(metric::SQL_REPLICA_LAG, &[]);
    assert!(lag < 2.0, "{lag}");
}

#[tokio::test]
async fn writes_go_on_within_ten_seconds_after_the_primary_is_killed_and_a_replica_promoted() {
    let mut primary = Server::with(&[FOLLOWED]);
    let replica = primary.replica(&[FOLLOWED]);
    let app = conduit(&primary, &[&replica]).start().await;
    let mut author = Author::of(&app).await;
    author.write(1).await;
    until("reads run on the replica", async || {
        author.read().await;
        (reads(&app).await.0 > 0.0).then_some(())
    })
    .await;
    let killed = Instant::now();
    primary.kill();
    until_state(&app, &primary, "out").await;
    // What is there is read meanwhile.
    assert_eq!(author.read().await, 1);
    replica.promote();
    until("writes go on", async || {
        let change = json!({"article": {"description": "2"}}).to_string();
        let written = author.send(Method::PUT, change).await;
        (written.status == 200).then_some(())
    })
    .await;
    let outage = killed.elapsed();
    println!("writes went on {outage:?} after the primary was killed");
    assert!(outage < Duration::from_secs(10), "{outage:?}");
    assert_eq!(author.read().await, 2);
    author.write(3).await;
    assert_eq!(author.read().await, 3);
    primary.follow(&replica);
    until_state(&app, &primary, "replica").await;
    until_state(&app, &replica, "primary").await;
    assert_eq!(author.read().await, 3);
}

#[tokio::test]
async fn another_node_on_the_same_servers_knows_the_bookmark() {
    let primary = Server::with(&[FOLLOWED]);
    let replica = primary.replica(&[LAG]);
    let app = || conduit(&primary, &[&replica]).config(WITHOUT_CACHE);
    let one = app().start().await;
    let two = app().start().await;
    let mut author = Author::of(&one).await;
    for value in 0..30 {
        author.url = author.url.replacen(&two.http, &one.http, 1);
        author.write(value).await;
        author.url = author.url.replacen(&one.http, &two.http, 1);
        assert_eq!(author.read().await, value);
    }
    assert!(reads(&two).await.1 > 0.0);
}

#[tokio::test]
async fn servers_that_are_no_replicas_are_refused_before_anything_is_served() {
    let primary = Server::with(&[FOLLOWED]);
    let stranger = Server::stranger();
    for (other, words) in [
        (&stranger, "has the data of another server"),
        (&primary, "it is the primary itself"),
    ] {
        let ended = conduit(&primary, &[other]).refuse().await;
        assert_eq!(ended.code, Some(exit::FAILED), "{}", ended.text);
        assert!(ended.text.contains(words), "{}", ended.text);
        assert!(!ended.text.contains("terrace@"), "{}", ended.text);
    }
}
