//! Promise: under constant load over TLS, the renewal of a certificate fails no request. New connections get the new one, and those that
//! exist live on.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{Method, Request};
use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value, json};
use terrace_tests::authority::Authority;
use terrace_tests::client::{Client, Content, request};
use terrace_tests::load::OpenLoop;
use terrace_tests::pebble::{Pebble, free_port};
use terrace_tests::secure::{Secure, ask, http2};
use terrace_tests::upstream::Upstream;
use terrace_tests::wait::until;
use terrace_tests::{App, Running, guest};

const NAME: &str = "one.test";

/// Requests per second. Half of them are on new connections.
const RATE: u32 = 40;

const FILES: &str =
    "[listen]\nhttps = \"127.0.0.1:0\"\n[tls]\ncertificate = \"a.pem\"\nkey = \"a.key\"\n";

fn get(url: &str, index: usize) -> Request<Content> {
    let close = [("connection", "close")];
    let fields = if index.is_multiple_of(2) {
        &close[..]
    } else {
        &[]
    };
    request(Method::GET, url, fields, Bytes::new())
}

/// The certificate that a new client gets.
async fn served(server: &Running, secure: &Secure) -> Vec<u8> {
    let secure = secure.without_resumption();
    let stream = secure.connect(server.https(), NAME).await;
    let stream = stream.expect("a handshake never fails");
    let chain = stream.get_ref().1.peer_certificates();
    chain.expect("there is a certificate")[0].to_vec()
}

/// Has clients call while `renew` has the certificate renewed, and a connection live through it.
async fn under_load(server: &Running, secure: &Secure, renew: impl AsyncFn()) {
    let url = format!("{}/", server.https());
    let client = Client::secure(secure, NAME);
    let target = url.clone();
    let load = OpenLoop::of(client, RATE, move |index| get(&target, index));
    let stream = secure.connect(server.https(), NAME).await;
    let mut living = http2(stream.expect("a handshake never fails")).await;
    let ask_it = async |living: &mut _| {
        let url = format!("https://{NAME}/");
        let asked = request(Method::GET, &url, &[], Bytes::new());
        assert_eq!(ask(living, asked).await.status, 200);
    };
    ask_it(&mut living).await;
    renew().await;
    load.go_on_for(20).await;
    ask_it(&mut living).await;
    let calls = load.finish().await;
    assert!(calls.len() >= 20);
    for call in &calls {
        assert!(call.is_fine(), "{call:?}");
    }
}

async fn until_other(server: &Running, secure: &Secure, old: &[u8]) {
    until("the new certificate", async || {
        (served(server, secure).await != old).then_some(())
    })
    .await;
}

#[tokio::test]
async fn certificate_files_are_replaced_under_load_and_no_request_fails() {
    let authority = Authority::new();
    let origin = Upstream::start().await;
    let edge = App::edge(&origin.url).config(FILES);
    let app = App::new().component("hello", guest("hello"));
    let app = app.route("/...").config(FILES);
    for server in [edge, app] {
        authority.sign(&[NAME], "2").write(server.folder(), "a");
        let server = server.start().await;
        let secure = Secure::new(&authority, &["h2"]);
        under_load(&server, &secure, async || {
            for days in ["30", "60"] {
                let old = served(&server, &secure).await;
                let folder = server.app().folder();
                authority.sign(&[NAME], days).write(folder, "a");
                until_other(&server, &secure, &old).await;
            }
        })
        .await;
    }
}

/// A certificate of which so many seconds of three hundred are over, and its key, in PEM.
fn old_certificate(over: u64) -> (String, String) {
    let mut params = CertificateParams::new([NAME.to_owned()]).expect("it is a name");
    let now = SystemTime::now();
    params.not_before = (now - Duration::from_secs(over)).into();
    params.not_after = (now + Duration::from_secs(300 - over)).into();
    let key = KeyPair::generate().expect("there are random numbers");
    let certificate = params.self_signed(&key).expect("it is a whole certificate");
    (certificate.pem(), key.serialize_pem())
}

#[tokio::test]
async fn an_ordered_certificate_is_renewed_under_load_and_no_request_fails() {
    let origin = Upstream::start().await;
    renewed_under_load(App::edge(&origin.url)).await;
}

#[tokio::test]
async fn a_node_renews_an_ordered_certificate_under_load_and_no_request_fails() {
    let app = App::new().component("hello", guest("hello"));
    renewed_under_load(app.route("/...")).await;
}

/// Orders a certificate, makes it an old one, and puts load on the server while it orders another.
async fn renewed_under_load(server: App) {
    let port = free_port();
    let pebble = Pebble::start(port).await;
    let server = server.config(&pebble.settings(port, &[NAME]));
    let server = server.start().await;
    let secure = pebble.client(&["h2"]).await;
    until("the first certificate", async || {
        secure.connect(server.https(), NAME).await.ok()
    })
    .await;

    // The same server, a long time later.
    server.process.kill();
    let folder = std::fs::read_dir(server.app().state().join("acme")).expect("it is there");
    let mut files = folder.map(|file| file.expect("it is there").path());
    let is_record = |file: &std::path::PathBuf| {
        let ending = format!(":{NAME}.json");
        file.to_string_lossy().ends_with(&ending)
    };
    let file = files.find(is_record).expect("it is there");
    let (certificate, key) = old_certificate(225);
    let text = std::fs::read_to_string(&file).expect("it is there");
    let mut record: Value = serde_json::from_str(&text).expect("it is there");
    assert_eq!(record["attempts"], 0, "it was kept before it was used");
    record["certificate"] = json!(certificate);
    record["key"] = json!(key);
    std::fs::write(&file, record.to_string()).expect("it is there");
    let server = server.come_back().await;
    let both = format!("{certificate}{}", pebble.issuer().await);
    let secure = Secure::trusting(both.as_bytes(), &["h2"]);
    let old = rustls::pki_types::pem::PemObject::from_pem_slice(certificate.as_bytes());
    let old: rustls::pki_types::CertificateDer<'_> = old.expect("it is there");
    until("the certificate of before", async || {
        secure.connect(server.https(), NAME).await.ok()
    })
    .await;
    under_load(&server, &secure, async || {
        until_other(&server, &secure, &old).await;
    })
    .await;
    assert_eq!(pebble.orders(), 2);
}

#[tokio::test]
async fn a_certificate_that_nears_its_end_is_a_warning_and_a_metric() {
    let origin = Upstream::start().await;
    let edge = App::edge(&origin.url).config(FILES);
    let (certificate, key) = old_certificate(260);
    let edge = edge.file("a.pem", certificate).file("a.key", key);
    let edge = edge.start().await;
    let said = |line: &str| {
        let is_said = line.contains("the certificate for one.test expires in 0 hours");
        is_said.then_some(())
    };
    edge.process.log.find("a warning", said).await;
    let near_end = "terrace_certificates_near_end";
    edge.until_metric(near_end, &[], |count| count == 1.0).await;
    let page = edge.admin("/certificates").await.json();
    assert_eq!(page[0]["state"], "near_end");
    assert_eq!(page[0]["source"], "files");
}
