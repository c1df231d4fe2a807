//! Health and metrics, as a probe and a scraper see them.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use bytes::Bytes;
use http::{Request, Response};
use parking_lot::Mutex;

use super::client::{Client, Reply};
use super::echo_server;
use crate::observe::Metrics;
use crate::server::{Admin, AdminPages, AdminThread, Readiness};

fn admin(metrics: &Arc<Metrics>, readiness: &Readiness) -> (AdminThread, Client) {
    let address = "127.0.0.1:0".parse().unwrap();
    let admin = Admin::bind(address, Arc::clone(metrics), readiness.clone(), None).unwrap();
    let address = admin.local_addr();
    (admin.start().unwrap(), Client::connect(address))
}

fn ask(request: &str) -> Reply {
    let (_thread, mut client) = admin(&Arc::default(), &Readiness::default());
    client
        .send(format!("{request} HTTP/1.1\r\nHost: a\r\n\r\n"))
        .reply()
}

#[test]
fn a_process_is_alive_before_it_is_ready() {
    let readiness = Readiness::default();
    let (_thread, mut client) = admin(&Arc::default(), &readiness);
    assert_eq!(
        (client.get("/livez").status, client.get("/readyz").status),
        (200, 503)
    );
    readiness.set(true);
    assert_eq!(
        (client.get("/livez").status, client.get("/readyz").status),
        (200, 200)
    );
}

#[test]
fn a_draining_server_is_alive_and_not_ready() {
    let mut server = echo_server();
    assert_eq!(server.connect().get("/").status, 200);
    let (_thread, mut client) = admin(&server.metrics, &server.readiness);
    assert_eq!(client.get("/readyz").status, 200);
    server.signal();
    server.join().unwrap();
    assert_eq!(
        (client.get("/livez").status, client.get("/readyz").status),
        (200, 503)
    );
}

#[test]
fn metrics_are_text_that_a_scraper_reads() {
    let server = echo_server();
    assert_eq!(server.connect().get("/").status, 200);
    server.await_metric("terrace_connections 0");
    let (_thread, mut client) = admin(&server.metrics, &server.readiness);
    let reply = client.get("/metrics");
    assert!(
        reply
            .head
            .contains("content-type: application/openmetrics-text; version=1.0.0"),
        "{}",
        reply.head
    );
    for line in [
        "terrace_requests_total{component=\"\",route=\"\",method=\"safe\",status=\"2xx\"} 1\n",
        "terrace_request_duration_seconds_bucket{le=\"+Inf\",component=\"\"} 1\n",
        "terrace_request_duration_seconds_count{component=\"\"} 1\n",
    ] {
        assert!(reply.content.contains(line), "{line} in {}", reply.content);
    }
    assert!(reply.content.ends_with("# EOF\n"));
}

/// A page that takes as long as a test wants.
struct SlowPage(Mutex<Receiver<()>>);

impl AdminPages for SlowPage {
    fn answer(&self, _: &Request<Bytes>) -> Option<Response<Bytes>> {
        let ended = self.0.lock().recv();
        ended.ok().map(|()| Response::new(Bytes::from("done")))
    }
}

#[test]
fn health_does_not_wait_for_a_page_that_takes_long() {
    let (end, ended) = channel();
    let address = "127.0.0.1:0".parse().unwrap();
    let page: Arc<dyn AdminPages> = Arc::new(SlowPage(Mutex::new(ended)));
    let metrics = Arc::default();
    let admin = Admin::bind(address, metrics, Readiness::default(), Some(page)).unwrap();
    let address = admin.local_addr();
    let _thread = admin.start().unwrap();
    let mut slow = Client::connect(address);
    slow.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(Client::connect(address).get("/livez").status, 200);
    end.send(()).unwrap();
    assert_eq!(slow.reply().content, "done");
}

#[test]
fn other_paths_and_methods_are_refused() {
    for (request, status) in [
        ("GET /", 404),
        ("POST /nowhere", 404),
        ("POST /metrics", 405),
        ("DELETE /livez", 405),
        ("GET /livez?x", 200),
    ] {
        assert_eq!(ask(request).status, status, "{request}");
    }
}

#[test]
fn the_public_listener_has_no_admin_pages() {
    let reply = echo_server().connect().get("/metrics");
    assert!(
        reply.content.contains("GET /metrics"),
        "the inner service answers: {}",
        reply.content
    );
}
