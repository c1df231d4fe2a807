//! Pebble, a server for tests that issues certificates by ACME (RFC 8555), with a resolver that has all names lead to this machine.

use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;

use bytes::Bytes;
use http::Method;
use tempfile::TempDir;

use crate::authority::Authority;
use crate::client::request;
use crate::process::{Process, installed};
use crate::secure::{Secure, http1, whole};
use crate::wait::until;

/// A running server, which ends with the value.
#[derive(Debug)]
pub struct Pebble {
    authority: Authority,
    process: Process,
    _resolver: Process,
    _folder: TempDir,
    port: u16,
    management: u16,
}

impl Pebble {
    /// Starts a server that checks names at this port of this machine.
    ///
    /// # Panics
    /// When there is no Pebble on this machine.
    pub async fn start(checked: u16) -> Self {
        Self::start_refusing(checked, 0).await
    }

    /// The same, but it refuses so many percent of the requests with `badNonce`: a client has to try again (RFC 8555 §6.5).
    ///
    /// # Panics
    /// When there is no Pebble on this machine.
    pub async fn start_refusing(checked: u16, percent: u8) -> Self {
        let (authority, folder) = (Authority::new(), tempfile::tempdir().expect("a folder"));
        let certificate = authority.sign(&["localhost"], "2");
        certificate.write(folder.path(), "pebble");
        let [port, management, resolver, control, unused] = [(); 5].map(|()| free_port());
        let config = format!(
            r#"{{"pebble": {{"listenAddress": "127.0.0.1:{port}", "managementListenAddress": "127.0.0.1:{management}",
                "certificate": "pebble.pem", "privateKey": "pebble.key", "httpPort": {unused}, "tlsPort": {checked}}}}}"#
        );
        std::fs::write(folder.path().join("pebble.json"), config).expect("there is room");
        let resolver = format!("127.0.0.1:{resolver}");
        let names = [
            "-defaultIPv6",
            "",
            "-http01",
            "",
            "-https01",
            "",
            "-tlsalpn01",
            "",
            "-management",
            &format!("127.0.0.1:{control}"),
            "-dns01",
            &resolver,
        ];
        let program = |name| installed("", name).expect("the tests need pebble");
        let names =
            Process::start_group(&program("pebble-challtestsrv"), folder.path(), &names, &[]);
        let environment = [
            ("PEBBLE_VA_NOSLEEP", "1".to_owned()),
            ("PEBBLE_AUTHZREUSE", "0".to_owned()),
            ("PEBBLE_WFE_NONCEREJECT", percent.to_string()),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value));
        let arguments = ["-config", "pebble.json", "-dnsserver", &resolver];
        let pebble = program("pebble");
        let process = Process::start_group(&pebble, folder.path(), &arguments, &environment);
        let listens = |line: &str| line.contains("Listening on").then_some(());
        process.log.find("Pebble", listens).await;
        Self {
            authority,
            process,
            _resolver: names,
            _folder: folder,
            port,
            management,
        }
    }

    /// The settings of a server that orders certificates for these names here.
    #[must_use]
    pub fn settings(&self, https: u16, names: &[&str]) -> String {
        let (port, root) = (self.port, self.root());
        format!(
            "[listen]\nhttps = \"127.0.0.1:{https}\"\n[tls]\nacme = {{ names = {names:?}, contact = \"mailto:a@example.com\", \
             directory = \"https://localhost:{port}/dir\", directory_root = {root:?} }}\n"
        )
    }

    /// The file with the authority of its own certificate, which is not that of the certificates that it issues.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        self.authority.file()
    }

    /// Has it answer nothing, without closing a connection, until [`Self::go_on`].
    pub fn hang(&self) {
        self.process.pause();
    }

    /// Has it answer again, also what was asked meanwhile.
    pub fn go_on(&self) {
        self.process.resume();
    }

    /// How many orders were placed.
    #[must_use]
    pub fn orders(&self) -> usize {
        self.process.log.text().matches("Added order ").count()
    }

    /// A client that trusts what it issues.
    ///
    /// # Panics
    /// When it does not answer.
    pub async fn client(&self, protocols: &[&str]) -> Secure {
        Secure::trusting(self.issuer().await.as_bytes(), protocols)
    }

    /// The authority of what it issues, in PEM.
    ///
    /// # Panics
    /// When it does not answer.
    pub async fn issuer(&self) -> String {
        let secure = Secure::new(&self.authority, &[]);
        let url = format!("https://127.0.0.1:{}", self.management);
        let stream = until("Pebble's root", async || {
            secure.try_connect(&url, "localhost").await.ok()
        })
        .await;
        let host = [("host", "localhost")];
        let get = request(Method::GET, "/roots/0", &host, Bytes::new());
        let response = http1(stream).await.send_request(get).await;
        whole(response.expect("Pebble answers")).await.text()
    }
}

/// A port that was free a moment before.
///
/// # Panics
/// When all are taken.
#[must_use]
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("it is bound").port()
}
