//! Promise: clients with TLS get the certificate of the name that they ask for, HTTP/2 or HTTP/1.1 as they like, and notice
//! nothing of a renewal.

use bytes::Bytes;
use http::{Method, Request, Version};
use terrace_tests::authority::{Authority, Certificate};
use terrace_tests::client::{Content, request, whole};
use terrace_tests::contract::exit;
use terrace_tests::raw::Connection;
use terrace_tests::secure::{self, Secure, ask, http1, http2};
use terrace_tests::upstream::Upstream;
use terrace_tests::wait::until;
use terrace_tests::{App, Running, guest};
use tokio::io::AsyncReadExt;

const HTTPS: &str =
    "[listen]\nhttps = \"127.0.0.1:0\"\n[tls]\ncertificate = \"a.pem\"\nkey = \"a.key\"";

/// An app with a certificate.
fn app(certificate: &Certificate) -> App {
    let app = App::new()
        .component("hello", guest("hello"))
        .route("/...")
        .config(HTTPS);
    certificate.write(app.folder(), "a");
    app
}

fn get(path: &str) -> Request<Content> {
    request(
        Method::GET,
        &format!("https://a.example{path}"),
        &[],
        Bytes::new(),
    )
}

#[tokio::test]
async fn https_speaks_http_2_and_http_1_1() {
    let authority = Authority::new();
    let app = app(&authority.sign(&["a.example"], "2")).start().await;
    for (protocols, expected) in [
        (&["h2", "http/1.1"] as &[&str], Some("h2")),
        (&["http/1.1"], Some("http/1.1")),
        (&[], None),
    ] {
        let secure = Secure::new(&authority, protocols);
        let stream = secure.connect(app.https(), "a.example").await.unwrap();
        let chosen = stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
        assert_eq!(chosen.as_deref(), expected.map(str::as_bytes));
        let (version, answer) = if expected == Some("h2") {
            let response = http2(stream).await.send_request(get("/")).await.unwrap();
            (response.version(), secure::whole(response).await)
        } else {
            let own = request(Method::GET, "/", &[("host", "a.example")], Bytes::new());
            let response = http1(stream).await.send_request(own).await.unwrap();
            (response.version(), secure::whole(response).await)
        };
        let is_http2 = version == Version::HTTP_2;
        assert_eq!(is_http2, expected == Some("h2"));
        assert_eq!(
            (answer.status, answer.text().as_str()),
            (200, "Hello from Terrace\n")
        );
    }
    assert_eq!(app.get("/").await.status, 200, "without TLS as before");
}

#[tokio::test]
async fn an_origin_is_told_that_its_client_uses_https() {
    let authority = Authority::new();
    let origin = Upstream::start().await;
    let edge = App::edge(&origin.url).config(HTTPS);
    authority
        .sign(&["a.example"], "2")
        .write(edge.folder(), "a");
    let edge = edge.start().await;
    let secure = Secure::new(&authority, &["h2"]);
    let stream = secure.connect(edge.https(), "a.example").await.unwrap();
    let answer = ask(&mut http2(stream).await, get("/path")).await;
    assert_eq!(
        (answer.status, answer.text().as_str()),
        (200, "upstream /path")
    );
    let seen = origin.seen();
    let head = &seen[0];
    for (name, expected) in [
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "a.example"),
        ("host", "a.example"),
        ("via", "2.0 terrace"),
    ] {
        assert_eq!(head.headers[name], expected, "{name}");
    }
}

#[tokio::test]
async fn a_renewed_certificate_is_served_and_no_request_fails() {
    let authority = Authority::new();
    let app = app(&authority.sign(&["a.example"], "2")).start().await;
    let secure = Secure::new(&authority, &["h2"]);
    let served = async || {
        // A client that resumed a session would see the certificate of the first handshake.
        let secure = Secure::new(&authority, &["h2"]);
        let stream = secure.connect(app.https(), "a.example").await.unwrap();
        let chain = stream.get_ref().1.peer_certificates().unwrap();
        let first = chain[0].to_vec();
        let answer = ask(&mut http2(stream).await, get("/")).await;
        assert_eq!(answer.status, 200);
        first
    };
    let old_stream = secure.connect(app.https(), "a.example").await.unwrap();
    let mut old_connection = http2(old_stream).await;
    assert_eq!(ask(&mut old_connection, get("/")).await.status, 200);
    let old = served().await;

    // For another name: it is refused, and the log says so.
    let other = authority.sign(&["other.example"], "2");
    other.write(app.app().folder(), "a");
    let folder = app.app().folder().to_owned();
    let said = |line: &str| {
        line.contains("is for other names (other.example)")
            .then_some(())
    };
    app.process.log.find("the refusal", said).await;
    assert_eq!(served().await, old);

    authority.sign(&["a.example"], "30").write(&folder, "a");
    until("the new certificate", async || {
        (served().await != old).then_some(())
    })
    .await;
    assert_eq!(ask(&mut old_connection, get("/")).await.status, 200);
}

#[tokio::test]
async fn a_client_without_tls_is_told_to_use_it() {
    let authority = Authority::new();
    let app = app(&authority.sign(&["a.example"], "2")).start().await;
    let mut connection = Connection::open(app.https()).await;
    connection
        .send("GET / HTTP/1.1\r\nhost: a.example\r\n\r\n")
        .await;
    let said = connection.read_to_end().await;
    assert!(said.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{said}");
    assert!(said.contains("this port speaks https"), "{said}");
}

#[tokio::test]
async fn a_client_that_does_not_shake_hands_is_cut_off_alone() {
    let authority = Authority::new();
    let app = app(&authority.sign(&["a.example"], "2"))
        .config("[limits]\nheader_timeout = \"1s\"")
        .start()
        .await;
    let mut silent = secure::connect(app.https()).await;
    let secure = Secure::new(&authority, &["h2"]);
    let stream = secure.connect(app.https(), "a.example").await.unwrap();
    let answer = ask(&mut http2(stream).await, get("/")).await;
    assert_eq!(answer.status, 200);
    let read = terrace_tests::wait::within("the end", silent.read(&mut [0])).await;
    assert_eq!(read.unwrap_or(0), 0);
    let other = Secure::new(&Authority::new(), &["h2"]);
    let refused = other.connect(app.https(), "a.example").await;
    assert!(refused.is_err(), "the client does not trust the authority");
    app.until_metric("terrace_handshakes_failed_total", &[], |failed| {
        failed >= 1.0
    })
    .await;
}

#[tokio::test]
async fn both_listeners_share_the_limit_of_connections() {
    let authority = Authority::new();
    let app = app(&authority.sign(&["a.example"], "2"))
        .config("[limits]\nconnections = 1")
        .start()
        .await;
    let secure = Secure::new(&authority, &["h2"]);
    let stream = secure.connect(app.https(), "a.example").await.unwrap();
    let mut first = http2(stream).await;
    assert_eq!(ask(&mut first, get("/")).await.status, 200);
    let second = secure.connect(app.https(), "a.example").await;
    assert!(second.is_err(), "it closes without a word");
    // It may be refused before it sends its request, which an HTTP client takes for a mistake of the server.
    let mut third = Connection::open(&app.http).await;
    third.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let said = third.read_to_end().await;
    assert!(said.starts_with("HTTP/1.1 503"), "{said}");
    assert_eq!(ask(&mut first, get("/")).await.status, 200);
    drop(first);
    until("a place for another one", async || {
        let stream = secure.connect(app.https(), "a.example").await.ok()?;
        Some(ask(&mut http2(stream).await, get("/")).await)
    })
    .await;
}

#[tokio::test]
async fn a_session_is_resumed_by_another_worker() {
    let authority = Authority::new();
    let app = app(&authority.sign(&["a.example"], "2")).start().await;
    let secure = Secure::new(&authority, &["h2"]);
    let mut resumed = 0;
    for _ in 0..4 {
        let stream = secure.connect(app.https(), "a.example").await.unwrap();
        let kind = stream.get_ref().1.handshake_kind();
        resumed += usize::from(kind == Some(rustls::HandshakeKind::Resumed));
        // The tickets come with the first response.
        let answer = ask(&mut http2(stream).await, get("/")).await;
        assert_eq!(answer.status, 200);
    }
    assert_eq!(resumed, 3);
}

/// Everything that is wrong with the files is said at once.
#[tokio::test]
async fn certificates_that_cannot_be_used_are_refused_before_anything_starts() {
    let authority = Authority::new();
    let app = App::new()
        .component("hello", guest("hello"))
        .route("/...")
        .config(
            "[listen]\nhttps = \"127.0.0.1:0\"\n[tls]\ncertificate = \"expired.pem\"\nkey = \"expired.key\"\n\
             [[tls.more]]\ncertificate = \"absent.pem\"\nkey = \"good.key\"\n\
             [[tls.more]]\ncertificate = \"good.pem\"\nkey = \"expired.key\"",
        );
    let sign = |days, name| {
        authority
            .sign(&["a.example"], days)
            .write(app.folder(), name);
    };
    sign("-1", "expired");
    sign("2", "good");
    let ended = app.refuse().await;
    for expected in [
        "expired.pem has expired 1 day ago",
        "absent.pem cannot be read",
        "expired.key does not fit the certificate in",
    ] {
        assert!(ended.text.contains(expected), "{}", ended.text);
    }
    assert_eq!(ended.code, Some(exit::USAGE));
    for (config, expected) in [
        (
            "[listen]\nhttps = \"127.0.0.1:0\"",
            "`https` needs a certificate",
        ),
        (
            "[tls]\ncertificate = \"good.pem\"\nkey = \"good.key\"",
            "[tls] is of no use without a listener",
        ),
    ] {
        let app = App::new()
            .component("hello", guest("hello"))
            .route("/...")
            .config(config);
        authority
            .sign(&["a.example"], "2")
            .write(app.folder(), "good");
        let ended = app.refuse().await;
        assert!(ended.text.contains(expected), "{}", ended.text);
    }
}

/// A running server with a drain under way answers what it has accepted.
#[tokio::test]
async fn requests_under_way_over_http_2_are_answered_at_the_end() {
    let authority = Authority::new();
    let (begun, mut begins) = tokio::sync::mpsc::channel::<()>(1);
    let gate = std::sync::Arc::new(tokio::sync::Notify::new());
    let open = std::sync::Arc::clone(&gate);
    let origin = Upstream::answering(move |_| {
        let (begun, gate) = (begun.clone(), std::sync::Arc::clone(&gate));
        async move {
            let _ = begun.send(()).await;
            gate.notified().await;
            http::Response::new(whole("late"))
        }
    });
    let origin = origin.await;
    let edge = App::edge(&origin.url).config(HTTPS);
    authority
        .sign(&["a.example"], "2")
        .write(edge.folder(), "a");
    let edge: Running = edge.start().await;
    let secure = Secure::new(&authority, &["h2"]);
    let stream = secure.connect(edge.https(), "a.example").await.unwrap();
    let mut sender = http2(stream).await;
    let response = sender.send_request(get("/"));
    let answered = tokio::spawn(async move { secure::whole(response.await.unwrap()).await });
    begins.recv().await.unwrap();
    edge.process.terminate();
    edge.until_unready().await;
    open.notify_one();
    let answer = answered.await.unwrap();
    assert_eq!((answer.status, answer.text().as_str()), (200, "late"));
    let ended = edge.process.wait().await;
    assert_eq!(ended.code, Some(exit::FINE), "{}", ended.text);
}
