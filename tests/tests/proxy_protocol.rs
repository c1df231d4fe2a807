//! Promise: behind a load balancer that speaks the PROXY protocol, each client has its own address, and nobody else gives it one.

use std::path::Path;

use bytes::Bytes;
use http::Method;
use terrace_tests::authority::Authority;
use terrace_tests::client::request;
use terrace_tests::pebble::free_port;
use terrace_tests::process::{Process, installed};
use terrace_tests::raw::Connection;
use terrace_tests::secure::{self, Secure, ask, http2};
use terrace_tests::upstream::Upstream;
use terrace_tests::wait::until;
use terrace_tests::{App, Running};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const TRUSTING: &str =
    "[listen]\nproxy_protocol = true\ntrusted_proxies = [\"127.0.0.1\", \"192.0.2.0/24\"]\n";
const REQUEST: &str = "GET / HTTP/1.1\r\nhost: a.example\r\nx-forwarded-for: 203.0.113.9\r\n\
     connection: close\r\n\r\n";

/// An edge that expects the header, in front of an origin that sees what it makes of it.
async fn edge(further: &str) -> (Upstream, Running) {
    let origin = Upstream::start().await;
    let edge = App::edge(&origin.url).config(&format!("{TRUSTING}{further}"));
    (origin, edge.start().await)
}

/// The answer to a request after these bytes.
async fn after(edge: &Running, header: &[u8]) -> String {
    let mut stream = secure::connect(&edge.http).await;
    let _ = stream.write_all(header).await;
    let _ = stream.write_all(REQUEST.as_bytes()).await;
    let mut answer = Vec::new();
    // A connection that is refused may be reset.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// A header of version 2 from 198.51.100.7.
fn second(command: u8) -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
    header.extend([0x20 | command, 0x11, 0, 12]);
    header.extend([198, 51, 100, 7, 127, 0, 0, 1, 0xc0, 1, 0, 80]);
    header
}

#[tokio::test]
async fn a_header_of_the_proxy_protocol_gives_the_clients_address() {
    let (origin, edge) = edge("").await;
    let first = b"PROXY TCP4 198.51.100.7 127.0.0.1 49153 80\r\n";
    // The client of a proxy that is trusted itself, as a CDN is in front of the load balancer.
    let trusted = b"PROXY TCP4 192.0.2.7 127.0.0.1 49153 80\r\n";
    for (header, expected) in [
        (&first[..], "198.51.100.7"),
        (&second(1), "198.51.100.7"),
        (trusted, "203.0.113.9"),
        // The load balancer's own connection, and one of a client whom it does not know.
        (&second(0), "127.0.0.1"),
        (b"PROXY UNKNOWN\r\n", "127.0.0.1"),
    ] {
        let answer = after(&edge, header).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        let seen = origin.seen();
        let last = &seen.last().unwrap().headers;
        assert_eq!(last["x-forwarded-for"], expected);
    }
}

#[tokio::test]
async fn clients_behind_the_proxy_protocol_have_limits_of_their_own() {
    let (_origin, edge) = edge("[limits]\nrate = \"1/h\"").await;
    let from = |host: u8| format!("PROXY TCP4 198.51.100.{host} 127.0.0.1 49153 80\r\n");
    for (host, expected) in [(1, "200"), (1, "429"), (2, "200"), (2, "429")] {
        let answer = after(&edge, from(host).as_bytes()).await;
        let status = answer.split(' ').nth(1);
        assert_eq!(status, Some(expected), "{host}: {answer}");
    }
}

#[tokio::test]
async fn a_connection_without_the_header_is_refused_and_the_log_says_so_once() {
    let (origin, edge) = edge("[limits]\nheader_timeout = \"1s\"\n").await;
    let silent = Connection::open(&edge.http).await;
    for _ in 0..20 {
        assert_eq!(after(&edge, b"").await, "");
        assert_eq!(after(&edge, b"PROXY TCP4 nonsense\r\n").await, "");
    }
    assert!(origin.seen().is_empty());
    let refused = |count: f64| count >= 40.0;
    let name = "terrace_proxy_headers_refused_total";
    edge.until_metric(name, &[], refused).await;
    let said = |line: &str| line.contains("does not begin with a header").then_some(());
    edge.process.log.find("the reason", said).await;
    assert_eq!(silent.read_to_end().await, "", "it has waited long enough");
    let answer = after(&edge, &second(1)).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    edge.process.terminate();
    let ended = edge.process.wait().await;
    let lines = ended.text.matches("a connection is refused").count();
    // One for each worker, and for each ten seconds that the test may take.
    assert!((1..20).contains(&lines), "{lines} lines");
}

#[tokio::test]
async fn a_stranger_gives_nobody_an_address() {
    let origin = Upstream::start().await;
    let strict = "[listen]\nproxy_protocol = true\ntrusted_proxies = [\"192.0.2.1\"]";
    let edge = App::edge(&origin.url).config(strict).start().await;
    assert_eq!(after(&edge, &second(1)).await, "");
    let said = |line: &str| line.contains("none of `trusted_proxies`").then_some(());
    edge.process.log.find("the reason", said).await;
    assert!(origin.seen().is_empty());
    let careless = App::edge(&origin.url).config("[listen]\nproxy_protocol = true");
    let ended = careless.refuse().await;
    assert!(ended.text.contains("nobody can connect"), "{}", ended.text);
}

/// The header comes before the handshake.
#[tokio::test]
async fn clients_of_https_keep_their_address_too() {
    let origin = Upstream::start().await;
    let https =
        "https = \"127.0.0.1:0\"\n[tls]\ncertificate = \"a.pem\"\nkey = \"a.key\"".to_owned();
    let edge = App::edge(&origin.url).config(&format!("{TRUSTING}{https}"));
    let authority = Authority::new();
    authority
        .sign(&["a.example"], "2")
        .write(edge.folder(), "a");
    let edge = edge.start().await;
    let secure = Secure::new(&authority, &["h2"]);
    let mut stream = secure::connect(edge.https()).await;
    stream.write_all(&second(1)).await.unwrap();
    let stream = secure.shake_hands(stream, "a.example").await.unwrap();
    let get = request(Method::GET, "https://a.example/", &[], Bytes::new());
    let answer = ask(&mut http2(stream).await, get).await;
    assert_eq!(answer.status, 200);
    let seen = origin.seen();
    assert_eq!(seen[0].headers["x-forwarded-for"], "198.51.100.7");
    let without = secure.connect(edge.https(), "a.example").await;
    assert!(without.is_err(), "no header");
}

/// A real load balancer.
#[tokio::test]
async fn haproxy_passes_the_clients_address_on() {
    // Debian's folder is in the `PATH` of root only.
    let debian = Path::new("/usr/sbin/haproxy");
    let debian = debian.is_file().then(|| debian.to_owned());
    let program = debian.or_else(|| installed("", "haproxy"));
    let program = program.expect("the tests need haproxy");
    let (origin, edge) = edge("").await;
    let address = edge.http.trim_start_matches("http://");
    for how in ["send-proxy", "send-proxy-v2"] {
        let port = free_port();
        let config = format!(
            "defaults\n mode tcp\n timeout connect 5s\n timeout client 30s\n timeout server 30s\n\
             listen public\n bind 127.0.0.1:{port}\n source 127.0.0.1\n server edge {address} {how}\n"
        );
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("haproxy.cfg"), config).unwrap();
        let arguments = ["-db", "-f", "haproxy.cfg"];
        let _haproxy = Process::start_group(&program, folder.path(), &arguments, &[]);
        until("HAProxy", async || {
            let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port))
                .await
                .ok()?;
            stream.write_all(REQUEST.as_bytes()).await.ok()?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.ok()?;
            answer.starts_with("HTTP/1.1 200").then_some(())
        })
        .await;
        // The client is at an address that is trusted, so its own field shows that the header was read.
        let seen = origin.seen();
        let last = &seen.last().unwrap().headers;
        assert_eq!(last["x-forwarded-for"], "203.0.113.9");
    }
}
