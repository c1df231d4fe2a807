//! Promise: a client's read sees its own last write, and within a second those of others, through any node and any edge, while Redis
//! forgets and restarts.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::Method;
use serde_json::json;
use terrace_tests::client::{Answer, Client, request};
use terrace_tests::contract::metric;
use terrace_tests::history::{Event, violations};
use terrace_tests::postgres::replica::FOLLOWED;
use terrace_tests::realworld::{Api, User, path_of};
use terrace_tests::wait::until;
use terrace_tests::{App, Running, postgres, redis};
use tokio::task::JoinSet;
use tokio::time::Instant;

const CLIENTS: usize = 6;

/// The time after which a client sees the writes of others, and what two busy processors add to it.
const BOUND: Duration = Duration::from_secs(1 + 2);

/// The field with a bookmark.
const FIELD: &str = "terrace-bookmark";

/// What the servers share: one Redis, or a Redis Cluster, of which one server has the log.
enum Shared {
    Alone(redis::Server),
    Cluster {
        servers: redis::cluster::Cluster,
        /// The one that was killed.
        dead: usize,
    },
}

impl Shared {
    fn url(&self) -> String {
        match self {
            Self::Alone(server) => server.url(),
            Self::Cluster { servers, .. } => servers.url(),
        }
    }

    /// The server with the log.
    async fn with_log(&self) -> &redis::Server {
        match self {
            Self::Alone(server) => server,
            Self::Cluster { servers, .. } => &servers.servers[servers.with_log().await],
        }
    }

    /// Has Redis forget its stream.
    async fn trim(&self) {
        let trim = "for _, k in ipairs(redis.call('KEYS', '*{log}s')) do \
             redis.call('XTRIM', k, 'MAXLEN', 0) end return 1";
        assert_eq!(self.with_log().await.ask(&["EVAL", trim, "0"]), "1");
    }

    async fn forget(&self) {
        assert_eq!(self.with_log().await.ask(&["FLUSHALL"]), "OK");
    }

    /// Kills the server with the log.
    async fn kill(&mut self) {
        match self {
            Self::Alone(server) => server.kill(),
            Self::Cluster { servers, dead } => {
                *dead = servers.with_log().await;
                servers.servers[*dead].kill();
            }
        }
    }

    async fn restart(&mut self) {
        match self {
            Self::Alone(server) => server.restart(),
            Self::Cluster { servers, dead } => {
                servers.servers[*dead].restart();
                servers.with_log().await;
            }
        }
    }
}

/// Two nodes and two edges before them, all on one Redis or Redis Cluster, and on one database.
struct Cluster {
    servers: Vec<Running>,
    redis: Shared,
    _postgres: postgres::Server,
    _replica: Option<postgres::Server>,
}

impl Cluster {
    /// With a replica, it lags behind by `delay`.
    async fn start(redis: Shared, delay: Option<&str>) -> Self {
        let postgres = postgres::Server::with(&[FOLLOWED]);
        let delay = delay.map(|delay| format!("recovery_min_apply_delay={delay}"));
        let replica = delay.map(|delay| postgres.replica(&[&delay]));
        let replicas: Vec<_> = replica.iter().map(postgres::Server::url).collect();
        let shared = format!("[cache]\nshared = {:?}", redis.url());
        let conduit = || {
            App::conduit()
                .config(&format!("[sql.default]\nurl = {:?}", postgres.url()))
                .config(&format!("replicas = {replicas:?}"))
                .config(&shared)
                .config("[listen]\ntrusted_proxies = [\"127.0.0.1\"]")
        };
        let (one, two) = tokio::join!(conduit().start(), conduit().start());
        let edge = || {
            let edge = App::balancer(&[&one.http, &two.http]);
            edge.config(&shared).start()
        };
        let (first, second) = tokio::join!(edge(), edge());
        let cluster = Self {
            servers: vec![one, two, first, second],
            redis,
            _postgres: postgres,
            _replica: replica,
        };
        cluster.until_followed().await;
        cluster
    }

    async fn until_followed(&self) {
        for server in &self.servers {
            let followed = server.until_metric(metric::CACHE_FOLLOWED, &[], |is| is == 1.0);
            followed.await;
        }
    }

    /// The sum of a metric of all servers.
    async fn sum(&self, metric: &str, labels: &[(&str, &str)]) -> f64 {
        let mut sum = 0.0;
        for server in &self.servers {
            sum += server.metrics().await.sum(metric, labels);
        }
        sum
    }
}

/// A client with a register of its own: the description of an article.
struct Visitor {
    number: usize,
    user: User,
    /// The articles of all.
    articles: Arc<Vec<String>>,
    servers: Arc<Vec<String>>,
    client: Client,
    /// The field of its bookmark: a cookie or not.
    bookmark: Option<(&'static str, String)>,
    random: u64,
    events: Vec<Event>,
}

impl Visitor {
    /// Writes and reads until it is told to stop.
    async fn run(mut self, done: Arc<AtomicUsize>, is_over: Arc<AtomicUsize>) -> Vec<Event> {
        let mut value = 0;
        while is_over.load(Ordering::Relaxed) == 0 {
            match self.below(10) {
                0..4 => {
                    value += 1;
                    self.write(value).await;
                    self.read(self.number).await;
                }
                4..7 => self.read(self.number).await,
                _ => {
                    let register = self.below(CLIENTS);
                    self.read(register).await;
                }
            }
            done.fetch_add(1, Ordering::Relaxed);
        }
        self.events
    }

    async fn write(&mut self, value: u32) {
        let change = json!({"article": {"description": value.to_string()}}).to_string();
        let begun = Instant::now();
        let written = self.send(Method::PUT, self.number, &change);
        let written = written.await.expect(200);
        self.note(self.number, value, true, begun);
        let field = written.header(FIELD).to_owned();
        self.bookmark = Some(match self.number % 2 {
            0 => (FIELD, field),
            _ => ("cookie", format!("a=1; __Host-terrace-bookmark={field}")),
        });
    }

    async fn read(&mut self, register: usize) {
        let begun = Instant::now();
        let read = self.send(Method::GET, register, "").await.expect(200);
        let description = read.json()["article"]["description"].clone();
        let value = description.as_str().and_then(|text| text.parse().ok());
        self.note(register, value.expect("a number"), false, begun);
    }

    fn note(&mut self, register: usize, value: u32, is_write: bool, begun: Instant) {
        self.events.push(Event {
            client: self.number,
            register,
            value,
            is_write,
            begun,
            ended: Instant::now(),
        });
    }

    /// Sends a request to any server.
    async fn send(&mut self, method: Method, register: usize, content: &str) -> Answer {
        let index = self.below(self.servers.len());
        let url = format!("{}/api{}", self.servers[index], self.articles[register]);
        let token = format!("Token {}", self.user.token);
        let mut fields = Vec::new();
        if method == Method::PUT {
            fields.push(("authorization", token.as_str()));
            fields.push(("content-type", "application/json"));
        }
        if let Some((name, bookmark)) = &self.bookmark {
            fields.push((name, bookmark.as_str()));
        }
        let request = request(method, &url, &fields, content.to_owned());
        self.client.send(request).await
    }

    fn below(&mut self, end: usize) -> usize {
        // The constants of Knuth's MMIX.
        let next = self.random.wrapping_mul(6_364_136_223_846_793_005);
        self.random = next.wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.random >> 33).expect("31 bits") % end
    }
}

/// The clients, with their articles.
async fn visitors(cluster: &Cluster) -> Vec<Visitor> {
    let api = Api::new(&cluster.servers[0].url("/api"));
    let (mut users, mut articles) = (Vec::new(), Vec::new());
    for _ in 0..CLIENTS {
        let user = api.register().await;
        let article = path_of(
            &api.publish(&user, &terrace_tests::realworld::unique("Of "), &[])
                .await,
        );
        let zero = json!({"article": {"description": "0"}});
        api.put(&article, &user.token, &zero).await.expect(200);
        users.push(user);
        articles.push(article);
    }
    let articles = Arc::new(articles);
    let servers: Vec<_> = cluster
        .servers
        .iter()
        .map(|server| server.http.clone())
        .collect();
    let servers = Arc::new(servers);
    let visitors = users.into_iter().enumerate().map(|(number, user)| Visitor {
        number,
        user,
        articles: Arc::clone(&articles),
        servers: Arc::clone(&servers),
        client: Client::default(),
        bookmark: None,
        random: number as u64,
        events: Vec::new(),
    });
    visitors.collect()
}

#[tokio::test]
async fn each_read_sees_the_writes_that_it_must_while_redis_forgets_and_restarts() {
    check(Shared::Alone(redis::Server::start()), None).await;
}

#[tokio::test]
async fn each_read_sees_the_writes_that_it_must_with_a_replica_that_lags_behind() {
    let cluster = check(Shared::Alone(redis::Server::start()), Some("2ms")).await;
    let reads = cluster.sum(metric::SQL_REPLICA_READS, &[]).await;
    println!("{reads} reads on the replica");
    assert!(reads > 0.0);
}

#[tokio::test]
async fn each_read_sees_the_writes_that_it_must_while_a_redis_cluster_loses_servers() {
    let servers = redis::cluster::Cluster::start().await;
    check(Shared::Cluster { servers, dead: 0 }, None).await;
}

async fn check(redis: Shared, delay: Option<&str>) -> Cluster {
    let mut cluster = Cluster::start(redis, delay).await;
    let (done, is_over) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
    let mut running = JoinSet::new();
    for visitor in visitors(&cluster).await {
        running.spawn(visitor.run(Arc::clone(&done), Arc::clone(&is_over)));
    }
    let go_on = async || {
        let end = done.load(Ordering::Relaxed) + 40;
        until("the clients go on", async || {
            (done.load(Ordering::Relaxed) >= end).then_some(())
        })
        .await;
    };
    for _ in 0..3 {
        cluster.until_followed().await;
        for _ in 0..3 {
            go_on().await;
            cluster.redis.trim().await;
        }
        go_on().await;
        cluster.redis.forget().await;
        go_on().await;
        cluster.redis.kill().await;
        go_on().await;
        cluster.redis.restart().await;
        go_on().await;
    }
    cluster.until_followed().await;
    go_on().await;
    is_over.store(1, Ordering::Relaxed);
    let events: Vec<Event> = running.join_all().await.concat();
    let wrong = violations(&events, BOUND);
    assert!(wrong.is_empty(), "of {} events: {wrong:#?}", events.len());
    // It was not only because nothing was kept.
    for (metric, label) in [
        (metric::CACHE_REQUESTS, ("result", "hit")),
        (metric::CACHE_BOOKMARKS, ("result", "reached")),
        (metric::CACHE_BOOKMARKS, ("result", "behind")),
    ] {
        assert!(cluster.sum(metric, &[label]).await > 0.0, "{label:?}");
    }
    cluster
}
