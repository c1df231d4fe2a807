//! Reads the URL of a server: `redis://USER:PASSWORD@HOST:PORT/NUMBER`, `rediss://…` with TLS, or `redis+unix:///PATH`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use percent_encoding::percent_decode_str;
use redis::{ConnectionAddr, IntoConnectionInfo, RedisConnectionInfo};
use rustls::ClientConfig;
use rustls::crypto::ring;

use crate::authorities;
use crate::sql::open::{OpenError, RedisOptions};

/// What users write.
const FORM: &str = "redis://USER:PASSWORD@HOST:PORT/NUMBER, or rediss:// for TLS";

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Host and port.
    Network(String, u16),
    /// A socket in the file system.
    Socket(PathBuf),
}

/// A URL that was read.
#[derive(Clone)]
pub(super) struct Address {
    pub(super) place: Place,
    /// Checks the server's certificate; absent for a connection without TLS.
    pub(super) tls: Option<Arc<ClientConfig>>,
    /// User, password and the number of the database.
    pub(super) login: RedisConnectionInfo,
    /// For messages, without user and password.
    pub(super) shown: String,
}

impl Address {
    /// Reads a URL. The options' password replaces one in the URL.
    pub(super) fn read(url: &str, options: &RedisOptions) -> Result<Self, OpenError> {
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let (scheme, rest) = base.split_once(':').unwrap_or((base, ""));
        let is_secure = scheme == "rediss";
        let (mut authorities, mut kept) = (None, Vec::new());
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("sslrootcert", file)) if is_secure => authorities = Some(decoded(file)?),
                Some(("db" | "user" | "pass", _)) if scheme == "redis+unix" => kept.push(pair),
                _ => return Err(wrong("it has a parameter that is not known")),
            }
        }
        let plain = match scheme {
            "redis" | "rediss" if !base.contains('#') => format!("redis:{rest}"),
            "redis+unix" => format!("{base}?{}", kept.join("&")),
            _ => {
                return Err(wrong(
                    "its scheme is not one of redis, rediss and redis+unix",
                ));
            }
        };
        let read = plain.into_connection_info();
        let read = read.map_err(|error| wrong(error.detail().unwrap_or("it cannot be read")))?;
        let place = match read.addr() {
            ConnectionAddr::Tcp(host, port) => Place::Network(host.clone(), *port),
            ConnectionAddr::Unix(path) => Place::Socket(path.clone()),
            _ => return Err(wrong("it cannot be read")),
        };
        let mut login = read.redis_settings().clone().set_skip_set_lib_name();
        if let Some(password) = &options.password {
            login = login.set_password(password);
        }
        Ok(Self {
            tls: match is_secure {
                true => Some(checking(authorities.as_deref())?),
                false => None,
            },
            shown: shown(scheme, &place, login.db()),
            place,
            login,
        })
    }
}

/// Accepts a certificate that is for the host of the URL and signed by an authority that is trusted.
fn checking(authorities: Option<&Path>) -> Result<Arc<ClientConfig>, OpenError> {
    let roots =
        authorities::trusted(authorities).map_err(|message| OpenError::Authorities { message })?;
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has the cipher suites of TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

fn shown(scheme: &str, place: &Place, database: i64) -> String {
    match place {
        Place::Network(host, port) if host.contains(':') => {
            format!("{scheme}://[{host}]:{port}/{database}")
        }
        Place::Network(host, port) => format!("{scheme}://{host}:{port}/{database}"),
        Place::Socket(path) => format!("{scheme}://{}?db={database}", path.display()),
    }
}

fn decoded(file: &str) -> Result<PathBuf, OpenError> {
    let text = percent_decode_str(file).decode_utf8();
    text.map(|text| PathBuf::from(&*text))
        .map_err(|_| wrong("a parameter is not UTF-8"))
}

fn wrong(message: &str) -> OpenError {
    OpenError::Url {
        message: message.to_owned(),
        form: FORM,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str) -> Result<Address, OpenError> {
        Address::read(url, &RedisOptions::default())
    }

    #[test]
    fn urls_name_place_database_and_user() {
        for (url, host, port, database, user, password) in [
            ("redis://cache", "cache", 6379, 0, None, None),
            ("redis://cache:7000/3", "cache", 7000, 3, None, None),
            ("rediss://cache/1", "cache", 6379, 1, None, None),
            ("redis://[::1]:7000", "::1", 7000, 0, None, None),
            ("redis://:a%2Fb@c", "c", 6379, 0, None, Some("a/b")),
            ("redis://u:hush@c", "c", 6379, 0, Some("u"), Some("hush")),
        ] {
            let address = read(url).unwrap();
            assert_eq!(
                address.place,
                Place::Network(host.to_owned(), port),
                "{url}"
            );
            let login = &address.login;
            let found = (login.db(), login.username(), login.password());
            assert_eq!(found, (database, user, password), "{url}");
            assert_eq!(address.tls.is_some(), url.starts_with("rediss"), "{url}");
        }
        let address = read("redis+unix:///run/redis.sock?db=2").unwrap();
        assert_eq!(address.place, Place::Socket("/run/redis.sock".into()));
        assert_eq!(address.login.db(), 2);
    }

    #[test]
    fn wrong_urls_are_refused_and_passwords_never_shown() {
        for url in [
            "redis://u:hush@cache/hush",
            "redis://u:hush@cache?hush=hush",
            "redis://u:hush@cache:hush",
            "redis://u:hush@cache?sslrootcert=hush",
            "rediss://u:hush@cache#insecure",
            "http://u:hush@cache",
            "redis",
            "redis://",
            "redis://u:hush@0.0.0.0",
        ] {
            let error = read(url).err().expect(url).to_string();
            assert!(!error.contains("hush"), "{error}");
            assert!(error.contains("redis://USER:PASSWORD@HOST"), "{error}");
        }
        let address = read("redis://user:hush@cache:7000/3").unwrap();
        assert_eq!(address.shown, "redis://cache:7000/3");
    }

    #[test]
    fn password_from_elsewhere_replaces_that_of_the_url() {
        let options = RedisOptions {
            password: Some("new".to_owned()),
            ..RedisOptions::default()
        };
        let address = Address::read("redis://u:old@cache", &options).unwrap();
        assert_eq!(address.login.password(), Some("new"));
        assert_eq!(address.login.username(), Some("u"));
    }
}
