//! Each `sslmode` against a server with certificates of the test's own.

use std::net::TcpListener;
use std::path::Path;

use crate::OpenError;
use crate::sql::Database;
use crate::sql::tests::harness::{one, patient};
use crate::test_authority::{Authority, Certificate};
use crate::test_server::Server;

/// A server on a port of this machine.
struct OnPort {
    server: Server,
    port: u16,
}

impl OnPort {
    /// A server with this certificate, or without TLS.
    fn start(certificate: Option<&Certificate>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let settings = [
            "listen_addresses=127.0.0.1".to_owned(),
            format!("port={port}"),
        ];
        let mut server = Server::with(&settings.each_ref().map(String::as_str));
        if let Some(Certificate { certificate, key }) = certificate {
            server.put("server.crt", certificate);
            server.put("server.key", key);
            server.put("postgresql.auto.conf", "ssl = on\n");
            server.kill();
            server.restart();
        }
        Self { server, port }
    }

    fn open(
        &self,
        host: &str,
        mode: &str,
        authorities: Option<&Path>,
    ) -> Result<Database, OpenError> {
        let mut url = format!("postgres://terrace@{host}:{}/postgres?{mode}", self.port);
        if let Some(file) = authorities {
            let file = file.display().to_string().replace('/', "%2F");
            url.push_str(&format!("&sslrootcert={file}"));
        }
        Database::open_postgres(&url, &patient())
    }
}

const MODES: [&str; 5] = ["disable", "prefer", "require", "verify-ca", "verify-full"];

#[test]
fn certificates_are_checked_as_far_as_the_mode_says() {
    let authority = Authority::new();
    let good = OnPort::start(Some(&authority.sign(&["localhost"], "2")));
    let expired = OnPort::start(Some(&authority.sign(&["localhost"], "-1")));
    let other = Authority::new();
    // The server, the host in the URL, the authorities, and how many of the modes take it.
    for (server, host, trusted, taken) in [
        (&good, "localhost", &authority, 5),
        (&good, "127.0.0.1", &authority, 4),
        (&good, "localhost", &other, 2),
        (&expired, "localhost", &authority, 2),
    ] {
        for (at, mode) in MODES.iter().enumerate() {
            let mode = format!("sslmode={mode}");
            let opened = server.open(host, &mode, Some(&trusted.file()));
            match opened {
                Ok(_) => assert!(at < taken, "{host} {mode}"),
                Err(OpenError::Certificate { message, .. }) => {
                    assert!(at >= taken, "{host} {mode}: {message}");
                }
                Err(other) => panic!("{host} {mode}: {other}"),
            }
        }
    }
    // As libpq: without authorities, `require` takes any certificate.
    expired.open("127.0.0.1", "sslmode=require", None).unwrap();
    let browsers = good.open("localhost", "sslmode=verify-full", None);
    let error = browsers.unwrap_err().to_string();
    assert!(error.contains("sslrootcert"), "{error}");
}

#[tokio::test]
async fn connections_are_encrypted_where_the_server_can_do_it() {
    let authority = Authority::new();
    let with_tls = OnPort::start(Some(&authority.sign(&["localhost"], "2")));
    for (mode, expected) in [("disable", "f"), ("prefer", "t"), ("require", "t")] {
        let database = with_tls.open("localhost", &format!("sslmode={mode}"), None);
        let database = database.unwrap();
        let mut session = database.session();
        one(&mut session, "SELECT 1").await;
        let query = "SELECT bool_or(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
             WHERE application_name LIKE 'terrace %'";
        assert_eq!(with_tls.server.run(query), expected, "{mode}");
    }
    let without = OnPort::start(None);
    for mode in ["disable", "prefer"] {
        let mode = format!("sslmode={mode}");
        without.open("localhost", &mode, None).unwrap();
    }
    for mode in ["require", "verify-ca", "verify-full"] {
        let mode = format!("sslmode={mode}");
        let error = without.open("localhost", &mode, None).unwrap_err();
        assert!(matches!(error, OpenError::Certificate { .. }), "{error:?}");
        let error = error.to_string();
        assert!(error.contains("does not support TLS"), "{error}");
    }
    let missing = Path::new("/nonexistent/authorities.pem");
    let error = with_tls.open("localhost", "sslmode=verify-ca", Some(missing));
    let error = error.unwrap_err();
    assert!(matches!(error, OpenError::Authorities { .. }), "{error:?}");
}
