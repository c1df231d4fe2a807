//! A certificate authority of a test's own, made with `openssl`.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// What `openssl` reads of the authority.
const AUTHORITY: &str = "[req]\ndistinguished_name = names\nprompt = no\n[names]\nCN = terrace\n\
     [authority]\nbasicConstraints = critical, CA:TRUE\nkeyUsage = critical, keyCertSign\n";

/// A new key for each certificate.
const NEW_KEY: [&str; 5] = [
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:prime256v1",
    "-nodes",
];

/// An authority. Its files vanish with it.
#[derive(Debug)]
pub struct Authority(TempDir);

/// A certificate with its key, in PEM.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// The certificate.
    pub certificate: String,
    /// Its private key.
    pub key: String,
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Authority {
    /// A new authority.
    ///
    /// # Panics
    /// Without `openssl`.
    #[must_use]
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("there is room for a file");
        let authority = Self(folder);
        authority.write("authority.cnf", AUTHORITY);
        let arguments = [
            "req",
            "-x509",
            "-config",
            "authority.cnf",
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

    /// A certificate for these host names that is valid for so many days from now on; it has expired if the number is
    /// negative.
    ///
    /// # Panics
    /// If `openssl` fails.
    #[must_use]
    pub fn sign(&self, hosts: &[&str], days: &str) -> Certificate {
        let hosts = hosts.iter().map(|host| format!("DNS:{host}"));
        let hosts = hosts.collect::<Vec<_>>().join(",");
        let config = format!("{AUTHORITY}[server]\nsubjectAltName = {hosts}\n");
        self.write("server.cnf", &config);
        let arguments = [
            "req",
            "-new",
            "-config",
            "server.cnf",
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
            "server.cnf",
            "-extensions",
            "server",
            "-out",
            "server.pem",
        ]);
        let read = |name: &str| {
            let read = std::fs::read_to_string(self.0.path().join(name));
            read.expect("`openssl` wrote it")
        };
        Certificate {
            certificate: read("server.pem"),
            key: read("server.key"),
        }
    }

    /// The file with the authority's own certificate.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.0.path().join("authority.pem")
    }

    fn write(&self, name: &str, text: &str) {
        let written = std::fs::write(self.0.path().join(name), text);
        written.expect("there is room for a file");
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

impl Certificate {
    /// Writes `NAME.pem` and `NAME.key` into a folder, each in one step as certbot does.
    ///
    /// # Panics
    /// If the folder is not there.
    pub fn write(&self, folder: &Path, name: &str) {
        for (ending, text) in [("pem", &self.certificate), ("key", &self.key)] {
            let (new, file) = (
                folder.join(format!("{name}.{ending}.new")),
                folder.join(format!("{name}.{ending}")),
            );
            let written = std::fs::write(&new, text);
            written
                .and_then(|()| std::fs::rename(&new, &file))
                .expect("the folder is there");
        }
    }
}
