//! Promise: behind an edge, a node that dies, hangs or restarts fails no request that may be sent again.

use http::{Method, Request};
use serde_json::{Value, json};
use terrace_tests::client::{Content, request};
use terrace_tests::contract::{REQUEST_ID_FIELD, exit, metric};
use terrace_tests::load::{Call, OpenLoop};
use terrace_tests::postgres::Server;
use terrace_tests::realworld::{Api, path_of, unique};
use terrace_tests::{App, Running};
use tokio::time::Instant;

/// Requests per second. Two processors serve both nodes, the edge, the database and the clients, and other tests.
const RATE: u32 = 20;

/// Two nodes that serve conduit from one database, and an edge in front of them that keeps no responses.
struct Cluster {
    edge: Running,
    nodes: Vec<Running>,
    _database: Server,
}

impl Cluster {
    async fn start() -> Self {
        let database = Server::start();
        let database_url = format!("[sql.default]\nurl = {:?}", database.url());
        let behind_an_edge = "[listen]\ntrusted_proxies = [\"127.0.0.1\"]";
        let node = || {
            let node = App::conduit().config(&database_url);
            node.config(behind_an_edge).start()
        };
        let (one, other) = tokio::join!(node(), node());
        let edge = App::balancer(&[&one.http, &other.http]);
        let edge = edge.config("[cache]\nmemory = \"off\"").start().await;
        Self {
            edge,
            nodes: vec![one, other],
            _database: database,
        }
    }

    /// The load of users who read, comment and edit through the edge, begun and under way on both nodes.
    async fn load(&self) -> OpenLoop {
        let api = Api::new(&self.edge.url("/api"));
        let author = api.register().await;
        let mut articles = Vec::new();
        for _ in 0..20 {
            articles.push(api.publish(&author, &unique("Read "), &["read"]).await);
        }
        let users = Users {
            api: self.edge.url("/api"),
            token: format!("Token {}", author.token),
            articles: articles.iter().map(path_of).collect(),
        };
        let load = OpenLoop::start(RATE, move |index| users.request(index));
        for node in &self.nodes {
            self.edge.until_served_by(node, 10).await;
        }
        load
    }

    /// Waits until a node is in a state.
    async fn until_state(&self, node: &Running, state: &str) {
        let origin = node.http.trim_start_matches("http://");
        let labels = [("origin", origin), ("state", state)];
        self.edge
            .until_metric(metric::ORIGIN_STATE, &labels, |is_in| is_in == 1.0)
            .await;
    }

    /// Asserts that no call failed except writes that were under way while a node was `lost` and the edge did not know that:
    /// nobody can tell whether they had their effect.
    fn check(&self, calls: &[Call], lost: Option<(Instant, Instant)>) {
        for call in calls {
            assert!(
                call.is_fine_or_lost(lost),
                "{call:?} failed, lost at {lost:?}: {}",
                self.logged(call)
            );
        }
    }

    /// What the edge and the nodes logged about a call.
    fn logged(&self, call: &Call) -> String {
        let answer = call.outcome.as_ref().ok();
        let id = answer.map_or("none", |answer| answer.header(REQUEST_ID_FIELD));
        let processes = self.nodes.iter().chain([&self.edge]);
        let lines = processes.flat_map(|process| {
            let text = process.process.log.text();
            let lines = text.lines().filter(|line| line.contains(id));
            lines.map(str::to_owned).collect::<Vec<_>>()
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    /// Takes a node away, and has the others serve meanwhile.
    fn take(&mut self) -> Running {
        self.nodes.pop().expect("there is another node")
    }
}

/// What users ask for.
struct Users {
    api: String,
    token: String,
    articles: Vec<String>,
}

impl Users {
    fn request(&self, index: usize) -> Request<Content> {
        let article = &self.articles[index / 10 % self.articles.len()];
        let fields = [
            ("authorization", self.token.as_str()),
            ("content-type", "application/json"),
        ];
        let send = |method: Method, path: &str, content: &Value| {
            let url = format!("{}{path}", self.api);
            request(method, &url, &fields, content.to_string())
        };
        let get = |path: &str| request(Method::GET, &format!("{}{path}", self.api), &fields, "");
        match index % 10 {
            0 => {
                let comment = json!({"comment": {"body": format!("comment {index}")}});
                send(Method::POST, &format!("{article}/comments"), &comment)
            }
            5 => {
                let change = json!({"article": {"description": format!("change {index}")}});
                send(Method::PUT, article, &change)
            }
            3 | 6 => get("/articles?limit=5"),
            _ => get(article),
        }
    }
}

#[tokio::test]
async fn a_node_that_is_killed_fails_no_request_that_may_be_sent_again() {
    let mut cluster = Cluster::start().await;
    let load = cluster.load().await;
    let node = cluster.take();
    node.process.kill();
    let killed = Instant::now();
    cluster.until_state(&node, "ejected").await;
    load.go_on_for(40).await;
    let node = node.come_back().await;
    cluster.until_state(&node, "healthy").await;
    cluster.edge.until_served_by(&node, 10).await;
    cluster.nodes.push(node);
    cluster.check(&load.finish().await, Some((killed, killed)));
}

/// The requests that the node has not answered go to the other one once it is found to hang. Writes stay with it.
#[tokio::test]
async fn a_node_that_hangs_fails_no_request_that_may_be_sent_again() {
    let mut cluster = Cluster::start().await;
    let load = cluster.load().await;
    let node = cluster.take();
    node.process.pause();
    let paused = Instant::now();
    cluster.until_state(&node, "ejected").await;
    let noticed = Instant::now();
    load.go_on_for(60).await;
    let meanwhile = Instant::now();
    node.process.resume();
    cluster.until_state(&node, "healthy").await;
    cluster.edge.until_served_by(&node, 10).await;
    cluster.nodes.push(node);
    let calls = load.finish().await;
    cluster.check(&calls, Some((paused, noticed)));
    let after = |call: &&Call| noticed < call.begun && call.ended < meanwhile;
    assert!(calls.iter().filter(after).count() >= 20);
}

/// The recipe of an update without a gap: a successor for each node, one after the other, and then one for the edge.
#[tokio::test]
async fn nodes_and_the_edge_are_replaced_without_a_failed_request() {
    let mut cluster = Cluster::start().await;
    let load = cluster.load().await;
    for _ in 0..2 {
        let (node, ended) = cluster.nodes.remove(0).succeed().await;
        assert_eq!(ended.code, Some(exit::FINE), "{}", ended.text);
        cluster.edge.until_served_by(&node, 10).await;
        cluster.nodes.push(node);
    }
    let (edge, ended) = cluster.edge.succeed().await;
    assert_eq!(ended.code, Some(exit::FINE), "{}", ended.text);
    cluster.edge = edge;
    load.go_on_for(20).await;
    cluster.check(&load.finish().await, None);
}

#[tokio::test]
async fn nodes_restart_one_after_the_other_without_a_failed_request() {
    let mut cluster = Cluster::start().await;
    let load = cluster.load().await;
    for _ in 0..2 {
        let node = cluster.nodes.remove(0);
        node.process.terminate();
        let node = node.come_back().await;
        cluster.until_state(&node, "healthy").await;
        cluster.edge.until_served_by(&node, 10).await;
        cluster.nodes.push(node);
    }
    cluster.check(&load.finish().await, None);
}
