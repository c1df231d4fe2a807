//! Promise: while messages are produced and consumed at a constant rate, a process dies, or the engine dies, is cut off or is full:
//! every accepted message is delivered, no two consumers work on one subject at a time, and few messages come twice.

use std::collections::{BTreeMap, BTreeSet};

use http::Method;
use terrace_tests::client::request;
use terrace_tests::judge::{self, Delivery, Judge};
use terrace_tests::load::{Call, OpenLoop};
use terrace_tests::nats;
use terrace_tests::postgres::Server;
use terrace_tests::proxy::{Door, Proxy};
use terrace_tests::wait::until;
use terrace_tests::{App, Beside, guest};

/// Messages that are produced in a second, unless the environment says otherwise: a release on a machine of its own bears more.
const RATE: u32 = 100;
const RATE_VARIABLE: &str = "TERRACE_MESSAGES_PER_SECOND";

/// Subjects of the messages. Each node consumes several at once.
const SUBJECTS: usize = 50;

/// Messages that a node works on at once.
const CONCURRENCY: usize = 8;

/// Seconds before a fault and after it, and while it lasts.
const CALM: f64 = 3.0;
const FAULT: f64 = 2.5;

/// Seconds for which a node has its messages without a word.
const LEASE: f64 = 15.0;

/// What keeps the messages.
enum Engine {
    Sqlite,
    Postgres { server: Server, proxy: Proxy },
    JetStream { server: nats::Server, proxy: Proxy },
}

impl Engine {
    fn postgres() -> Self {
        let server = Server::start();
        let proxy = Proxy::to(server.socket());
        Self::Postgres { server, proxy }
    }

    fn jetstream() -> Self {
        let server = nats::Server::start();
        let proxy = Proxy::at(server.address());
        Self::JetStream { server, proxy }
    }

    fn settings(&self) -> String {
        match self {
            Self::Sqlite => String::new(),
            Self::Postgres { proxy, .. } => format!("[queue]\nurl = \"{}\"", proxy.url()),
            Self::JetStream { proxy, .. } => {
                format!("[queue]\nurl = \"nats://{}\"", proxy.address())
            }
        }
    }

    fn kill(&mut self) {
        match self {
            Self::Sqlite => unreachable!("a file has no process"),
            Self::Postgres { server, .. } => server.kill(),
            Self::JetStream { server, .. } => server.kill(),
        }
    }

    fn restart(&mut self) {
        match self {
            Self::Sqlite => unreachable!("a file has no process"),
            Self::Postgres { server, .. } => server.restart(),
            Self::JetStream { server, .. } => server.restart(),
        }
    }

    /// Cuts it off from all nodes: nothing is heard of it any more.
    fn part(&self) {
        match self {
            Self::Sqlite => unreachable!("a file is on no network"),
            Self::Postgres { proxy, .. } | Self::JetStream { proxy, .. } => {
                proxy.door(Door::Silent);
                proxy.swallow_all();
            }
        }
    }

    fn heal(&self) {
        match self {
            Self::Sqlite => unreachable!("a file is on no network"),
            Self::Postgres { proxy, .. } | Self::JetStream { proxy, .. } => {
                proxy.door(Door::Open);
                // Those that came meanwhile hear nothing yet.
                proxy.cut_all();
            }
        }
    }
}

/// Two nodes that produce and consume, and the judge of what was delivered.
struct Field {
    engine: Engine,
    judge: Judge,
    app: App,
    nodes: [Beside; 2],
}

impl Field {
    async fn on(engine: Engine) -> Self {
        let judge = Judge::mild().await;
        let url = judge.url();
        let app = App::new()
            .component("sender", guest("relay"))
            .route("/send/...")
            .grant("allowed_outbound_hosts = [\"http://*.queue.internal\"]")
            .component("mailer", guest("relay"))
            .grant(&format!("allowed_outbound_hosts = [{url:?}]"))
            .grant(&format!("variables = {{ judge = {url:?} }}"))
            .limit(&format!(
                "consumes = [{{ queue = \"mail\", ordered_by = \"subject\", concurrency = {CONCURRENCY}, retries = 20, \
                 backoff = \"20ms\", max_backoff = \"200ms\" }}]",
            ))
            .config(&engine.settings());
        let (one, two) = tokio::join!(app.start_beside(), app.start_beside());
        let nodes = [one, two];
        Self {
            engine,
            judge,
            app,
            nodes,
        }
    }

    /// Begins to send to the nodes, by turns.
    fn produce(nodes: &[&Beside]) -> OpenLoop {
        let urls: Vec<_> = nodes
            .iter()
            .map(|node| format!("{}/send/mail", node.http))
            .collect();
        OpenLoop::start(rate(), move |index| {
            let (id, subject) = (id(index), format!("s{}", index % SUBJECTS));
            let fields = [
                ("ce-specversion", "1.0"),
                ("ce-id", &id),
                ("ce-source", "/tests"),
                ("ce-type", "tested"),
                ("ce-subject", &subject),
            ];
            request(Method::POST, &urls[index % urls.len()], &fields, "content")
        })
    }

    /// Has the disk of the messages take nothing any more.
    fn fill_disk(&self) {
        match &self.engine {
            Engine::Sqlite => self.limit_files(Some(0)),
            Engine::Postgres { server, .. } => server.fill_disk(),
            Engine::JetStream { .. } => unreachable!("it confirms what it cannot write"),
        }
    }

    /// Makes room on it. A server has ended meanwhile, and is started again.
    fn free_disk(&mut self) {
        match self.engine {
            Engine::Sqlite => self.limit_files(None),
            Engine::Postgres { .. } | Engine::JetStream { .. } => {
                self.engine.kill();
                self.engine.restart();
            }
        }
    }

    fn limit_files(&self, bytes: Option<u64>) {
        for node in &self.nodes {
            node.process.limit_file_size(bytes);
        }
    }

    /// Waits until all is delivered that was accepted, and judges how. So many may come twice because the work on them was interrupted.
    async fn judge(self, calls: &[Call], interrupted: usize) {
        let accepted = calls.iter().filter(|call| is_accepted(call));
        let accepted: BTreeSet<_> = accepted.map(|call| id(call.index)).collect();
        assert!(
            accepted.len() > requests(CALM),
            "{} were accepted; {:?}",
            accepted.len(),
            outcomes(calls)
        );
        until("all accepted messages are delivered", async || {
            let counts = self.judge.counts();
            let is_delivered = |id: &String| counts.contains_key(id);
            accepted.iter().all(is_delivered).then_some(())
        })
        .await;
        let heard = self.judge.heard();
        assert_apart(&heard);
        let mut again = judge::counts(&heard);
        let twice = heard.len() - again.len();
        again.retain(|_, count| *count > 1);
        let share = twice as f64 / heard.len() as f64;
        println!(
            "{} of {} accepted; {share:.5} came again: {again:?}",
            accepted.len(),
            calls.len()
        );
        let most = interrupted.max(heard.len() / 1_000);
        assert!(twice <= most, "{again:?} of {}", heard.len());
    }
}

/// How the requests ended, and how often.
fn outcomes(calls: &[Call]) -> BTreeMap<String, usize> {
    let mut outcomes = BTreeMap::new();
    for call in calls {
        let outcome = match &call.outcome {
            Ok(answer) => format!(
                "{} {}",
                answer.status,
                String::from_utf8_lossy(&answer.body)
            ),
            Err(broken) => format!("{broken:?}"),
        };
        *outcomes.entry(outcome).or_default() += 1;
    }
    outcomes
}

fn rate() -> u32 {
    let given = std::env::var(RATE_VARIABLE).ok();
    given.map_or(RATE, |given| given.parse().expect("a number"))
}

/// The requests of so many seconds.
fn requests(seconds: f64) -> usize {
    (seconds * f64::from(rate())) as usize
}

async fn go_on(load: &OpenLoop, seconds: f64) {
    load.go_on_for(requests(seconds)).await;
}

fn id(index: usize) -> String {
    format!("{index:06}")
}

fn is_accepted(call: &Call) -> bool {
    call.outcome
        .as_ref()
        .is_ok_and(|answer| answer.status == 202)
}

/// Asserts that no two deliveries of one subject were at once.
fn assert_apart(heard: &[Delivery]) {
    let mut last: BTreeMap<&str, &Delivery> = BTreeMap::new();
    for delivery in heard {
        let subject = delivery.field("ce-subject");
        if let Some(before) = last.insert(subject, delivery)
            // One that was cut off was over at once: its verdict was there.
            && let Some(ended) = before.ended
        {
            assert!(ended <= delivery.begun, "two of {subject} were at once");
        }
    }
}

/// A node dies, which sends and consumes; another takes its place.
async fn a_node_dies(engine: Engine) {
    let mut field = Field::on(engine).await;
    let [one, two] = &field.nodes;
    let load = Field::produce(&[one, two]);
    go_on(&load, CALM).await;
    field.nodes[0].process.kill();
    go_on(&load, FAULT).await;
    field.nodes[0] = field.app.start_beside().await;
    go_on(&load, CALM).await;
    let calls = load.finish().await;
    field.judge(&calls, CONCURRENCY).await;
}

/// The node dies that only consumes, and later the one that sends.
async fn each_node_dies(engine: Engine) {
    let mut field = Field::on(engine).await;
    let load = Field::produce(&[&field.nodes[0]]);
    go_on(&load, CALM).await;
    field.nodes[1].process.kill();
    go_on(&load, FAULT).await;
    field.nodes[1] = field.app.start_beside().await;
    go_on(&load, CALM).await;
    field.nodes[0].process.kill();
    let calls = load.finish().await;
    field.judge(&calls, 2 * CONCURRENCY).await;
}

/// A node stands still for longer than its lease, and goes on: others have its messages by then.
async fn a_node_stands_still(engine: Engine) {
    let field = Field::on(engine).await;
    let [one, two] = &field.nodes;
    let load = Field::produce(&[two]);
    go_on(&load, CALM).await;
    one.process.pause();
    go_on(&load, LEASE + CALM).await;
    one.process.resume();
    go_on(&load, CALM).await;
    let calls = load.finish().await;
    field.judge(&calls, CONCURRENCY).await;
}

/// What keeps the messages dies, and starts again.
async fn the_engine_dies(engine: Engine) {
    let mut field = Field::on(engine).await;
    let [one, two] = &field.nodes;
    let load = Field::produce(&[one, two]);
    go_on(&load, CALM).await;
    field.engine.kill();
    go_on(&load, FAULT).await;
    field.engine.restart();
    go_on(&load, CALM * 2.0).await;
    let calls = load.finish().await;
    field.judge(&calls, 2 * CONCURRENCY).await;
}

/// Nothing passes between the nodes and what keeps the messages, for a while.
async fn the_engine_is_cut_off(engine: Engine) {
    let field = Field::on(engine).await;
    let [one, two] = &field.nodes;
    let load = Field::produce(&[one, two]);
    go_on(&load, CALM).await;
    field.engine.part();
    go_on(&load, FAULT).await;
    field.engine.heal();
    go_on(&load, CALM * 2.0).await;
    let calls = load.finish().await;
    field.judge(&calls, 2 * CONCURRENCY).await;
}

/// Nothing can be written where the messages are kept, for a while.
async fn the_disk_is_full(engine: Engine) {
    let mut field = Field::on(engine).await;
    let [one, two] = &field.nodes;
    let load = Field::produce(&[one, two]);
    go_on(&load, CALM).await;
    field.fill_disk();
    go_on(&load, FAULT).await;
    field.free_disk();
    go_on(&load, CALM).await;
    let calls = load.finish().await;
    let refused = calls.iter().filter(|call| !is_accepted(call)).count();
    assert!(refused > requests(FAULT) / 2, "{refused} were refused");
    let interrupted = match field.engine {
        Engine::Sqlite => 0,
        Engine::Postgres { .. } | Engine::JetStream { .. } => 2 * CONCURRENCY,
    };
    field.judge(&calls, interrupted).await;
}

/// A test for each engine and fault.
macro_rules! on {
    ($engine:ident, $of:expr, $($fault:ident),+) => {
        mod $engine {
            use super::Engine;
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $fault() {
                    super::$fault($of).await;
                }
            )+
        }
    };
}

on!(
    sqlite,
    Engine::Sqlite,
    a_node_dies,
    each_node_dies,
    a_node_stands_still,
    the_disk_is_full
);
on!(
    jetstream,
    Engine::jetstream(),
    a_node_dies,
    each_node_dies,
    a_node_stands_still,
    the_engine_dies,
    the_engine_is_cut_off
);
on!(
    postgres,
    Engine::postgres(),
    a_node_dies,
    each_node_dies,
    a_node_stands_still,
    the_engine_dies,
    the_engine_is_cut_off,
    the_disk_is_full
);
