//! Health and metrics, as a probe and a scraper see them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use parking_lot::Mutex;

use super::client::{Client, Reply};
use super::echo_server;
use crate::clock;
use crate::observe::Metrics;
use crate::request::ResponseBody;
use crate::server::limits::MAX_ADMIN_CONNECTIONS;
use crate::server::{Admin, AdminConfig, AdminPage, AdminThread, Inheritance, Readiness};

fn start(
    metrics: &Arc<Metrics>,
    readiness: &Readiness,
    pages: Vec<AdminPage>,
) -> (AdminThread, SocketAddr) {
    let config = AdminConfig {
        address: "127.0.0.1:0".parse().unwrap(),
        hosts: vec!["metrics.example".to_owned(), "a".to_owned()],
    };
    let admin = Admin::bind(
        config,
        &mut Inheritance::default(),
        Arc::clone(metrics),
        readiness.clone(),
        pages,
    )
    .unwrap();
    let address = admin.local_addr();
    (admin.start().unwrap(), address)
}

fn admin(metrics: &Arc<Metrics>, readiness: &Readiness) -> (AdminThread, Client) {
    let (thread, address) = start(metrics, readiness, Vec::new());
    (thread, Client::connect(address))
}

fn ask_host(request: &str, host: &str) -> Reply {
    let (_thread, mut client) = admin(&Arc::default(), &Readiness::default());
    client.send(format!("{request}\r\n{host}\r\n")).reply()
}

fn ask(request: &str) -> Reply {
    ask_host(&format!("{request} HTTP/1.1"), "Host: a\r\n")
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

#[test]
fn health_does_not_wait_for_a_page_that_takes_long() {
    let (end, ended) = channel::<()>();
    let ended = Arc::new(Mutex::new(ended));
    // A page that takes as long as the test wants.
    let slow = AdminPage::blocking("/slow", move |_| {
        ended.lock().recv().unwrap();
        Response::new(ResponseBody::Full(Bytes::from("done")))
    });
    let (_thread, address) = start(&Arc::default(), &Readiness::default(), vec![slow]);
    let mut slow = Client::connect(address);
    slow.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(Client::connect(address).get("/livez").status, 200);
    end.send(()).unwrap();
    assert_eq!(slow.reply().content, "done");
}

#[test]
fn readers_that_stall_hide_no_page() {
    let readiness = Readiness::default();
    readiness.set(true);
    let long = AdminPage::blocking("/long", |_| {
        Response::new(ResponseBody::Full(Bytes::from(vec![b'a'; 64 << 20])))
    });
    let (_thread, address) = start(&Arc::default(), &readiness, vec![long]);
    let stalled: Vec<_> = (0..MAX_ADMIN_CONNECTIONS)
        .map(|number| {
            let mut client = Client::connect(address);
            // Some are in the middle of a response that they do not read, the others in the middle of a head.
            client.send(if number == 0 {
                "GET /long HTTP/1.1\r\nHost: a\r\n\r\n"
            } else {
                "GET /metrics HTTP/1.1\r\n"
            });
            client
        })
        .collect();
    let begun = clock::now();
    for path in ["/readyz", "/metrics"] {
        assert_eq!(Client::connect(address).get(path).status, 200, "{path}");
    }
    let taken = clock::now() - begun;
    assert!(taken < Duration::from_secs(4), "{taken:?}");
    drop(stalled);
}

/// A web page whose name resolves to this address (DNS rebinding) asks by that name.
#[test]
fn a_name_that_the_listener_does_not_have_gets_no_page() {
    for (host, status) in [
        ("evil.example", 421),
        ("evil.example:3001", 421),
        ("localhost.evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("localhost:3001", 200),
        ("LOCALHOST", 200),
        ("admin.localhost", 200),
        ("127.0.0.1:3001", 200),
        ("192.0.2.1", 200),
        ("[::1]:3001", 200),
        ("metrics.example", 200),
        ("Metrics.Example:80", 200),
    ] {
        let field = format!("Host: {host}\r\n");
        let reply = ask_host("GET /metrics HTTP/1.1", &field);
        assert_eq!(reply.status, status, "{host}");
    }
    for page in [
        "GET /livez",
        "GET /readyz",
        "POST /cache/purge",
        "GET /nowhere",
    ] {
        let reply = ask_host(&format!("{page} HTTP/1.1"), "Host: evil.example\r\n");
        assert_eq!(reply.status, 421, "{page}");
    }
    assert_eq!(ask_host("GET /livez HTTP/1.0", "").status, 200);
    let two = "Host: localhost\r\nHost: evil.example\r\n";
    assert_eq!(ask_host("GET /livez HTTP/1.1", two).status, 421);
}

#[test]
fn a_path_without_a_page_is_told_the_pages_that_there_are() {
    let further = AdminPage::blocking("/further", |_| Response::default());
    let (_thread, address) = start(&Arc::default(), &Readiness::default(), vec![further]);
    let reply = Client::connect(address).get("/");
    let listed = "here are /livez, /readyz, /metrics, /further\n";
    assert_eq!((reply.status, reply.content.as_str()), (404, listed));
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
