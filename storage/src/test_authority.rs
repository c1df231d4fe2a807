//! An authority of a test's own, and the certificates that it signs.

use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

/// What `openssl` reads of the names in a certificate.
const REQUEST: &str = "[req]\ndistinguished_name = names\nprompt = no\n[names]\nCN = terrace\n\
     [authority]\nbasicConstraints = critical, CA:TRUE\nkeyUsage = critical, keyCertSign\n\
     [server]\nsubjectAltName = DNS:localhost\n";

/// A new key for each certificate.
const NEW_KEY: [&str; 5] = [
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:prime256v1",
    "-nodes",
];

/// An authority of a test's own.
pub(crate) struct Authority(TempDir);

/// A certificate with its key, as text.
pub(crate) struct Certificate {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("names"), REQUEST).unwrap();
        let authority = Self(folder);
        let arguments = [
            "req",
            "-x509",
            "-config",
            "names",
            "-extensions",
            "authority",
            "-days",
            "2",
            "-keyout",
            "authority.key",
            "-out",
            "authority.pem",
        ];
        authority.openssl(&[&arguments[..], &NEW_KEY].concat());
        authority
    }

    /// A certificate for `localhost` that is valid for so many days from now on.
    pub(crate) fn sign(&self, days: &str) -> Certificate {
        let arguments = [
            "req",
            "-new",
            "-config",
            "names",
            "-keyout",
            "server.key",
            "-out",
            "request",
        ];
        self.openssl(&[&arguments[..], &NEW_KEY].concat());
        self.openssl(&[
            "x509",
            "-req",
            "-in",
            "request",
            "-CA",
            "authority.pem",
            "-CAkey",
            "authority.key",
            "-set_serial",
            "1",
            "-days",
            days,
            "-extfile",
            "names",
            "-extensions",
            "server",
            "-out",
            "server.pem",
        ]);
        let read = |name: &str| std::fs::read_to_string(self.0.path().join(name)).unwrap();
        Certificate {
            certificate: read("server.pem"),
            key: read("server.key"),
        }
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.0.path().join("authority.pem")
    }

    fn openssl(&self, arguments: &[&str]) {
        let output = Command::new("openssl")
            .args(arguments)
            .current_dir(self.0.path())
            .output()
            .expect("the tests need openssl");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}");
    }
}
