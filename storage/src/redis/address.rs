//! Reads the URL of a server: `redis://USER:PASSWORD@HOST:PORT/NUMBER`, `rediss://…` with TLS, or `redis+unix:///PATH`; and that of a
//! Cluster: `redis://USER:PASSWORD@HOST:PORT,HOST:PORT/?cluster=true`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use percent_encoding::percent_decode_str;
use redis::{ConnectionAddr, IntoConnectionInfo, RedisConnectionInfo};
use rustls::ClientConfig;
use rustls::crypto::ring;

use crate::authorities;
use crate::sql::open::{OpenError, RedisOptions};

/// What users write.
const FORM: &str = "redis://USER:PASSWORD@HOST:PORT/NUMBER, or rediss:// for TLS; for a Cluster \
     redis://USER:PASSWORD@HOST:PORT,HOST:PORT/?cluster=true";

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// Host and port.
    Network(String, u16),
    /// A socket in the file system.
    Socket(PathBuf),
}

/// The server of a URL.
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

/// A URL that was read.
pub(super) enum Target {
    Alone(Address),
    /// Some servers of a Cluster, of which any knows all. There is at least one.
    Cluster(Vec<Address>),
}

/// The parameters of a URL.
#[derive(Default)]
struct Parameters<'u> {
    authorities: Option<PathBuf>,
    is_cluster: bool,
    /// Those that the driver reads.
    kept: Vec<&'u str>,
}

impl Target {
    /// Reads a URL. The options' password replaces one in the URL.
    pub(super) fn read(url: &str, options: &RedisOptions) -> Result<Self, OpenError> {
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let (scheme, rest) = base.split_once(':').unwrap_or((base, ""));
        let parameters = Parameters::read(query, scheme)?;
        let plain = match scheme {
            "redis" | "rediss" if !base.contains('#') => format!("redis:{rest}"),
            "redis+unix" => format!("{base}?{}", parameters.kept.join("&")),
            _ => {
                return Err(wrong(
                    "its scheme is not one of redis, rediss and redis+unix",
                ));
            }
        };
        let tls = match scheme {
            "rediss" => Some(checking(parameters.authorities.as_deref())?),
            _ => None,
        };
        let urls = each_server(&plain);
        if urls.len() > 1 && !parameters.is_cluster {
            return Err(wrong(
                "several servers are a Cluster: add the parameter cluster=true",
            ));
        }
        let addresses = urls.iter().map(|url| {
            let mut address = Address::read(url, tls.clone())?;
            if let Some(password) = &options.password {
                address.login = address.login.set_password(password);
            }
            Ok(address)
        });
        let mut addresses = addresses.collect::<Result<Vec<_>, OpenError>>()?;
        if !parameters.is_cluster {
            return Ok(Self::Alone(addresses.remove(0)));
        }
        if addresses.iter().any(|address| address.login.db() != 0) {
            return Err(wrong("a Cluster has only the database 0"));
        }
        Ok(Self::Cluster(addresses))
    }
}

impl<'u> Parameters<'u> {
    fn read(query: &'u str, scheme: &str) -> Result<Self, OpenError> {
        let mut parameters = Self::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("sslrootcert", file)) if scheme == "rediss" => {
                    parameters.authorities = Some(decoded(file)?);
                }
                Some(("cluster", "true")) if scheme != "redis+unix" => {
                    parameters.is_cluster = true;
                }
                Some(("db" | "user" | "pass", _)) if scheme == "redis+unix" => {
                    parameters.kept.push(pair);
                }
                _ => return Err(wrong("it has a parameter that is not known")),
            }
        }
        Ok(parameters)
    }
}

/// A URL for each of the servers of one, which commas separate.
fn each_server(url: &str) -> Vec<String> {
    let (before, rest) = url.split_at(url.find("//").map_or(0, |at| at + 2));
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (login, hosts) = authority.split_at(authority.rfind('@').map_or(0, |at| at + 1));
    let hosts = hosts.split(',');
    hosts
        .map(|host| format!("{before}{login}{host}{path}"))
        .collect()
}

impl Address {
    /// Reads the URL of one server, as the driver does.
    fn read(url: &str, tls: Option<Arc<ClientConfig>>) -> Result<Self, OpenError> {
        let read = url.into_connection_info();
        let read = read.map_err(|error| wrong(error.detail().unwrap_or("it cannot be read")))?;
        let place = match read.addr() {
            ConnectionAddr::Tcp(host, port) => Place::Network(host.clone(), *port),
            ConnectionAddr::Unix(path) => Place::Socket(path.clone()),
            _ => return Err(wrong("it cannot be read")),
        };
        let login = read.redis_settings().clone().set_skip_set_lib_name();
        Ok(Self {
            shown: shown(tls.is_some(), &place, login.db()),
            tls,
            place,
            login,
        })
    }

    /// Another server of the same Cluster.
    pub(super) fn at(&self, place: Place) -> Self {
        Self {
            shown: shown(self.tls.is_some(), &place, 0),
            place,
            ..self.clone()
        }
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

fn shown(is_secure: bool, place: &Place, database: i64) -> String {
    let scheme = if is_secure { "rediss" } else { "redis" };
    match place {
        Place::Network(host, port) if host.contains(':') => {
            format!("{scheme}://[{host}]:{port}/{database}")
        }
        Place::Network(host, port) => format!("{scheme}://{host}:{port}/{database}"),
        Place::Socket(path) => format!("redis+unix://{}?db={database}", path.display()),
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

    fn read_with(url: &str, options: &RedisOptions) -> Result<Address, OpenError> {
        match Target::read(url, options)? {
            Target::Alone(address) => Ok(address),
            Target::Cluster(_) => Err(wrong("it is a Cluster")),
        }
    }

    fn read(url: &str) -> Result<Address, OpenError> {
        read_with(url, &RedisOptions::default())
    }

    fn cluster(url: &str) -> Vec<String> {
        match Target::read(url, &RedisOptions::default()).unwrap() {
            Target::Cluster(servers) => servers.into_iter().map(|one| one.shown).collect(),
            Target::Alone(_) => Vec::new(),
        }
    }

    #[test]
    fn servers_of_a_cluster_are_separated_by_commas() {
        assert_eq!(
            cluster("redis://u:a%2Cb@a:7000,b,[::1]:7002/?cluster=true"),
            [
                "redis://a:7000/0",
                "redis://b:6379/0",
                "redis://[::1]:7002/0"
            ]
        );
        assert_eq!(cluster("rediss://a?cluster=true"), ["rediss://a:6379/0"]);
        for (url, expected) in [
            ("redis://u:hush@a,b", "cluster=true"),
            ("redis://u:hush@a,b/1?cluster=true", "only the database 0"),
            ("redis://u:hush@a,/?cluster=true", "for a Cluster"),
            ("redis://a?cluster=hush", "not known"),
            ("redis+unix:///hush?cluster=true", "not known"),
        ] {
            let read = Target::read(url, &RedisOptions::default());
            let error = read.err().expect(url).to_string();
            assert!(error.contains(expected), "{url}: {error}");
            assert!(!error.contains("hush"), "{error}");
        }
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
        let address = read_with("redis://u:old@cache", &options).unwrap();
        assert_eq!(address.login.password(), Some("new"));
        assert_eq!(address.login.username(), Some("u"));
    }
}
