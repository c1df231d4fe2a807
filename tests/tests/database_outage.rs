//! Promise: behind an edge, an outage of Postgres fails fast what needs the database, and nothing else; it loses no acknowledged write.

use std::collections::BTreeSet;
use std::time::Duration;

use http::{Method, Request};
use serde_json::{Value, json};
use terrace_tests::Answer;
use terrace_tests::client::{Content, request};
use terrace_tests::load::{Call, OpenLoop};
use terrace_tests::postgres::Server;
use terrace_tests::realworld::{Api, path_of, unique};
use terrace_tests::wait::until;
use terrace_tests::{App, Running};
use tokio::time::Instant;

/// Requests per second, as in the tests of nodes.
const RATE: u32 = 20;

/// The outage in requests: eight seconds.
const OUTAGE: usize = 160;

/// The time in which a request without an answer from the database fails: it does not wait for the end of the outage.
const FAST: Duration = Duration::from_secs(4);

/// What readers and writers ask for. Only nobody's reads may be cached, and the writes concern another article.
struct Users {
    api: String,
    token: String,
    /// The article that the cache holds.
    kept: String,
    /// The article that gets comments.
    written: String,
}

impl Users {
    fn request(&self, index: usize) -> Request<Content> {
        let authorization = ("authorization", self.token.as_str());
        let get = |fields: &[_]| {
            let url = format!("{}{}", self.api, self.kept);
            request(Method::GET, &url, fields, "")
        };
        match index % 4 {
            0 => {
                let fields = [authorization, ("content-type", "application/json")];
                let url = format!("{}{}/comments", self.api, self.written);
                let comment = json!({"comment": {"body": format!("comment {index}")}});
                request(Method::POST, &url, &fields, comment.to_string())
            }
            1 => get(&[authorization]),
            _ => get(&[]),
        }
    }
}

/// Two nodes that serve conduit from one database, and an edge with a cache.
async fn start(database: &Server) -> (Running, [Running; 2]) {
    let database_url = format!("[sql.default]\nurl = {:?}", database.url());
    let node = || {
        let node = App::conduit().config(&database_url);
        node.config("[listen]\ntrusted_proxies = [\"127.0.0.1\"]")
            .start()
    };
    let (one, other) = tokio::join!(node(), node());
    let edge = App::balancer(&[&one.http, &other.http]).start().await;
    (edge, [one, other])
}

fn is_write(call: &Call) -> bool {
    call.what.starts_with("POST")
}

/// The texts of comments in an answer: of the one that was written, or of all.
fn comments(answer: &Value) -> BTreeSet<String> {
    let all = answer["comments"].as_array().into_iter().flatten();
    let texts = all.chain([&answer["comment"]]);
    let texts = texts.filter_map(|comment| comment["body"].as_str());
    texts.map(str::to_owned).collect()
}

#[tokio::test]
async fn an_outage_of_postgres_fails_writes_fast_and_loses_none_and_cached_reads_go_on() {
    let mut database = Server::start();
    let (edge, nodes) = start(&database).await;
    let api = Api::new(&edge.url("/api"));
    let (author, writer) = (api.register().await, api.register().await);
    let kept = path_of(&api.publish(&author, &unique("Kept "), &[]).await);
    let written = path_of(&api.publish(&writer, &unique("Written "), &[]).await);
    until("the cache holds the article", async || {
        api.get(&kept, "").await.is_hit().then_some(())
    })
    .await;
    let users = Users {
        api: edge.url("/api"),
        token: format!("Token {}", writer.token),
        kept: kept.clone(),
        written: written.clone(),
    };
    let load = OpenLoop::start(RATE, move |index| users.request(index));
    load.go_on_for(40).await;
    let killed = Instant::now();
    database.kill();
    load.go_on_for(OUTAGE).await;
    let restarted = Instant::now();
    database.restart();
    for node in &nodes {
        let api = Api::new(&node.url("/api"));
        until("the node finds the database again", async || {
            let read = api.get(&kept, &writer.token).await;
            (read.status == 200).then_some(())
        })
        .await;
    }
    let back = Instant::now();
    load.go_on_for(40).await;
    let calls = load.finish().await;
    check(&calls, killed, restarted, back);
    let acknowledged = calls.iter().filter(|call| is_write(call) && call.is_fine());
    let acknowledged = acknowledged.flat_map(|call| {
        let answer = call.outcome.as_ref().expect("it is fine");
        comments(&answer.json())
    });
    let acknowledged: BTreeSet<_> = acknowledged.collect();
    assert!(acknowledged.len() >= 15, "{acknowledged:?}");
    let read = api.get(&format!("{written}/comments"), &writer.token).await;
    let read = comments(&read.expect(200).json());
    let lost: Vec<_> = acknowledged.difference(&read).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
}

/// Asserts that cached reads are served throughout, and that the others fail fast, from the kill until the nodes are back.
fn check(calls: &[Call], killed: Instant, restarted: Instant, back: Instant) {
    let (mut hits, mut failed_reads, mut failed_writes) = (0, 0, 0);
    for call in calls {
        let is_hit = call.outcome.as_ref().is_ok_and(Answer::is_hit);
        let is_during = killed <= call.ended && call.begun <= back;
        assert!(call.is_fine() || (is_during && !is_hit), "{call:?}");
        assert!(call.taken() < FAST, "{:?}: {call:?}", call.taken());
        let is_all_without = killed < call.begun && call.ended < restarted;
        if !is_all_without {
            continue;
        }
        assert!(
            is_hit || !call.is_fine(),
            "answered without a database: {call:?}"
        );
        match (is_hit, is_write(call)) {
            (true, _) => hits += 1,
            (false, true) => failed_writes += 1,
            (false, false) => failed_reads += 1,
        }
    }
    // One of four is a write, and one is a read that nothing may be kept of. Those at both ends are under way.
    assert!(hits >= OUTAGE / 2 - 4, "{hits}");
    assert!(failed_writes >= OUTAGE / 4 - 4, "{failed_writes}");
    assert!(failed_reads >= OUTAGE / 4 - 4, "{failed_reads}");
}
