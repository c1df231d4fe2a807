//! Reads the URL of a database: `postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=…`. Checking certificates is left to
//! [`super::tls`].

use std::path::PathBuf;

use percent_encoding::percent_decode_str;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use crate::limits::{
    CONNECT_TIMEOUT, KEEPALIVE_IDLE, KEEPALIVE_INTERVAL, KEEPALIVE_RETRIES, MAX_UNACKNOWLEDGED,
};
use crate::sql::open::{OpenError, PostgresOptions};

/// How the server must prove who it is, as libpq's `sslmode` has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    /// `disable`, `prefer` and `require`: not at all.
    None,
    /// `verify-ca`: an authority that is trusted signed its certificate.
    Authority,
    /// `verify-full`: also, the certificate is for the host in the URL.
    Host,
}

/// A URL that was read.
#[derive(Debug)]
pub(super) struct Address {
    pub(super) config: Config,
    pub(super) proof: Proof,
    /// The file of trusted authorities; without it, those that browsers trust.
    pub(super) authorities: Option<PathBuf>,
    /// For messages, without the password.
    pub(super) shown: String,
}

/// The setting of a session that has it only if no pooler is between here and the server.
pub(super) const DIRECT: &str = "terrace.direct";

impl Address {
    /// Reads a URL. The options' password replaces one in the URL.
    pub(super) fn read(
        url: &str,
        options: &PostgresOptions,
        node: &str,
    ) -> Result<Self, OpenError> {
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let mut rest = Vec::new();
        let (mut mode, mut authorities) = (None, None);
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            match key {
                "sslmode" => mode = Some(decoded(value)?),
                "sslrootcert" => authorities = Some(decoded(value)?),
                _ => rest.push(pair),
            }
        }
        let rest = format!("{base}?{}", rest.join("&"));
        let mut config: Config = rest.trim_end_matches('?').parse().map_err(|error| {
            let source = std::error::Error::source(&error);
            wrong(source.map_or_else(|| "it cannot be read".to_owned(), ToString::to_string))
        })?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(wrong("it has no host".to_owned()));
        }
        if let Some(password) = &options.password {
            config.password(password);
        }
        config
            .application_name(node)
            .keepalives_idle(KEEPALIVE_IDLE)
            .keepalives_interval(KEEPALIVE_INTERVAL)
            .keepalives_retries(KEEPALIVE_RETRIES);
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(MAX_UNACKNOWLEDGED);
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        let has_authorities = authorities.as_deref().is_some_and(|path| path != "system");
        let proof = set_mode(&mut config, mode.as_deref(), has_authorities)?;
        Ok(Self {
            shown: shown(url),
            config,
            proof,
            authorities: authorities.filter(|_| has_authorities).map(PathBuf::from),
        })
    }
}

impl Address {
    /// The same with options that a server takes, and a pooler does not pass on: [`DIRECT`] says afterwards which of them it is.
    pub(super) fn direct(&self) -> Config {
        let mut config = self.config.clone();
        let given = config.get_options().map(str::to_owned);
        // A user's own schema is the first for its tables, and this one is the engine's.
        let given = given.unwrap_or_else(|| match config.get_user() {
            Some("terrace") => "-c search_path=public".to_owned(),
            _ => String::new(),
        });
        config.options(format!("{given} -c {DIRECT}=on"));
        config
    }
}

/// The URL without user, password and parameters.
fn shown(url: &str) -> String {
    let base = url.split_once('?').map_or(url, |(base, _)| base);
    let (scheme, rest) = base.split_once("://").unwrap_or(("postgres", base));
    let place = rest.rsplit_once('@').map_or(rest, |(_, place)| place);
    let place = percent_decode_str(place).decode_utf8_lossy();
    format!("{scheme}://{place}")
}

/// Sets the mode, and says what the server must prove.
fn set_mode(
    config: &mut Config,
    mode: Option<&str>,
    has_authorities: bool,
) -> Result<Proof, OpenError> {
    let (mode, proof) = match mode {
        Some("disable") => (SslMode::Disable, Proof::None),
        None | Some("prefer") => (SslMode::Prefer, Proof::None),
        // As libpq: who names authorities wants them asked.
        Some("require") if has_authorities => (SslMode::Require, Proof::Authority),
        Some("require") => (SslMode::Require, Proof::None),
        Some("verify-ca") => (SslMode::Require, Proof::Authority),
        Some("verify-full") => (SslMode::Require, Proof::Host),
        Some(_) => {
            let reason = "`sslmode` is one of disable, prefer, require, verify-ca and verify-full";
            return Err(wrong(reason.to_owned()));
        }
    };
    // A socket in the file system has no TLS, as in libpq.
    let hosts = config.get_hosts();
    let is_local = !hosts.is_empty() && hosts.iter().all(|host| matches!(host, Host::Unix(_)));
    config.ssl_mode(if is_local { SslMode::Disable } else { mode });
    Ok(proof)
}

fn decoded(value: &str) -> Result<String, OpenError> {
    let text = percent_decode_str(value).decode_utf8();
    text.map(Into::into)
        .map_err(|_| wrong("a parameter is not UTF-8".to_owned()))
}

fn wrong(message: String) -> OpenError {
    OpenError::Url {
        message,
        form: "postgres://USER@HOST:PORT/DATABASE",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str) -> Address {
        Address::read(url, &PostgresOptions::default(), "node").unwrap()
    }

    #[test]
    fn modes_are_those_of_libpq() {
        for (parameters, mode, proof) in [
            ("", SslMode::Prefer, Proof::None),
            ("?sslmode=disable", SslMode::Disable, Proof::None),
            ("?sslmode=require", SslMode::Require, Proof::None),
            (
                "?sslmode=require&sslrootcert=ca.pem",
                SslMode::Require,
                Proof::Authority,
            ),
            ("?sslmode=verify-ca", SslMode::Require, Proof::Authority),
            (
                "?connect_timeout=3&sslmode=verify-full",
                SslMode::Require,
                Proof::Host,
            ),
        ] {
            let address = read(&format!("postgres://u@example.com/db{parameters}"));
            assert_eq!(
                (address.config.get_ssl_mode(), address.proof),
                (mode, proof),
                "{parameters}"
            );
        }
        let address = read("postgres://u@%2Fvar%2Frun/db?sslmode=verify-full");
        assert_eq!(address.config.get_ssl_mode(), SslMode::Disable);
    }

    #[test]
    fn authorities_are_a_file_or_those_of_browsers() {
        let address = read("postgres://h/db?sslmode=verify-full&sslrootcert=%2Fetc%2Fca%20one.pem");
        assert_eq!(address.authorities, Some(PathBuf::from("/etc/ca one.pem")));
        let address = read("postgres://h/db?sslmode=verify-full&sslrootcert=system");
        assert_eq!(address.authorities, None);
    }

    #[test]
    fn passwords_are_never_shown() {
        for url in [
            "postgres://user:hush@example.com:5433/db?sslmode=nonsense",
            "postgres://user:hush@example.com/db?hush=hush2",
            "postgres://user:hush@/db?port=hush",
        ] {
            let error = Address::read(url, &PostgresOptions::default(), "node")
                .unwrap_err()
                .to_string();
            assert!(!error.contains("user:hush"), "{error}");
        }
        let shown = shown("postgres://user:hush@example.com:5433/db?password=hush");
        assert_eq!(shown, "postgres://example.com:5433/db");
    }

    #[test]
    fn password_from_elsewhere_replaces_that_of_the_url() {
        let options = PostgresOptions {
            password: Some("new".to_owned()),
            ..PostgresOptions::default()
        };
        let address = Address::read("postgres://u:old@h/db", &options, "node").unwrap();
        assert_eq!(address.config.get_password(), Some(&b"new"[..]));
    }

    #[test]
    fn options_of_the_url_are_kept() {
        for (url, expected) in [
            ("postgres://u@h/db", " -c terrace.direct=on"),
            (
                "postgres://terrace@h/db",
                "-c search_path=public -c terrace.direct=on",
            ),
            (
                "postgres://terrace@h/db?options=-cjit%3Doff",
                "-cjit=off -c terrace.direct=on",
            ),
        ] {
            assert_eq!(read(url).direct().get_options(), Some(expected));
        }
    }
}
