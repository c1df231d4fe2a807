//! Promise: the atomic calls of `wasi:keyvalue` are atomic, for all clients and all nodes, and an increment counts once or is an error.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::Method;
use terrace_tests::load::at_once;
use terrace_tests::redis::Server;
use terrace_tests::wait::until;
use terrace_tests::{App, Running};
use tokio::task::JoinSet;

/// Clients of each node.
const CLIENTS: usize = 8;
/// Increments of each client.
const ROUNDS: usize = 25;

async fn start(server: Option<&Server>) -> Running {
    let app = App::of("capabilities-v2").grant("key_value_stores = [\"default\"]");
    let app = match server {
        Some(server) => app.config(&format!("[kv.default]\nurl = {:?}", server.url())),
        None => app,
    };
    app.start().await
}

async fn value(app: &Running, key: &str) -> String {
    let path = format!("/wasi/kv/default/{key}");
    app.get(&path).await.expect(200).text()
}

#[tokio::test]
async fn atomic_calls_do_the_same_on_each_engine() {
    let server = Server::start();
    for app in [start(None).await, start(Some(&server)).await] {
        let call = async |what: &str, content: &'static str| {
            let path = format!("/wasi/{what}/default/n");
            app.post(&path, content).await
        };
        assert_eq!(call("increment", "5").await.expect(200).text(), "5");
        assert_eq!(call("increment", "-7").await.expect(200).text(), "-2");
        assert_eq!(call("swap", "").await.expect(200).text(), "-1");
        assert_eq!(value(&app, "n").await, "-1");
        call("increment", "9223372036854775807").await.expect(200);
        let beyond = call("increment", "2").await.expect(502);
        assert!(beyond.text().contains("64 bits"), "{}", beyond.text());
        // The fresh handle has what was set in between.
        assert_eq!(call("lose", "between").await.expect(200).text(), "between");
        assert_eq!(value(&app, "n").await, "won");
        let word = call("increment", "1").await.expect(502);
        assert!(word.text().contains("whole number"), "{}", word.text());
        assert_eq!(call("many", "").await.expect(200).text(), "50 1");
        app.post("/wasi/increment/other/n", "1").await.expect(403);
        app.post("/wasi/many/other/n", "1").await.expect(403);
    }
}

/// The host keeps what a guest reads to swap.
#[tokio::test]
async fn the_host_keeps_so_much_to_swap_and_no_more() {
    let app = start(None).await;
    let large = vec![b'x'; 8 << 20];
    let set = app.call(Method::PUT, "/wasi/kv/default/large", large).await;
    set.expect(200);
    let held = app.post("/wasi/hold/default/large", "").await.expect(200);
    let words = held.text();
    assert!(words.starts_with("2 true "), "{words}");
    assert!(words.contains("17 MiB together; drop handles"), "{words}");
    // What one request holds takes no room from another, and small values are many.
    let swapped = app.post("/wasi/swap/default/n", "").await.expect(200);
    assert_eq!(swapped.text(), "1");
    let small = app.post("/wasi/hold/default/n", "").await.expect(200);
    assert_eq!(small.text(), "50 or more");
}

#[tokio::test]
async fn increments_through_two_nodes_all_count() {
    let server = Server::start();
    let (one, two) = tokio::join!(start(Some(&server)), start(Some(&server)));
    for nodes in [[&one, &two], [&start(None).await; 2]] {
        at_once(2 * CLIENTS, async |client| {
            for round in 0..ROUNDS {
                // Swaps meet each other more often than once.
                let what = if round % 5 == 0 { "swap" } else { "increment" };
                let path = format!("/wasi/{what}/default/n");
                nodes[client % 2].post(&path, "1").await.expect(200);
            }
        })
        .await;
        let sum = (2 * CLIENTS * ROUNDS).to_string();
        assert_eq!(value(nodes[0], "n").await, sum);
    }
}

#[tokio::test]
async fn an_increment_whose_outcome_nobody_knows_is_an_error() {
    let mut server = Server::with(&["appendonly yes", "appendfsync always"]);
    let app = Arc::new(start(Some(&server)).await);
    let (counted, failed) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
    let is_over = Arc::<AtomicUsize>::default();
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let (app, is_over) = (Arc::clone(&app), Arc::clone(&is_over));
        let (counted, failed) = (Arc::clone(&counted), Arc::clone(&failed));
        clients.spawn(async move {
            while is_over.load(Ordering::Relaxed) == 0 {
                let answer = app.post("/wasi/increment/default/n", "1").await;
                let outcome = if answer.status == 200 {
                    &counted
                } else {
                    &failed
                };
                outcome.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    for _ in 0..3 {
        let go_on = async |outcome: &AtomicUsize| {
            let begin = outcome.load(Ordering::Relaxed);
            until("the clients go on", async || {
                (outcome.load(Ordering::Relaxed) > begin + 20).then_some(())
            })
            .await;
        };
        go_on(&counted).await;
        server.kill();
        go_on(&failed).await;
        server.restart();
    }
    is_over.store(1, Ordering::Relaxed);
    clients.join_all().await;
    let sum = until("the server is found again", async || {
        let answer = app.get("/wasi/kv/default/n").await;
        (answer.status == 200).then(|| answer.text())
    });
    let sum: usize = sum.await.parse().expect("a number");
    let (counted, failed) = (
        counted.load(Ordering::Relaxed),
        failed.load(Ordering::Relaxed),
    );
    let possible = counted..=counted + failed;
    assert!(possible.contains(&sum), "{sum} is none of {possible:?}");
}
