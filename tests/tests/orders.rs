//! Promise: a workflow of several steps ends, whatever dies and whoever fails in between: all its steps are done, or all are undone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use http::{Method, Request, Response};
use hyper::body::Incoming;
use serde_json::{Value, json};
use terrace_tests::client::{Content, request, whole};
use terrace_tests::load::at_once;
use terrace_tests::postgres::Server;
use terrace_tests::process::workspace;
use terrace_tests::upstream::Upstream;
use terrace_tests::wait::until;
use terrace_tests::{App, Client, Running, guest};

/// The company that charges and ships.
struct Partner {
    upstream: Upstream,
    books: Arc<Mutex<Books>>,
}

/// What it has done, by the ids of orders.
#[derive(Clone, Debug, Default)]
struct Books {
    requests: usize,
    charged: BTreeSet<String>,
    refunded: BTreeSet<String>,
    shipped: BTreeSet<String>,
    traces: Vec<String>,
}

impl Books {
    /// Does what it is asked, if it ever does, and gives the status.
    fn enter(&mut self, what: &str, order: String) -> u16 {
        match what {
            "/charges" if order.ends_with('3') || self.refunded.contains(&order) => return 402,
            "/charges" => self.charged.insert(order),
            "/shipments" if order.ends_with('7') => return 409,
            "/shipments" => self.shipped.insert(order),
            "/refunds" => self.refunded.insert(order),
            _ => return 404,
        };
        200
    }
}

impl Partner {
    /// One whose requests fail in all ways, or none.
    async fn start(is_flaky: bool) -> Self {
        let books = Arc::<Mutex<Books>>::default();
        let kept = Arc::clone(&books);
        let upstream =
            Upstream::answering(move |request| answer(Arc::clone(&kept), is_flaky, request));
        let upstream = upstream.await;
        Self { upstream, books }
    }

    fn books(&self) -> Books {
        self.books
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

async fn answer(
    books: Arc<Mutex<Books>>,
    is_flaky: bool,
    request: Request<Incoming>,
) -> Response<Content> {
    let field = |name: &str| {
        let value = request.headers().get(name);
        let value = value.and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let (order, trace) = (field("idempotency-key"), field("traceparent"));
    let (number, status) = {
        let mut books = books.lock().unwrap_or_else(PoisonError::into_inner);
        books.requests += 1;
        books.traces.push(trace);
        let number = books.requests;
        if is_flaky && number.is_multiple_of(5) {
            (number, 500)
        } else {
            (number, books.enter(request.uri().path(), order))
        }
    };
    let status = match number % 17 {
        // It has done it, and cannot say so.
        4 | 9 if is_flaky => 502,
        13 if is_flaky => std::future::pending().await,
        _ => status,
    };
    let response = Response::builder().status(status);
    response.body(whole("")).expect("it is a response")
}

/// The app of `functions/orders`, with pauses that a test can wait for.
fn orders(partner: &Partner) -> App {
    let url = &partner.upstream.url;
    let table = workspace().join("functions/orders/migrations/0001_orders.sql");
    App::new()
        .component("orders", guest("orders"))
        .route("/orders/...")
        .grant("sqlite_databases = [\"default\"]")
        .grant(&format!("allowed_outbound_hosts = [{url:?}]"))
        .grant(&format!("variables = {{ partner = {url:?} }}"))
        .limit("timeout = \"2s\"")
        .limit("consumes = [{ queue = \"orders\", ordered_by = \"subject\", retries = 100, backoff = \"20ms\", max_backoff = \"200ms\" }]")
        .section("[application.tool.terrace]\noutbox = [\"default\"]\nmigrations = { default = \"migrations\" }")
        .file(
            "migrations/0001_orders.sql",
            std::fs::read(table).expect("the repository has the file"),
        )
}

async fn place(app: &Running, id: &str, fields: &[(&str, &str)]) {
    let order = json!({"id": id, "item": "lamp", "quantity": 2}).to_string();
    let placed = request(Method::POST, &app.url("/orders"), fields, order);
    Client::default().send(placed).await.expect(202);
}

/// How many orders have which status, and what of each item is left.
async fn overview(app: &Running) -> (BTreeMap<String, u64>, Value) {
    let overview = app.get("/orders").await.expect(200).json();
    let orders = serde_json::from_value(overview["orders"].clone());
    (orders.expect("numbers by status"), overview["left"].clone())
}

async fn status(app: &Running, id: &str) -> String {
    app.get(&format!("/orders/{id}")).await.expect(200).text()
}

#[tokio::test]
async fn each_order_is_shipped_or_undone_whatever_is_killed() {
    const ORDERS: usize = 30;
    let partner = Partner::start(true).await;
    let mut app = orders(&partner).start().await;
    at_once(ORDERS, async |number| {
        place(&app, &number.to_string(), &[]).await;
    })
    .await;
    for requests in [10, 40] {
        until("some steps are done", async || {
            (partner.books().requests >= requests).then_some(())
        })
        .await;
        app = app.kill_and_restart().await;
    }
    let ended = |orders: &BTreeMap<String, u64>| {
        let of = |status| orders.get(status).copied().unwrap_or_default();
        (of("shipped"), of("cancelled"))
    };
    let left = until("all orders have ended", async || {
        let (orders, left) = overview(&app).await;
        let (shipped, cancelled) = ended(&orders);
        (shipped + cancelled == ORDERS as u64).then_some(left)
    })
    .await;
    let books = partner.books();
    let mut shipped = 0;
    for order in (0..ORDERS).map(|number| number.to_string()) {
        let done = [&books.charged, &books.refunded, &books.shipped];
        let [charged, refunded, sent] = done.map(|of| of.contains(&order));
        match &*status(&app, &order).await {
            "shipped" => {
                assert!(charged && sent && !refunded, "{order}: {books:?}");
                assert!(!order.ends_with(['3', '7']), "{order}");
                shipped += 1;
            }
            "cancelled" => assert!(refunded && !sent, "{order}: {books:?}"),
            other => panic!("{order} is {other}"),
        }
    }
    assert_eq!(shipped, 24, "all but those that the partner refuses");
    assert_eq!(
        left["lamp"],
        1000 - 2 * shipped,
        "what was reserved for others is released"
    );
}

/// The steps of an order that cannot be shipped.
const STEPS: [&str; 5] = [
    "POST /orders",
    "reserve",
    "charge",
    "ship (refused)",
    "undo",
];

/// Lines of the access log as a picture: when each step began, for how long it lasted, and how it ended. docs/workflows.md has one.
fn picture(lines: &[Value]) -> String {
    const WIDTH: f64 = 48.0;
    let spans = lines.iter().map(|line| {
        let time = line["ts"]
            .as_str()
            .and_then(|text| text.trim_end_matches('Z').rsplit_once(':'));
        let seconds = time.and_then(|(_, seconds)| seconds.parse::<f64>().ok());
        let ended = seconds.expect("a line has its time") * 1_000.0;
        let lasted = line["duration_us"].as_f64().expect("a line has a duration") / 1_000.0;
        (ended - lasted, ended)
    });
    let spans: Vec<_> = spans.collect();
    let (first, _) = spans[0];
    let (_, last) = spans[spans.len() - 1];
    let column = |time: f64| ((time - first) / (last - first) * WIDTH) as usize;
    let mut picture = String::new();
    for ((name, line), (begun, ended)) in STEPS.iter().zip(lines).zip(&spans) {
        let bar = "█".repeat((column(*ended) - column(*begun)).max(1));
        let gap = " ".repeat(column(*begun));
        let (at, status) = (begun - first, &line["status"]);
        picture += &format!(
            "{name:16}{at:6.1} ms  {gap}{bar} {:.1} ms, {status}\n",
            ended - begun
        );
    }
    picture
}

#[tokio::test]
async fn the_steps_of_an_order_are_one_trace() {
    let partner = Partner::start(false).await;
    let app = orders(&partner).start().await;
    let id = "0af7651916cd43dd8448eb211c80319c";
    let trace = format!("00-{id}-b7ad6b7169203331-01");
    place(&app, "7", &[("traceparent", &trace)]).await;
    let lines = until("the order is undone", async || {
        let log = app.process.log.text();
        let lines = log
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let lines = lines.filter(|line| line["event"] == "request" && line["trace_id"] == id);
        let lines: Vec<Value> = lines.collect();
        (lines.len() == 5).then_some(lines)
    })
    .await;
    println!("{}", picture(&lines));
    assert_eq!(status(&app, "7").await, "cancelled");
    let routes: Vec<_> = lines
        .iter()
        .map(|line| line["route"].as_str().unwrap())
        .collect();
    assert_eq!(routes[0], "/orders/...");
    assert_eq!(
        routes[1..],
        ["queue:orders"; 4],
        "reserve, charge, ship, undo"
    );
    let traces = partner.books().traces;
    assert_eq!(traces.len(), 3);
    assert!(traces.iter().all(|of| of.contains(id)), "{traces:?}");
}

#[tokio::test]
async fn orders_end_on_postgres_too() {
    let server = Server::start();
    let url = server.url();
    let partner = Partner::start(true).await;
    let app = orders(&partner).config(&format!("[sql.default]\nurl = {url:?}"));
    let app = app.start().await;
    for id in ["1", "3", "7"] {
        place(&app, id, &[]).await;
    }
    let expected = [("cancelled".to_owned(), 2), ("shipped".to_owned(), 1)].into();
    let left = until("all orders have ended", async || {
        let (orders, left) = overview(&app).await;
        (orders == expected).then_some(left)
    })
    .await;
    assert_eq!(left, json!({"lamp": 998, "mirror": 1}));
}
